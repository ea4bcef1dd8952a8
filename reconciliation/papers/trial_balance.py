"""The trial balance of a period: opening, debits and credits, closing of every account.

Signed amounts are whole paisa, debit positive. All accounts together are zero, at both ends and in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ekpay_switch.domain.money import BDT
from ekpay_switch.ports.finance import Connection
from reconciliation.errors import ReportError
from reconciliation.papers.period import Period

_BALANCES = """
SELECT o.account, e.currency,
  coalesce(sum(o.amount) FILTER (WHERE e.business_date < $1), 0)::bigint AS opening,
  coalesce(sum(o.amount) FILTER (WHERE e.business_date >= $1 AND o.amount > 0), 0)::bigint AS debit,
  coalesce(-sum(o.amount) FILTER (WHERE e.business_date >= $1 AND o.amount < 0), 0)::bigint AS credit
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id
WHERE e.business_date <= $2 GROUP BY o.account, e.currency
ORDER BY o.account COLLATE "C", e.currency COLLATE "C"
"""
# Where no window up to a date is open, and that date or a later one has had one, nothing is posted to it.
_IS_FINAL = """
SELECT NOT EXISTS (SELECT FROM settlement_windows WHERE state = 'open' AND business_date <= $1)
  AND EXISTS (SELECT FROM settlement_windows WHERE business_date >= $1)
"""


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One account in a period: its opening balance, and what was debited and credited, in paisa.

    `opening` is signed, debit positive; `debit` and `credit` are not below zero.
    """

    account: str
    currency: str
    opening: int
    debit: int
    credit: int

    @property
    def closing(self) -> int:
        """The balance at the end, debit positive."""
        return self.opening + self.debit - self.credit


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Every account that has an entry until the end of the period, by code; `is_final`: nothing can be added.

    Raises:
        ReportError: debits and credits do not agree: an entry of the books is broken.
    """

    period: Period
    accounts: Sequence[AccountBalance]
    is_final: bool

    def __post_init__(self) -> None:
        for currency in {line.currency for line in self.accounts}:
            lines = [line for line in self.accounts if line.currency == currency]
            opening, closing = sum(line.opening for line in lines), sum(line.closing for line in lines)
            if opening or closing:
                raise ReportError(
                    f"all accounts in {currency} open with {opening} and close with {closing} paisa, which is"
                    " not zero: run ekpay audit"
                )

    def of_accounts(self, codes: Sequence[str]) -> Sequence[AccountBalance]:
        """These accounts by code; one without an entry until the end of the period is zero all along."""
        standing = [line for line in self.accounts if line.account in codes]
        missing = set(codes) - {line.account for line in standing}
        unmoved = [AccountBalance(code, BDT, 0, 0, 0) for code in missing]
        return sorted([*standing, *unmoved], key=lambda line: (line.account, line.currency))

    @property
    def opening_total(self) -> int:
        """What all debit balances open with, which is what all credit balances do."""
        return sum(max(line.opening, 0) for line in self.accounts)

    @property
    def moved_total(self) -> int:
        """Everything that was debited, which is everything that was credited."""
        return sum(line.debit for line in self.accounts)

    @property
    def closing_total(self) -> int:
        """What all debit balances close with, which is what all credit balances do."""
        return sum(max(line.closing, 0) for line in self.accounts)


async def read_trial_balance(connection: Connection, period: Period) -> TrialBalance:
    """The trial balance of a period, in the caller's snapshot.

    Raises:
        ReportError: debits and credits do not agree.
    """
    rows = await connection.fetch(_BALANCES, period.first, period.last)
    accounts = [AccountBalance(**row) for row in rows]
    return TrialBalance(period, accounts, is_final=await connection.fetchval(_IS_FINAL, period.last))
