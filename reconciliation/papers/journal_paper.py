"""The general ledger as a plain-text journal that hledger and Ledger import (docs/adr/0093).

Each of our entries is a transaction under its own id. The file begins with the opening balances and ends with
an assertion of each closing balance, so the program that imports it proves them by itself.
"""

import re
from collections.abc import Iterable, Iterator

from ekpay_switch.domain.ledger.entries import AccountKind, kind_of
from ekpay_switch.domain.money import format_taka
from reconciliation.papers.general_ledger import LedgerPosting
from reconciliation.papers.moment_words import moment_words
from reconciliation.papers.trial_balance import TrialBalance

_TOP: dict[AccountKind, str] = {
    AccountKind.ASSET: "assets",
    AccountKind.EXPENSE: "expenses",
    AccountKind.LIABILITY: "liabilities",
    AccountKind.INCOME: "income",
}
# What means something in a journal: blanks end a name, a semicolon begins a comment. `%` is ours.
_NOT_A_NAME = re.compile(r"[^\w:.-]")


def journal_account(account: str) -> str:
    """An account of our chart under the heading of its kind; two accounts never get one name."""
    safe = _NOT_A_NAME.sub(lambda match: f"%{ord(match[0]):X}", account)
    return f"{_TOP[kind_of(account)]}:{safe}"


def journal_beginning(trial_balance: TrialBalance) -> Iterator[str]:
    """The lines before the first entry: commodities, accounts, opening balances."""
    period = trial_balance.period
    yield f"; ekPay general ledger, business dates {period.first} to {period.last} in Dhaka"
    yield f"; {'final' if trial_balance.is_final else 'provisional: a date of the period is not closed'}"
    for currency in sorted({line.currency for line in trial_balance.accounts}):
        yield f"commodity {currency}"
        yield f"    format 1000.00 {currency}"
    yield from (f"account {name}" for name in _account_names(trial_balance))
    opened = [line for line in trial_balance.accounts if line.opening]
    if opened:
        yield ""
        yield f"{period.first} * opening balances"
        yield from (_amount_line(line.account, line.opening, line.currency) for line in opened)


def journal_entry(postings: Iterable[LedgerPosting]) -> Iterator[str]:
    """The lines of one entry."""
    lines = list(postings)
    first = lines[0]
    payment = f"  ; payment:{first.payment_id}" if first.payment_id else ""
    yield ""
    yield f"{first.business_date} * ({first.entry_id}) {moment_words(first.moment).en}{payment}"
    yield from (_amount_line(line.account, line.amount, line.currency) for line in lines)


def journal_end(trial_balance: TrialBalance) -> Iterator[str]:
    """The lines after the last entry: each closing balance, asserted."""
    if not trial_balance.accounts:
        return
    yield ""
    yield f"{trial_balance.period.last} * closing balances"
    for line in trial_balance.accounts:
        yield f"{_amount_line(line.account, 0, line.currency)} = {format_taka(line.closing)} {line.currency}"


def _account_names(trial_balance: TrialBalance) -> list[str]:
    return sorted({journal_account(line.account) for line in trial_balance.accounts})


def _amount_line(account: str, paisa: int, currency: str) -> str:
    return f"    {journal_account(account)}  {format_taka(paisa)} {currency}"
