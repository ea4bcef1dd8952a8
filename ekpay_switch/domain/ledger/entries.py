"""Double entry: postings, journal entries and the hash chain that binds them.

The signed `amount` of a posting is in minor units, debit positive, and an entry sums to zero in
one currency. Python refuses an unbalanced entry here; PostgreSQL refuses it again by a trigger.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from ekpay_switch.domain.errors import UnbalancedEntryError, UnknownAccountError
from ekpay_switch.domain.money import BDT

GENESIS = bytes(32)


class AccountKind(StrEnum):
    """The four kinds of account that we keep."""

    ASSET = "asset"
    EXPENSE = "expense"
    LIABILITY = "liability"
    INCOME = "income"

    @property
    def is_debit_normal(self) -> bool:
        """Whether a debit makes the account's own balance grow."""
        return self in {AccountKind.ASSET, AccountKind.EXPENSE}


# The first part of an account code says what it is (architecture.md 6). A prefund is kept as a balance on its
# row and has a floor; every other balance is the sum of its postings.
CHART = MappingProxyType(
    {
        "prefund": AccountKind.LIABILITY,
        "in_flight": AccountKind.LIABILITY,
        "payable": AccountKind.LIABILITY,
        "refund_due": AccountKind.LIABILITY,
        "suspense": AccountKind.LIABILITY,
        "vat_payable": AccountKind.LIABILITY,
        "withheld_tax_payable": AccountKind.LIABILITY,
        "stamp_payable": AccountKind.LIABILITY,
        "commission_payable": AccountKind.LIABILITY,
        "clearing": AccountKind.LIABILITY,
        "withdrawal_due": AccountKind.LIABILITY,
        "sweep_due": AccountKind.LIABILITY,
        "deposit_due": AccountKind.LIABILITY,
        "own_funds": AccountKind.LIABILITY,
        "receivable": AccountKind.ASSET,
        "disputed": AccountKind.ASSET,
        "settlement_bank": AccountKind.ASSET,
        "biller_deposit": AccountKind.ASSET,
        "claim": AccountKind.ASSET,
        "connector_fee": AccountKind.EXPENSE,
        "agent_commission": AccountKind.EXPENSE,
        "bank_charges": AccountKind.EXPENSE,
        "write_off": AccountKind.EXPENSE,
        "rounding": AccountKind.INCOME,
        "charge_income": AccountKind.INCOME,
        "fee_income": AccountKind.INCOME,
    }
)


def kind_of(account: str) -> AccountKind:
    """What kind of account a code names.

    Raises:
        UnknownAccountError: its first part is not in the chart.
    """
    kind = CHART.get(account.split(":", 1)[0])
    if kind is None:
        raise UnknownAccountError(f"{account} is not in the chart of accounts")
    return kind


def keeps_balance(account: str) -> bool:
    """Whether the account's row carries its balance and floor: prefunds do, nothing else."""
    return account.startswith("prefund:")


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an entry: an account and a signed amount, debit positive, in minor units."""

    account: str
    amount: int


def increase(account: str, amount: int) -> Posting:
    """The posting that raises the account's own balance by `amount`, whichever its kind."""
    return Posting(account, amount if kind_of(account).is_debit_normal else -amount)


def decrease(account: str, amount: int) -> Posting:
    """The posting that lowers the account's own balance by `amount`."""
    return increase(account, -amount)


@dataclass(frozen=True, slots=True)
class Entry:
    """Postings that sum to zero; an unbalanced entry cannot be made.

    `moment` names the row of the posting table that made it. `of` drops postings of zero.
    """

    moment: str
    postings: tuple[Posting, ...]
    currency: str = BDT

    def __post_init__(self) -> None:
        if sum(posting.amount for posting in self.postings) != 0 or not self.postings:
            raise UnbalancedEntryError

    @classmethod
    def of(cls, moment: str, postings: Iterable[Posting], currency: str = BDT) -> "Entry":
        """Build an entry without its zero lines; raises `UnbalancedEntryError`."""
        return cls(moment, tuple(posting for posting in postings if posting.amount), currency)

    def reversal(self) -> "Entry":
        """The entry that reverses this one, line by line."""
        undone = tuple(Posting(posting.account, -posting.amount) for posting in self.postings)
        return Entry(f"{self.moment}_reversed", undone, self.currency)


@dataclass(frozen=True, slots=True)
class EntryHeader:
    """The identity, payment, day and window of a stored entry; all of it is hashed."""

    entry_id: UUID
    payment_id: UUID | None
    business_date: date
    window_id: int


def chain_hash(previous: bytes, written: EntryHeader, entry: Entry) -> bytes:
    """SHA-256 over the previous hash of the lane and the entry's canonical text.

    Canonical means: a version word, then entry, payment, day, window, moment and currency, then
    each posting in order as account and amount, separated by bytes that no field may contain.
    """
    head = (written.entry_id, written.payment_id, written.business_date, written.window_id)
    return hashlib.sha256(previous + canonical_text([str(part) for part in head], entry)).digest()


def canonical_text(head: Sequence[str], entry: Entry) -> bytes:
    """The text that `chain_hash` covers, as bytes."""
    fields = ["ekpay-entry-1", *head, entry.moment, entry.currency]
    for posting in entry.postings:
        fields += (posting.account, str(posting.amount))
    return "\x1f".join(fields).encode()
