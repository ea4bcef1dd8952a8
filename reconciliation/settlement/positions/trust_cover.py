"""Whether the money at our banks covers what we owe to others (reconciliation.md 1.3 and 3.8).

    strict    =  settlement_bank - (prefunds + payables + in flight + refunds due + suspense + clearing)
    in cycle  =  strict + what connectors owe us and have not had to pay yet

Only credit balances are owed: what one party owes us never covers what we owe another, and what has left a
bank without an explanation never what came to it. In whole paisa.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ekpay_switch.domain.money import format_taka
from reconciliation.settlement.positions.cycles import Cycles, PartyRole
from reconciliation.settlement.positions.lines import SettlementLine
from reconciliation.settlement.positions.payout_credits import PayoutBatch, is_filed

_BANK: Final = "settlement_bank"
# Accounts of money that belongs to others. VAT is ours to pay and not among them, like our own income, until
# two persons have approved that it leaves; tax that is withheld was a payee's and is the state's.
_LIABILITIES: Final = (
    "prefund", "payable", "commission_payable", "stamp_payable", "in_flight", "refund_due", "suspense",
    "clearing", "withdrawal_due", "sweep_due", "deposit_due", "withheld_tax_payable",
)  # fmt: skip
_DEPOSIT: Final = "biller_deposit:"
_RECEIVABLE: Final = "receivable:"
_MERCHANTS: Final = "receivable:merchant:"


@dataclass(frozen=True, slots=True)
class TrustCover:
    """Both lines of the cover with the accounts behind them, in paisa.

    `bank_by_statement` is what the banks' own newest statements close with, None where none was read.
    `receivables` are what connectors owe us within their cycle, `overdue` what they should have paid.
    `deposits` are what we keep at prefunded utilities, and what is on its way there: ours, but no money at a
    bank, so never counted.
    """

    bank: int
    bank_by_statement: int | None
    owed_by_account: Mapping[str, int]
    receivables: Mapping[str, int]
    overdue: Mapping[str, int]
    deposits: Mapping[str, int]

    @property
    def total_owed(self) -> int:
        """Everything that belongs to others."""
        return sum(self.owed_by_account.values())

    @property
    def strict(self) -> int:
        """The strict cover by our books, in paisa; below zero is short."""
        return self.bank - self.total_owed

    @property
    def strict_by_statement(self) -> int | None:
        """The same with the banks' own figure."""
        return None if self.bank_by_statement is None else self.bank_by_statement - self.total_owed

    @property
    def with_receivables(self) -> int:
        """The strict cover plus receivables that are not overdue."""
        return self.strict + sum(self.receivables.values())

    @property
    def is_short(self) -> bool:
        """Whether money of others is missing, by our books or by the banks'."""
        by_banks = self.strict_by_statement
        return self.strict < 0 or (by_banks is not None and by_banks < 0)

    @property
    def shortfall(self) -> int:
        """How much is missing by the lower of both figures; zero where all is covered."""
        lowest = min(figure for figure in (self.strict, self.strict_by_statement) if figure is not None)
        return max(0, -lowest)

    @property
    def is_bank_negative(self) -> bool:
        """Whether our books say that we have less than nothing at our banks, which no bank would let be."""
        return self.bank < 0

    @property
    def alarm(self) -> str:
        """The alarm text for finance, empty where all is covered and no bank account is below zero."""
        return "; ".join(text for text in (self._short_text, self._negative_text) if text)

    @property
    def _short_text(self) -> str:
        if not self.is_short:
            return ""
        is_coming = sum(self.receivables.values()) >= self.shortfall
        outlook = "covered once connectors pay" if is_coming else "not covered by receivables"
        short, owed_taka = format_taka(self.shortfall), format_taka(self.total_owed)
        return f"trust cover is short by {short} taka of {owed_taka} owed; {outlook}"

    @property
    def _negative_text(self) -> str:
        if not self.is_bank_negative:
            return ""
        return (
            f"bank account negative: by our books we have {format_taka(self.bank)} taka at our banks, so"
            " payouts are booked and the credits behind them are not: ekpay settle credits"
        )


def is_of_others(account: str) -> bool:
    """Whether the cover counts what an account holds as money of others."""
    return account.split(":", 1)[0] in _LIABILITIES


def cover_of(
    balances: Mapping[str, int],
    closings: Iterable[int] = (),
    overdue: Mapping[str, int] | None = None,
    unidentified_debits: Mapping[str, int] | None = None,
) -> TrustCover:
    """The cover of these balances, each in its account's own direction.

    `closings` are the closing balances of the banks' own newest statements, `overdue` tells what each
    connector should have paid by now, `unidentified_debits` what has left without an explanation and stands
    against other money on an account of suspense.
    """
    closing_balances, late, left = tuple(closings), overdue or {}, unidentified_debits or {}
    owed_by_account = {
        name: owed
        for name, paisa in balances.items()
        if name.split(":")[0] in _LIABILITIES and (owed := paisa + left.get(name, 0)) > 0
    }
    receivables, missing = {}, {}
    for name, paisa in balances.items():
        if not name.startswith(_RECEIVABLE) or name.startswith(_MERCHANTS):
            continue
        connector = name.removeprefix(_RECEIVABLE)
        if paisa < 0:
            # They have paid more than they owed, so it is theirs.
            owed_by_account[name] = -paisa
            continue
        missing[connector] = min(paisa, max(0, late.get(connector, 0)))
        receivables[connector] = paisa - missing[connector]
    deposits = _deposits(balances)
    # A utility has vended beyond what we keep there.
    owed_by_account |= {f"{_DEPOSIT}{name}": -paisa for name, paisa in deposits.items() if paisa < 0}
    return TrustCover(
        balances.get(_BANK, 0),
        sum(closing_balances) if closing_balances else None,
        dict(sorted(owed_by_account.items())),
        {name: paisa for name, paisa in sorted(receivables.items()) if paisa},
        {name: paisa for name, paisa in sorted(missing.items()) if paisa},
        {name: paisa for name, paisa in sorted(deposits.items()) if paisa > 0},
    )


def _deposits(balances: Mapping[str, int]) -> dict[str, int]:
    """Our deposit at each utility, with what is on its way there; what is on its way is due by a debt."""
    deposits: dict[str, int] = {}
    for name, paisa in balances.items():
        if name.startswith(_DEPOSIT):
            biller = name.split(":")[1]
            deposits[biller] = deposits.get(biller, 0) + paisa
    return deposits


def overdue_of(
    batches: Iterable[PayoutBatch], lines: Iterable[SettlementLine], cycles: Cycles, night: date
) -> Mapping[str, int]:
    """What each connector should have paid by the end of a night and has not, in paisa.

    That is the missing part of its credits, and held lines of our books that are in no file of it.
    """
    overdue: dict[str, int] = {}
    for batch in batches:
        if batch.payout_date <= night:
            received = 0 if batch.credited is None else batch.credited + batch.charge
            overdue[batch.connector] = overdue.get(batch.connector, 0) + max(0, batch.owed_amount - received)
    for line in lines:
        party = line.cycle.party
        is_held = line.agreed_on is None and line.dropped_on is None
        if party.role is not PartyRole.CONNECTOR or not is_held or is_filed(line):
            continue
        if cycles.value_date(line.cycle) <= night:
            overdue[party.name] = overdue.get(party.name, 0) + line.amount
    return {name: paisa for name, paisa in sorted(overdue.items()) if paisa > 0}
