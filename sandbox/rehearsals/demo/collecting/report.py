"""The report on a demo's payers: tables and a few lines for people, an object for programs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.collecting.book_reader import PayerOutcome, ProviderOutcome
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse
from sandbox.rehearsals.demo.comparison.biller_books import COMPLETED, DECLINED, EXPIRED, IN_REVIEW, REFUNDED
from sandbox.rehearsals.demo.comparison.bkash_books import (
    GIVE_BACK,
    REFUND_BY_HAND,
    REFUND_DONE,
    REFUNDING,
    Collection,
)
from sandbox.rehearsals.demo.comparison.provider_books import work_items

_BY_HAND = "owed"
"""The column of payments that finance has to refund, because their provider cannot."""

_COLUMNS = (COMPLETED, REFUNDED, DECLINED, EXPIRED, IN_REVIEW, _BY_HAND)
_OPEN = "open"
# Short headings and no padding: there are many columns.
_HEADINGS = (
    "payments", "paid", "back", "refused", "expired", "suspense", "owed", "its book", "our book",
    "unex-\nplained",
)  # fmt: skip


def open_payments(outcome: PayerOutcome) -> int:
    """The number of payments that are neither final nor in review nor left to finance."""
    return _states(outcome.ours)[_OPEN]


def disagreements(outcome: PayerOutcome) -> list[str]:
    """Everything unexplained: disagreements, impossible end states, and connectors that never collected."""
    unexplained = [disagreement for each in outcome.providers for disagreement in each.comparison.unexplained]
    lines = [
        f"{disagreement.subject}: {disagreement.problem}" for disagreement in (*unexplained, *outcome.strays)
    ]
    lines += [
        f"connector {disagreement}: it is the switch's, and nobody here plays it"
        for disagreement in outcome.missing
    ]
    return lines + outcome.experience.surprises


def payers_json(outcome: PayerOutcome) -> dict[str, object]:
    """The payers' part of the outcome for programs; payments = the sum of the states and of `open`."""
    experience = outcome.experience
    contradictions = [provider for each in outcome.providers for provider in each.comparison.contradictions]
    return {
        "payments": len(outcome.ours),
        **_state_counts(outcome.ours),
        "unexplained": len(disagreements(outcome)),
        "work_items": work_items(outcome.ours),
        "connectors": {provider.provider.id: _provider_json(provider) for provider in outcome.providers},
        "courses": {course: dict(ends) for course, ends in _ends(outcome, outcome.ours).items()},
        "refunds": dict(_refunds(outcome.ours)),
        "notices": {"owed": outcome.notifications.created, "untaken": outcome.notifications.undelivered},
        "came_back": experience.came_back,
        "waited": experience.waited,
        "more_tries": experience.tries,
        "repeats": experience.repeats,
        "refused_for_now": dict(experience.refusals),
        "explanations": {provider.subject: provider.problem for provider in contradictions},
    }


def show_payers(outcome: PayerOutcome, screen: Console) -> None:
    """Print how each course ended, what each provider's own book says, and who is owed money."""
    screen.print(_course_table(outcome))
    screen.print(_provider_table(outcome))
    for provider in outcome.providers:
        for disagreement in provider.comparison.contradictions:
            screen.print(f"In review, rightly: {disagreement.subject}: {disagreement.problem}.")
    for line in _summary_lines(outcome):
        screen.print(line)


def family_counts(outcome: PayerOutcome) -> Iterator[tuple[str, list[int], int]]:
    """For each family and for all: how many payments, how many in each state, and the debt to us in paisa."""
    groups = [*_families(outcome.providers).items(), ("all", list(outcome.providers))]
    for family, members in groups:
        lines = list({line.payment_id: line for member in members for line in member.ours}.values())
        states = _states(lines)
        owed_paisa = sum(member.owed_paisa for member in members)
        yield family, [len(lines), *(states[column] for column in _COLUMNS)], owed_paisa


def _summary_lines(outcome: PayerOutcome) -> Iterator[str]:
    experience, notifications = outcome.experience, outcome.notifications
    yield (
        f"{experience.came_back} payers came back to the shop's page, {experience.waited} were asked to wait "
        f"by ours; {experience.tries} more tries, {experience.repeats} orders answered as repeats."
    )
    yield (
        f"bKash notified of {notifications.created} payments, and the switch has taken all but "
        f"{notifications.undelivered}."
    )
    by_kind = ", ".join(f"{kind.replace('_', ' ')} {times}" for kind, times in _refunds(outcome.ours).items())
    yield f"Refunds that are done, in the switch's books: {by_kind or 'none'}."
    by_hand = [refund for line in outcome.ours for refund in line.refunds if refund.state == REFUND_BY_HAND]
    by_hand_paisa = sum(refund.amount_paisa for refund in by_hand)
    yield (
        f"Work items for finance: {len(by_hand)}, refunds of {lakh(by_hand_paisa)} taka "
        "that are owed and whose provider has no call that gives money back."
    )


def _provider_json(outcome: ProviderOutcome) -> dict[str, object]:
    return {
        "family": outcome.provider.family,
        "payments": len(outcome.ours),
        **_state_counts(outcome.ours),
        "unexplained": len(outcome.comparison.unexplained),
        "work_items": work_items(outcome.ours),
        "paid_orders": outcome.orders,
        "refunds": outcome.refunds,
        "owed_paisa": outcome.owed_paisa,
        "receivable_paisa": outcome.receivable_paisa,
    }


def _provider_table(outcome: PayerOutcome) -> Table:
    table = Table(
        title="Collected; and what each provider owes us by its own book and by our ledger, in taka",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
    )
    table.add_column("connector", no_wrap=True)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for family, members in _families(outcome.providers).items():
        for provider in members:
            table.add_row(provider.provider.id, *_cells(provider.ours, [provider]))
        if len(members) > 1:
            lines = [line for provider in members for line in provider.ours]
            table.add_row(family, *_cells(lines, members), style="bold")
        table.add_section()
    table.add_row("all", *_cells(outcome.ours, outcome.providers), style="bold")
    return table


def _cells(lines: Sequence[Collection], providers: Sequence[ProviderOutcome]) -> list[str]:
    counts = _state_counts(lines)
    unexplained = sum(len(provider.comparison.unexplained) for provider in providers)
    return [
        str(len(lines)),
        *(str(counts[column]) for column in _COLUMNS),
        lakh(sum(provider.owed_paisa for provider in providers)),
        lakh(sum(provider.receivable_paisa for provider in providers)),
        str(unexplained),
    ]


def _families(providers: Iterable[ProviderOutcome]) -> Mapping[str, list[ProviderOutcome]]:
    families: defaultdict[str, list[ProviderOutcome]] = defaultdict(list)
    for provider in providers:
        families[provider.provider.family].append(provider)
    return families


def _course_table(outcome: PayerOutcome) -> Table:
    table = Table(title="Payers", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("course")
    table.add_column("times", justify="right")
    table.add_column("ended as")
    for course, ends in _ends(outcome, outcome.ours).items():
        counted = ", ".join(f"{state.replace('_', ' ')} ({times})" for state, times in sorted(ends.items()))
        table.add_row(course.replace("_", " "), str(ends.total()), counted)
    return table


def _ends(outcome: PayerOutcome, lines: Iterable[Collection]) -> dict[str, Counter[str]]:
    """How often each course ended in each state, in the order of the courses."""
    ends: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        ends[outcome.course_of(line)][_column(line)] += 1
    return {course.value: ends[course.value] for course in CollectionCourse if course.value in ends}


def _state_counts(lines: Iterable[Collection]) -> dict[str, int]:
    states = _states(lines)
    return {column: states[column] for column in (*_COLUMNS, _OPEN)}


def _states(lines: Iterable[Collection]) -> Counter[str]:
    return Counter(_column(line) for line in lines)


def _column(line: Collection) -> str:
    is_owed = any((refund.kind, refund.state) == (GIVE_BACK, REFUND_BY_HAND) for refund in line.refunds)
    if line.state == REFUNDING and is_owed:
        return _BY_HAND
    return line.state if line.state in _COLUMNS else _OPEN


def _refunds(lines: Iterable[Collection]) -> Counter[str]:
    done = (refund for line in lines for refund in line.refunds if refund.state == REFUND_DONE)
    return Counter(refund.kind for refund in done)
