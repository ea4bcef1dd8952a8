"""A bank's statement of one account: the common result of the readers of camt and MT940."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from reconciliation.digests import sha256_of
from reconciliation.errors import ControlTotalError


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One booking: signed paisa, positive for money that came in.

    `reference` is that of the sender (EndToEndId, or the customer reference of :61:),
    `bank_reference` the bank's own. `ordinal` counts from 1 in the file, `line` is where it begins. `parts`
    are the payments of a batch, where the message has each with its amount; they sum to the entry.
    """

    ordinal: int
    booked_on: date
    value_date: date
    amount: int
    currency: str
    reference: str
    bank_reference: str
    text: str
    is_reversal: bool
    line: int = 0
    parts: "tuple[StatementEntry, ...]" = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything but its place."""
        facts = (self.booked_on, self.value_date, self.amount, self.currency, self.reference)
        text = "\x1f".join(map(str, (*facts, self.bank_reference, self.text, self.is_reversal)))
        return sha256_of(text.encode())[:32]


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """The bookings of one account between two balances; `opening` and `closing` are None where absent.

    `kind` is that of the message (`Stmt`, `Rpt` or `Ntfctn` of camt; `940` or `942`), `controls` are the
    counts and sums that the message stated and that were found to agree, as `statement.control_totals` names
    them.
    """

    identification: str
    account: str
    sequence: int | None
    opening: int | None
    closing: int | None
    entries: tuple[StatementEntry, ...]
    kind: str = ""
    currency: str = ""
    controls: Mapping[str, str] = field(default_factory=dict)


def check_balances(statements: Sequence[AccountStatement]) -> None:
    """Opening balance and entries must give the closing balance.

    Raises:
        ControlTotalError: they do not, so an entry is missing, doubled or changed.
    """
    for statement in statements:
        if statement.opening is None or statement.closing is None:
            continue
        entry_total = sum(entry.amount for entry in statement.entries)
        if statement.opening + entry_total != statement.closing:
            raise ControlTotalError(
                f"account statement {statement.identification}: opening {statement.opening} and entries"
                f" {entry_total} do not give closing {statement.closing} paisa"
            )
