"""Lines of parties that send no files (merchants, their payees, partners, agents), from our own books.

Frozen lines of our books are agreed: there is no other source. A partner's prefund has paid already, so each
of its lines has an opposite one beside it, and its net position is zero; what a partner withdraws from its
prefund is owed to it, and so is what we sweep to its recipient or send to a deposit of ours (docs/adr/0060,
0098, 0100, 0104).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.domain.ledger.posting_rules import commission_account
from ekpay_switch.domain.ledger.settlement_postings import (
    deposit_due_account,
    sweep_account,
    withdrawal_account,
)
from ekpay_switch.ports.finance import LineEvent, LineRole
from reconciliation.settlement.positions.cycles import Cycle, Party, PartyRole
from reconciliation.settlement.positions.lines import LineKind, SettlementLine

_MERCHANTS: Final = "merchant"
_COMMISSION: Final = "commission_payable"
_AGENT_COMMISSION: Final = commission_account("").removesuffix(":")
_WITHDRAWN: Final = withdrawal_account("").removesuffix(":")
_SWEPT: Final = sweep_account("").removesuffix(":")
_DEPOSITED: Final = deposit_due_account("").removesuffix(":")
_DUE_TO: Final = {
    _WITHDRAWN: PartyRole.PARTNER,
    _SWEPT: PartyRole.SWEEP,
    _DEPOSITED: PartyRole.DEPOSIT,
}

DEBTORS: Final = frozenset({PartyRole.BILLER, PartyRole.MERCHANT, PartyRole.PAYEE})

_OWED_ON: Final[Mapping[PartyRole, tuple[str, ...]]] = {
    PartyRole.CONNECTOR: ("receivable",),
    PartyRole.BILLER: ("payable",),
    PartyRole.MERCHANT: (f"payable:{_MERCHANTS}",),
    PartyRole.PAYEE: (f"payable:{_MERCHANTS}", f"{_COMMISSION}:{_MERCHANTS}"),
    PartyRole.PARTNER: (_WITHDRAWN,),
    PartyRole.AGENT: (_AGENT_COMMISSION,),
    PartyRole.SWEEP: (_SWEPT,),
    PartyRole.DEPOSIT: (_DEPOSITED,),
    PartyRole.OURS: (),
}


@dataclass(frozen=True, slots=True)
class BookedLine:
    """One frozen line of a merchant or a partner that succeeded; amounts in paisa, below zero what goes back.

    `account` is the ledger account of the merchant or payee that moved, empty for a partner.
    """

    source: str
    role: LineRole
    party: str
    account: str
    event: LineEvent
    day: date
    gross: int
    fee: int
    vat: int


@dataclass(frozen=True, slots=True)
class AccountMovement:
    """One posting of another kind on an account of such a party, as a correction or a commission makes.

    `amount` is signed, debit positive: what makes us owe less.
    """

    source: str
    account: str
    day: date
    amount: int


def owner_of(account: str) -> Party | None:
    """Whose it is: a merchant's (`ekshop`), a payee's (`ekshop:courier`), a partner's, an agent's, or None.

    What is swept or sent to a deposit of ours is the recipient's.
    """
    if account.startswith(f"{_AGENT_COMMISSION}:"):
        return Party(PartyRole.AGENT, account.removeprefix(f"{_AGENT_COMMISSION}:"))
    first, *rest = account.split(":")
    if first in _DUE_TO and rest:
        return Party(_DUE_TO[first], ":".join(rest))
    if first not in {"payable", _COMMISSION} or rest[:1] != [_MERCHANTS]:
        return None
    return Party(PartyRole.PAYEE if len(rest) > len("mp") else PartyRole.MERCHANT, ":".join(rest[1:]))


def accounts_of(party: Party) -> tuple[str, ...]:
    """The ledger accounts on which we may owe a party; a payee has one of its two."""
    return tuple(f"{first}:{party.name}" for first in _OWED_ON[party.role])


def account_paid_from(party: Party, balances: Mapping[str, int]) -> str:
    """The account from which a party is paid: of those that it has, the one on which we owe it most."""
    return max(accounts_of(party), key=lambda name: owed_on_account(name, balances.get(name, 0)))


def debt_of(party: Party) -> str:
    """The account of what a merchant owes us beyond its debt limit; empty for everybody else."""
    return f"receivable:{_MERCHANTS}:{party.name}" if party.role is PartyRole.MERCHANT else ""


def debtor_of(account: str) -> Party | None:
    """Whose debt to us an account may hold, also a biller's and what a merchant owes beyond its limit."""
    first, *rest = account.split(":")
    if first == "payable" and len(rest) == 1:
        return Party(PartyRole.BILLER, rest[0])
    if first == "receivable" and rest[:1] == [_MERCHANTS]:
        return Party(PartyRole.MERCHANT, ":".join(rest[1:]))
    owner = owner_of(account)
    return owner if owner is not None and owner.role in DEBTORS else None


def accounts_of_debt(party: Party) -> tuple[str, ...]:
    """The accounts on which a biller, merchant or payee may owe us, in the order in which it pays them."""
    beyond = debt_of(party)
    return (*((beyond,) if beyond else ()), *accounts_of(party))


def debt_parts(party: Party, debits: Mapping[str, int], amount: int) -> tuple[tuple[str, int], ...]:
    """How so many paisa pay what a party owes us, account by account; less where it owes less.

    `debits` are the balances of accounts, above zero where the party owes us.
    """
    parts, left = [], amount
    for account in accounts_of_debt(party):
        part = min(left, max(0, debits.get(account, 0)))
        if part:
            parts.append((account, part))
            left -= part
    return tuple(parts)


def owed_on_account(account: str, balance: int) -> int:
    """What we owe by an account with this balance in its own direction, in paisa."""
    return -balance if kind_of(account).is_debit_normal else balance


def lines_of_books(
    booked: Iterable[BookedLine], movements: Iterable[AccountMovement], night: date
) -> Iterator[SettlementLine]:
    """Every line, agreed in the night in which it is first taken."""
    for booked_line in booked:
        yield from _lines_of(booked_line, night)
    for posting in movements:
        owner = owner_of(posting.account) or debtor_of(posting.account)
        if owner is not None:
            kind = LineKind.COMMISSION if owner.role is PartyRole.AGENT else LineKind.ADJUSTMENT
            yield _line(Cycle(owner, posting.day, 1), posting.source, kind, posting.amount, night)


def _lines_of(booked_line: BookedLine, night: date) -> Iterator[SettlementLine]:
    party = Party(PartyRole.PARTNER, booked_line.party)
    if booked_line.role is LineRole.MERCHANT:
        party = owner_of(booked_line.account) or Party(PartyRole.MERCHANT, booked_line.party)
    # A partner pays us for its customers; a merchant is owed.
    sign = 1 if party.role is PartyRole.PARTNER else -1
    kind = LineKind.PAYMENT if booked_line.event is LineEvent.PAYMENT else LineKind.REFUND
    if kind is LineKind.PAYMENT and booked_line.account.startswith(_COMMISSION):
        kind = LineKind.COMMISSION
    line = _line(Cycle(party, booked_line.day, 1), booked_line.source, kind, sign * booked_line.gross, night)
    fee_line = replace(line, kind=LineKind.FEE, amount=-sign * (booked_line.fee + booked_line.vat))
    prefund_line = replace(line, kind=LineKind.ADJUSTMENT, amount=-line.amount - fee_line.amount)
    for each in (line, fee_line, prefund_line) if party.role is PartyRole.PARTNER else (line, fee_line):
        if each.amount:
            yield each


def _line(cycle: Cycle, source: str, kind: LineKind, amount: int, night: date) -> SettlementLine:
    # Nothing is seen before it happened, whatever the clocks say.
    seen_on = max(night, cycle.day)
    return SettlementLine(cycle, source, kind, amount, seen_on=seen_on, agreed_on=seen_on)
