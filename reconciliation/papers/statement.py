"""A statement for a partner, merchant or payee: each entry of its accounts, as its holder reads it.

Positive is what is the holder's with us; below zero the holder owes us. It is the ledger with its sign
turned, so it equals it to the paisa: each account closes as the trial balance of the same snapshot says.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from ekpay_switch.ports.finance import Connection
from reconciliation.papers.general_ledger import LedgerLine, ledger_by_account
from reconciliation.papers.moment_words import moment_words
from reconciliation.papers.statement_party import StatementParty
from reconciliation.papers.trial_balance import AccountBalance, TrialBalance
from reconciliation.reports.wording import BilingualText

_ENDS = {
    "opening": BilingualText("opening balance", "প্রারম্ভিক জের"),
    "closing": BilingualText("closing balance", "সমাপনী জের"),
}


@dataclass(frozen=True, slots=True)
class HolderBalance:
    """One account as its holder reads it, in paisa: what came in and went out between both balances."""

    account: str
    opening: int
    paid_in: int
    paid_out: int
    closing: int

    @classmethod
    def of(cls, line: AccountBalance) -> "HolderBalance":
        """The account of a trial balance."""
        return cls(line.account, -line.opening, line.credit, line.debit, -line.closing)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line: an opening or closing balance, or an entry; `change` in paisa, positive where it came in."""

    record: str
    account: str
    words: BilingualText
    balance: int
    change: int = 0
    business_date: date | None = None
    at: datetime | None = None
    payment_id: UUID | None = None
    reference: str = ""
    biller_id: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """Whose statement of which period, with the balances of the party's accounts."""

    party: StatementParty
    trial_balance: TrialBalance
    balances: tuple[HolderBalance, ...]

    @property
    def name(self) -> str:
        """The name of its files."""
        party = self.party
        return f"statement_{party.role}-{party.id.replace(':', '-')}_{self.trial_balance.period}"


def statement_of(party: StatementParty, trial_balance: TrialBalance) -> Statement:
    """The statement of a party; an account that never moved is left out, unless none has."""
    lines = [HolderBalance.of(line) for line in trial_balance.of_accounts(party.accounts)]
    moved = [line for line in lines if any((line.opening, line.paid_in, line.paid_out))]
    return Statement(party, trial_balance, tuple(moved or lines[:1]))


async def statement_lines(connection: Connection, statement: Statement) -> AsyncIterator[StatementLine]:
    """Every line, account after account, in the snapshot of the trial balance.

    Raises:
        ReportError: an account does not close as the trial balance says.
    """
    accounts = [balance.account for balance in statement.balances]
    async for line in ledger_by_account(connection, statement.trial_balance, accounts):
        yield _holder_line(line)


def _holder_line(line: LedgerLine) -> StatementLine:
    posting = line.posting
    if posting is None:
        return StatementLine(line.record, line.account, _ENDS[line.record], -line.balance)
    return StatementLine(
        "entry", line.account, moment_words(posting.moment), -line.balance, -posting.amount,
        posting.business_date, posting.at, posting.payment_id, posting.reference, posting.biller_id,
    )  # fmt: skip
