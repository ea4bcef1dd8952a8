"""Judging what became of payments after a crash: three books against each other, with no mercy.

Pure: what the partner heard, what our books say and what the biller saved go in; what was lost, what was
doubled and whatever else is wrong come out, in words.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DONE = "0000"
COMPLETED = "completed"
MONEY_IS_BACK = frozenset({"declined", "expired", "refunded"})


@dataclass(frozen=True, slots=True)
class Told:
    """Every code that the partner heard of one of its references, in order."""

    reference: str
    bill: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ours:
    """A payment in our books, in paisa; `sent_as` are the references the biller may know it by."""

    reference: str
    bill: str
    state: str
    amount: int
    total: int
    sent_as: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Theirs:
    """A payment that the biller saved, in paisa; `saves` counts the accepted calls."""

    bill: str
    transaction: str
    amount: int
    saves: int


@dataclass(frozen=True, slots=True)
class Prefund:
    """What the partner was topped up by and what stands in its bucket, in paisa."""

    topped_up: int
    balance: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known of one partner's payments; `sent_twice` are bills sent again once they were paid."""

    told: Sequence[Told]
    ours: Sequence[Ours]
    theirs: Sequence[Theirs]
    sent_twice: Sequence[str]
    prefund: Prefund


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, a sentence each."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """All of them; empty where every payment is where it should be."""
        return self.lost + self.doubled + self.wrong


def judge(evidence: Evidence) -> Verdict:
    """Compare the three books; an acknowledged payment that is not everywhere is lost."""
    return Verdict(tuple(_lost(evidence)), tuple(_doubled(evidence)), tuple(_wrong(evidence)))


def _lost(evidence: Evidence) -> Iterator[str]:
    saved = {(line.bill, line.transaction) for line in evidence.theirs}
    completed = {ours.reference for ours in evidence.ours if ours.state == COMPLETED}
    for told in evidence.told:
        if DONE in told.codes and told.reference not in completed:
            yield f"{told.reference}: the partner heard {DONE} and the books do not have it"
    for ours in evidence.ours:
        is_saved = any((ours.bill, reference) in saved for reference in ours.sent_as)
        if ours.state == COMPLETED and not is_saved:
            yield f"{ours.reference}: completed, and the biller does not have it"


def _doubled(evidence: Evidence) -> Iterator[str]:
    saves: Counter[str] = Counter()
    for theirs in evidence.theirs:
        saves[theirs.bill] += theirs.saves
    yield from (f"bill {bill}: saved {times} times" for bill, times in saves.items() if times > 1)
    yield from (f"bill {bill}: sent to the biller again once paid" for bill in evidence.sent_twice)
    completed = Counter(ours.bill for ours in evidence.ours if ours.state == COMPLETED)
    yield from (f"bill {bill}: {times} payments completed" for bill, times in completed.items() if times > 1)
    transactions = {theirs.transaction for theirs in evidence.theirs}
    for ours in evidence.ours:
        if ours.state in MONEY_IS_BACK and transactions.intersection(ours.sent_as):
            yield f"{ours.reference}: {ours.state}, and the biller was paid all the same"


def _wrong(evidence: Evidence) -> Iterator[str]:
    ours = {line.reference: line for line in evidence.ours}
    for told in evidence.told:
        fault = _misheard(told, ours.get(told.reference))
        if fault:
            yield f"{told.reference}: {fault}"
    yield from _strangers(evidence)
    spent = sum(line.total for line in evidence.ours if line.state == COMPLETED)
    topped_up, balance = evidence.prefund.topped_up, evidence.prefund.balance
    if topped_up - spent != balance:
        yield f"the prefund holds {balance} paisa, and {spent} of {topped_up} were spent"


def _misheard(told: Told, ours: Ours | None) -> str:
    """How what the partner heard last differs from what stands, or nothing."""
    if ours is None:
        return "not in the books, though it was repeated until it was answered"
    if ours.state != COMPLETED and ours.state not in MONEY_IS_BACK:
        return f"not final ({ours.state})"
    last = told.codes[-1] if told.codes else ""
    if (last == DONE) != (ours.state == COMPLETED):
        return f"{ours.state}, and the partner heard {last or 'nothing'}"
    return ""


def _strangers(evidence: Evidence) -> Iterator[str]:
    """What the biller has and we cannot explain, by reference or by amount."""
    amounts: dict[str, int] = {}
    bills: dict[str, set[str]] = defaultdict(set)
    for ours in evidence.ours:
        amounts |= dict.fromkeys(ours.sent_as, ours.amount)
        bills[ours.bill].update(ours.sent_as)
    for theirs in evidence.theirs:
        if theirs.transaction not in bills[theirs.bill]:
            yield f"bill {theirs.bill}: saved as {theirs.transaction}, which is none of ours"
        elif amounts[theirs.transaction] != theirs.amount:
            yield f"bill {theirs.bill}: {theirs.amount} paisa saved, {amounts[theirs.transaction]} booked"
