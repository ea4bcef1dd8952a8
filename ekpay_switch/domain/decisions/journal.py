"""An entry that finance writes by hand: which accounts may meet in one is a chart, config/journal.toml."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ekpay_switch.domain.errors import SwitchError, UnbalancedEntryError, UnknownAccountError
from ekpay_switch.domain.ledger.entries import CHART, Entry, Posting
from ekpay_switch.domain.money import BDT

JOURNAL_MOMENT = "journal"


class ForbiddenEntryError(SwitchError):
    """The entry does not balance, or the chart does not let its accounts meet."""


@dataclass(frozen=True, slots=True)
class JournalChart:
    """Which kinds of account, by the first part of their code, may stand on the two sides of one entry."""

    pairs: frozenset[frozenset[str]]

    @classmethod
    def of(cls, pairs: Iterable[Sequence[str]]) -> "JournalChart":
        """The chart of these pairs, in either direction.

        Raises:
            UnknownAccountError: the chart of accounts has no such kind.
        """
        for head in (head for pair in pairs for head in pair):
            if head not in CHART:
                raise UnknownAccountError(f"{head} is not in the chart of accounts")
        return cls(frozenset(frozenset(pair) for pair in pairs))

    def lets_meet(self, debited: str, credited: str) -> bool:
        """Whether an entry may debit the one account and credit the other."""
        heads = {account.split(":", 1)[0] for account in (debited, credited)}
        return frozenset(heads) in self.pairs


def journal_entry(
    postings: Sequence[tuple[str, int]], chart: JournalChart, moment: str = JOURNAL_MOMENT
) -> Entry:
    """The entry of these postings: accounts with signed paisa, debit positive.

    Raises:
        ForbiddenEntryError: it does not balance, has an account twice or an unknown one, or the chart does
            not let every debited account meet every credited one.
    """
    accounts = [account for account, _ in postings]
    if len(set(accounts)) != len(accounts):
        raise ForbiddenEntryError("postings: an account stands there twice")
    if any(not amount for _, amount in postings):
        raise ForbiddenEntryError("postings: an amount is zero")
    for debited in (account for account, amount in postings if amount > 0):
        for credited in (account for account, amount in postings if amount < 0):
            if not chart.lets_meet(debited, credited):
                raise ForbiddenEntryError(f"postings: {debited} and {credited} may not meet")
    try:
        return Entry.of(moment, [Posting(*posting) for posting in postings], BDT)
    except UnbalancedEntryError as problem:
        raise ForbiddenEntryError("postings: they do not sum to zero") from problem
