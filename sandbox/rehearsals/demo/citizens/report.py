"""The report on a demo's citizens: a table for people, an object for programs."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.citizens.books import CitizenOutcome
from sandbox.rehearsals.demo.citizens.script import CitizenCourse


def citizens_json(outcome: CitizenOutcome) -> dict[str, object]:
    """The citizens' part of the outcome for programs."""
    visits = outcome.experience.visits
    return {
        "citizens": len(visits),
        "carts_paid": outcome.carts,
        "bills": dict(outcome.bills),
        "paid_paisa": outcome.paid_paisa,
        "refunds": outcome.refunds,
        "courses": {name: dict(ends) for name, ends in _ends(outcome).items()},
        "tracked": sum(visit.tracked is not None for visit in visits),
        "unexplained": len(outcome.disagreements),
    }


def show_citizens(outcome: CitizenOutcome, screen: Console) -> None:
    """Print what the citizens of each course read last."""
    table = Table(title="Citizens at the portal", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("course")
    table.add_column("times", justify="right")
    table.add_column("what they read of their bills")
    for course, ends in _ends(outcome).items():
        counted = ", ".join(f"{_words(name)} ({times})" for name, times in sorted(ends.items()))
        table.add_row(_words(course), str(outcome.experience.courses[course]), counted)
    screen.print(table)
    tracked = sum(visit.tracked is not None for visit in outcome.experience.visits)
    screen.print(
        f"{citizens_line(outcome)} {lakh(outcome.paid_paisa)} taka reached billers; {tracked} followed their "
        "payment from another phone."
    )


def citizens_line(outcome: CitizenOutcome) -> str:
    """How many came, and what became of their bills, in a line of a hundred columns."""
    bills = ", ".join(f"{times:,} {_words(name)}" for name, times in sorted(outcome.bills.items()))
    return (
        f"At the portal {len(outcome.experience.visits):,} citizens paid {outcome.carts:,} carts; "
        f"their bills: {bills or 'none'}."
    )


def _ends(outcome: CitizenOutcome) -> Mapping[str, Counter[str]]:
    """How often each outcome of a bill was read in each course, in the order of the courses."""
    ends: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for visit in outcome.experience.visits:
        view = visit.last
        ends[visit.order.course.value].update(view.bills if view and view.bills else ["nothing_taken"])
    return {course.value: ends[course.value] for course in CitizenCourse if course.value in ends}


def _words(name: str) -> str:
    return name.replace("_", " ")
