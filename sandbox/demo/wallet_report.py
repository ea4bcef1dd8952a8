"""What a demo has to say about its payers: a table and a few lines for a person, an object for a program."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sandbox.demo.compare import COMPLETED, DECLINED, EXPIRED, IN_REVIEW, REFUNDED
from sandbox.demo.wallet_books import REFUND_DONE
from sandbox.demo.wallet_proof import WalletOutcome
from sandbox.demo.wallet_script import Course
from sandbox.institution.amounts import taka

_COLUMNS = (COMPLETED, REFUNDED, DECLINED, EXPIRED, IN_REVIEW)
_OPEN = "open"


def open_payments(outcome: WalletOutcome) -> int:
    """How many payments are neither final nor in review."""
    return _states(outcome)[_OPEN]


def disagreements(outcome: WalletOutcome) -> list[str]:
    """Everything that nothing explains: lines that disagree, and ends that make no sense."""
    lines = [f"{one.where}: {one.what}" for one in outcome.comparison.unexplained]
    return lines + outcome.experience.surprises


def wallet_json(outcome: WalletOutcome) -> dict[str, object]:
    """The payers' part of the outcome for programs; payments = the sum of the states and of `open`."""
    experience = outcome.experience
    return {
        "payments": len(outcome.ours),
        **{column: _states(outcome)[column] for column in (*_COLUMNS, _OPEN)},
        "unexplained": len(disagreements(outcome)),
        "courses": {course: dict(ends) for course, ends in _ends(outcome).items()},
        "refunds": dict(_refunds(outcome)),
        "collected_paisa": sum(one.amount_paisa for one in outcome.theirs if one.refund_of is None),
        "kept_paisa": sum(one.fee_paisa for one in outcome.theirs),
        "given_back_paisa": sum(one.amount_paisa for one in outcome.theirs if one.refund_of is not None),
        "receivable_paisa": outcome.receivable_paisa,
        "movements": len(outcome.theirs),
        "notices": {"owed": outcome.told.owed, "untaken": outcome.told.untaken},
        "came_back": experience.came_back,
        "waited": experience.waited,
        "more_tries": experience.tries,
        "repeats": experience.repeats,
        "refused_for_now": dict(experience.refusals),
        "explanations": {one.where: one.what for one in outcome.comparison.contradictions},
    }


def show_wallet(outcome: WalletOutcome, screen: Console) -> None:
    """Print how each course ended, and what the wallet's own book says."""
    screen.print(_table(outcome))
    for one in outcome.comparison.contradictions:
        screen.print(f"In review, rightly: {one.where}: {one.what}.")
    for line in _words(outcome):
        screen.print(line)


def _words(outcome: WalletOutcome) -> Iterator[str]:
    experience, theirs = outcome.experience, outcome.theirs
    collected = [one for one in theirs if one.refund_of is None]
    refunds = [one for one in theirs if one.refund_of is not None]
    yield (
        f"{experience.came_back} payers came back to the shop's page, {experience.waited} were asked to wait "
        f"by ours; {experience.tries} more tries, {experience.repeats} orders answered as repeats."
    )
    by_kind = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in _refunds(outcome).items())
    yield f"Refunds that are done, in the switch's books: {by_kind or 'none'}."
    told = outcome.told
    yield f"bKash notified of {told.owed} payments, and the switch has taken all but {told.untaken}."
    brought, kept = sum(one.amount_paisa for one in collected), sum(one.fee_paisa for one in collected)
    back = sum(one.amount_paisa for one in refunds)
    yield (
        f"bKash's own book: {len(collected)} collections of {taka(brought)} taka, {taka(kept)} kept; "
        f"{len(refunds)} refunds of {taka(back)}. In our ledger it owes us {taka(outcome.receivable_paisa)}."
    )


def _table(outcome: WalletOutcome) -> Table:
    table = Table(title="Payments from wallets", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("course")
    table.add_column("times", justify="right")
    table.add_column("ended as")
    for course, ends in _ends(outcome).items():
        counted = ", ".join(f"{state.replace('_', ' ')} ({times})" for state, times in sorted(ends.items()))
        table.add_row(course.replace("_", " "), str(ends.total()), counted)
    return table


def _ends(outcome: WalletOutcome) -> dict[str, Counter[str]]:
    """How often each course ended in which state, in the order of the script."""
    ends: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in outcome.ours:
        ends[outcome.course_of(line)][line.state] += 1
    return {course.value: ends[course.value] for course in Course if course.value in ends}


def _states(outcome: WalletOutcome) -> Counter[str]:
    return Counter(line.state if line.state in _COLUMNS else _OPEN for line in outcome.ours)


def _refunds(outcome: WalletOutcome) -> Counter[str]:
    done = (one for line in outcome.ours for one in line.refunds if one.state == REFUND_DONE)
    return Counter(one.kind for one in done)
