"""The general ledger of a period, read posting by posting and never held whole.

By account: the opening balance, every posting with the balance after it, the closing balance. By entry: every
entry with its postings, as a journal has them. Each closing balance is compared with the trial balance, which
another query of the same snapshot has summed. Amounts are signed paisa, debit positive.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from ekpay_switch.ports.finance import Connection
from reconciliation.errors import ReportError
from reconciliation.papers.trial_balance import AccountBalance, TrialBalance

ROWS_AT_ONCE = 2_000
_POSTINGS = """
SELECT o.account, e.currency, e.business_date, e.at, e.id AS entry_id, e.moment, e.payment_id,
  coalesce(p.reference, '') AS reference, coalesce(p.biller_id, '') AS biller_id, o.amount
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id
LEFT JOIN payments AS p ON p.id = e.payment_id
WHERE e.business_date BETWEEN $1 AND $2 AND ($3::text[] IS NULL OR o.account = ANY($3))
"""
_BY_ACCOUNT = f"""{_POSTINGS}
ORDER BY o.account COLLATE "C", e.currency COLLATE "C", e.business_date, e.at, e.lane, e.seq, o.seq
"""
_BY_ENTRY = f"{_POSTINGS} ORDER BY e.business_date, e.at, e.lane, e.seq, o.seq"


@dataclass(frozen=True, slots=True)
class LedgerPosting:
    """One posting of an entry; `reference` is the caller's, `biller_id` whom its payment pays, or empty."""

    account: str
    currency: str
    business_date: date
    at: datetime
    entry_id: UUID
    moment: str
    payment_id: UUID | None
    reference: str
    biller_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A line of an account: its opening or closing, or a posting, with the balance after it."""

    record: str
    account: str
    currency: str
    balance: int
    posting: LedgerPosting | None = None


async def ledger_by_account(
    connection: Connection, trial_balance: TrialBalance, only: Sequence[str] | None = None
) -> AsyncIterator[LedgerLine]:
    """Every line of the period, account after account, in the snapshot of the trial balance.

    Of all accounts, or `only` of these.

    Raises:
        ReportError: an account does not close as the trial balance says.
    """
    accounts = iter(trial_balance.accounts if only is None else trial_balance.of_accounts(only))
    running: _RunningAccount | None = None
    async for posting in _postings(connection, _BY_ACCOUNT, trial_balance, only):
        while running is None or not running.has(posting):
            for line in _next_account(running):
                yield line
            running = _RunningAccount.of(next(accounts, None))
            yield running.opening()
        yield running.add(posting)
    for line in _next_account(running):
        yield line
    for balance in accounts:
        unmoved = _RunningAccount.of(balance)
        yield unmoved.opening()
        yield unmoved.closing()


async def ledger_by_entry(
    connection: Connection, trial_balance: TrialBalance
) -> AsyncIterator[list[LedgerPosting]]:
    """Every entry of the period as its postings, in order of time, in the snapshot of the trial balance."""
    entry: list[LedgerPosting] = []
    async for posting in _postings(connection, _BY_ENTRY, trial_balance, None):
        if entry and entry[0].entry_id != posting.entry_id:
            yield entry
            entry = []
        entry.append(posting)
    if entry:
        yield entry


async def _postings(
    connection: Connection, query: str, trial_balance: TrialBalance, only: Sequence[str] | None
) -> AsyncIterator[LedgerPosting]:
    period = trial_balance.period
    async for row in connection.cursor(query, period.first, period.last, only, prefetch=ROWS_AT_ONCE):
        yield _posting_of(row)


def _posting_of(row: Mapping[str, Any]) -> LedgerPosting:
    return LedgerPosting(**row)


def _next_account(running: "_RunningAccount | None") -> Iterator[LedgerLine]:
    if running is not None:
        yield running.closing()


@dataclass(slots=True)
class _RunningAccount:
    """The account whose postings are read now."""

    balance: AccountBalance
    paisa: int

    @classmethod
    def of(cls, balance: AccountBalance | None) -> "_RunningAccount":
        if balance is None:
            raise ReportError("the ledger has an account that the trial balance lacks: run ekpay audit")
        return cls(balance, balance.opening)

    def has(self, posting: LedgerPosting) -> bool:
        return (self.balance.account, self.balance.currency) == (posting.account, posting.currency)

    def opening(self) -> LedgerLine:
        return LedgerLine("opening", self.balance.account, self.balance.currency, self.balance.opening)

    def add(self, posting: LedgerPosting) -> LedgerLine:
        self.paisa += posting.amount
        return LedgerLine("posting", posting.account, posting.currency, self.paisa, posting)

    def closing(self) -> LedgerLine:
        if self.paisa != self.balance.closing:
            raise ReportError(
                f"{self.balance.account} closes with {self.paisa} paisa by its postings and with"
                f" {self.balance.closing} by the trial balance: run ekpay audit"
            )
        return LedgerLine("closing", self.balance.account, self.balance.currency, self.paisa)
