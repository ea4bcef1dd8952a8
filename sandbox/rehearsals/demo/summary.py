"""The summary of a demo for its terminal: the headline, then what it rests on, in few lines of few columns.

Every table in full is in the report of the same demo (`report.show`).
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.day.payout_bank import ODD_FATES
from sandbox.rehearsals.demo.citizens.report import citizens_line
from sandbox.rehearsals.demo.collecting.report import family_counts
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse
from sandbox.rehearsals.demo.comparison.biller_books import COMPLETED, DECLINED, IN_REVIEW, REFUNDED
from sandbox.rehearsals.demo.payouts.payout_outcome import BankFigures
from sandbox.rehearsals.demo.report import DemoOutcome, disagreements_of

WIDTH = 100
LINES_MAX = 60
"""How many lines follow the headline at most."""

_PROBLEMS_MAX = 12
_KINDS_MAX = 8
_PARTNERS_MAX = 5
_FEW_COLUMNS, _NAME_WIDTH = 5, 20
_INDENT = "  "


def show_summary(outcome: DemoOutcome, place: Path, screen: Console) -> None:
    """Print the headline, every problem and the summary; `place` is the folder of report and logs."""
    style = "bold green" if outcome.is_proven else "bold red"
    first, *rest = headline(outcome, place)
    screen.print(first, style=style)
    for line in rest:
        screen.print(line)
    problems = problem_lines(outcome)
    for line in problems:
        screen.print(line, style="red")
    for line in list(detail_lines(outcome))[: LINES_MAX - len(problems)]:
        screen.print(line)


def headline(outcome: DemoOutcome, place: Path) -> Sequence[str]:
    """What a reader wants to know first."""
    collected = outcome.payers.ours
    paisa = outcome.completed_paisa(None)
    paisa += sum(line.total_paisa for line in collected if line.state == COMPLETED)
    verdict = "PROVEN" if outcome.is_proven else "NOT PROVEN"
    count = len(outcome.payments) + len(collected)
    from_prefunds = f"{len(outcome.payments):,} from partners' prefunds"
    from_payers = f"{len(collected):,} from payers over {len(outcome.payers.providers)} connectors"
    return [
        f"{verdict} in {_duration(outcome.seconds)}, seed {outcome.seed}",
        f"{_INDENT}payments     {count:,}: {from_prefunds}, {from_payers}",
        f"{_INDENT}taka         {lakh(paisa)} in completed payments",
        f"{_INDENT}faults       {faults_played(outcome):,} played on purpose",
        f"{_INDENT}unexplained  {_unexplained(outcome)}, still open {outcome.open}",
        f"{_INDENT}audit        {outcome.audit}",
        f"{_INDENT}reports      {place}",
    ]


def faults_played(outcome: DemoOutcome) -> int:
    """Everything that went wrong on purpose: at billers, partners, payers, in files and at our bank."""
    experience = outcome.experience
    return (
        experience.faults.total()
        + sum(codes.total() for codes in (*experience.duplicates.values(), *experience.bad_requests.values()))
        + _odd_courses(outcome).total()
        + len(outcome.night.injected)
        + sum(len(outcome.night.payouts.of_fate(fate)) for fate in ODD_FATES)
    )


def problem_lines(outcome: DemoOutcome) -> Sequence[str]:
    """Everything that keeps the demo from being proven, cut to a few lines."""
    lines = [f"UNEXPLAINED {text}" for text in disagreements_of(outcome)]
    lines += [f"MISSED {text}" for text in outcome.night.missed]
    lines += [f"UNEXPLAINED BREAK {text}" for text in outcome.night.unexplained]
    lines += [f"UNPROVEN PAYOUT {text}" for text in outcome.night.payouts.faults]
    lines += [f"UNEXPLAINED ALARM {alarm}" for alarm in outcome.doors.unexplained]
    more = len(lines) - _PROBLEMS_MAX
    shown = [textwrap.shorten(line, WIDTH, placeholder=" …") for line in lines[:_PROBLEMS_MAX]]
    return [*shown, *([f"… and {more} more in report.txt"] if more > 0 else [])]


def detail_lines(outcome: DemoOutcome) -> Iterator[str]:
    """The parts of the day in the order of their happening."""
    for part in (_prefund_lines, _payer_lines, _fault_lines, _night_lines, _payout_lines, _door_lines):
        yield ""
        yield from part(outcome)


def _prefund_lines(outcome: DemoOutcome) -> Iterator[str]:
    states = (COMPLETED, REFUNDED, DECLINED, IN_REVIEW)
    yield _row("Paid from prefunds", ("payments", *(state.replace("_", " ") for state in states)), "taka")
    names = outcome.partner_names if len(outcome.partner_names) <= _PARTNERS_MAX else {}
    for partner_id, name in (*names.items(), (None, "all")):
        counts = (outcome.payments_of(partner_id), *(outcome.count(state, partner_id) for state in states))
        yield _row(f"{_INDENT}{name}", counts, lakh(outcome.completed_paisa(partner_id)))


def _payer_lines(outcome: DemoOutcome) -> Iterator[str]:
    headings = ("payments", "paid", "back", "refused", "expired", "suspense", "owed")
    yield _row("Collected, by family", headings, "owed us, taka")
    for family, counts, owed_paisa in family_counts(outcome.payers):
        yield _row(f"{_INDENT}{family}", counts, lakh(owed_paisa))
    providers = outcome.payers.providers
    differing = [each.provider.id for each in providers if each.owed_paisa != each.receivable_paisa]
    but = f" but for {', '.join(differing)}, of which something is in suspense" if differing else ""
    yield from _wrapped(f"{_INDENT}Owed by their own books; by our ledger it is the same{but}.", indent=4)
    yield citizens_line(outcome.citizens)


def _row(name: str, counts: Sequence[object], taka: str) -> str:
    """A line of a table: counts below their headings, amounts at the right."""
    width = 10 if len(counts) <= _FEW_COLUMNS else 9
    cells = "".join(f"{_text(count):>{width}}" for count in counts)
    return f"{_cut(name, _NAME_WIDTH):{_NAME_WIDTH}}{cells}{taka:>{WIDTH - _NAME_WIDTH - len(cells)}}"


def _fault_lines(outcome: DemoOutcome) -> Iterator[str]:
    experience, night = outcome.experience, outcome.night
    yield "Faults played"
    yield from _counted("billers and network", _plain_kinds(experience.faults, outcome.posted))
    repeats = Counter({kind: codes.total() for kind, codes in experience.duplicates.items()})
    bad = Counter({kind: codes.total() for kind, codes in experience.bad_requests.items()})
    yield from _counted("sent again by partners", repeats)
    yield from _counted("bad requests", bad)
    yield from _counted("payers and providers", _odd_courses(outcome))
    found = Counter(error.code.value for error in night.injected)
    yield from _counted(f"files, {len(night.missed)} not found", found)
    fates = Counter({fate.value: len(night.payouts.of_fate(fate)) for fate in ODD_FATES})
    yield from _counted("our bank", fates)


def _night_lines(outcome: DemoOutcome) -> Iterator[str]:
    night = outcome.night
    days = ", ".join(f"{day}" for day in night.closed)
    yield from _wrapped(
        f"Nights: {len(night.nights)} nights read {night.files:,} files and statements; closed by two "
        f"persons: {days}; {len(night.waiting)} breaks wait for people; positions of {night.positions} "
        f"parties sum to {lakh(night.position_sum_paisa)} taka."
    )
    notified = outcome.notified
    yield from _wrapped(
        f"Notifications: a partner's endpoint heard of {notified.events:,} payments, each once; it refused "
        f"{notified.refused} messages on purpose and {notified.repeats} came again."
    )


def _payout_lines(outcome: DemoOutcome) -> Iterator[str]:
    payouts = outcome.night.payouts
    yield from _wrapped(
        f"Payouts: for {len(payouts.payees)} payees {lakh(payouts.came_paisa)} taka came in; the bank's own "
        f"book has {lakh(payouts.paid_paisa)} as paid out, and {lakh(payouts.held_paisa)} are held, each "
        "for a reason in report.txt."
    )
    for order in payouts.orders:
        yield f"{_INDENT}{order.value_date}  {order.payees:4} payees  {lakh(order.paisa):>16} taka"
    yield from cover_lines(payouts.bank)


def cover_lines(bank: BankFigures) -> Iterator[str]:
    """The trust cover in words, with the accounts that make it."""
    owed: Counter[str] = Counter()
    for account, paisa in bank.owed_paisa.items():
        owed[account.partition(":")[0]] += paisa
    same = "as much by" if bank.books_paisa == bank.statement_paisa else f"{lakh(bank.statement_paisa)} by"
    parts = ", ".join(f"{name.replace('_', ' ')} {lakh(paisa)}" for name, paisa in owed.most_common())
    ending = (
        f"The rest, {lakh(bank.cover_paisa)}, is our own: no taka of others is missing."
        if bank.cover_paisa >= 0
        else f"{lakh(-bank.cover_paisa)} of that are missing."
    )
    yield from _wrapped(
        f"Trust cover: {lakh(bank.books_paisa)} taka are at our banks (account settlement_bank; {same} "
        f"their statements). {lakh(owed.total())} of it belong to others: {parts or 'nobody'}. {ending}"
    )


def _door_lines(outcome: DemoOutcome) -> Iterator[str]:
    doors = outcome.doors
    names = "; ".join(dict.fromkeys(door.name for door in doors.played))
    yield from _wrapped(f"Decided by two persons, {len(doors.played)} matters: {names}.")
    explained = len(doors.alarms) - len(doors.unexplained)
    yield f"Alarms left open: {len(doors.alarms)}, of which {explained} have a cause in report.txt."


def _unexplained(outcome: DemoOutcome) -> int:
    night = outcome.night
    others = (night.missed, night.unexplained, night.payouts.faults, outcome.doors.unexplained)
    return outcome.unexplained + sum(map(len, others))


def _odd_courses(outcome: DemoOutcome) -> Counter[str]:
    """How many payers had each course but the plain one."""
    courses = Counter(outcome.payers.course_of(line) for line in outcome.payers.ours)
    return Counter({name: n for name, n in courses.items() if name not in {"", CollectionCourse.PLAIN}})


def _plain_kinds(faults: Mapping[str, int], billers: Iterable[str]) -> Counter[str]:
    """Faults by kind, whichever biller they were played at."""
    kinds: Counter[str] = Counter()
    for name, times in faults.items():
        prefix = next((biller for biller in billers if name.startswith(f"{biller} ")), "")
        kinds[name.removeprefix(prefix).strip()] += times
    return kinds


def _counted(title: str, counts: Counter[str]) -> Iterator[str]:
    """How many in all, and the most frequent kinds."""
    texts = [f"{kind.replace('_', ' ')} {times}" for kind, times in counts.most_common(_KINDS_MAX)]
    more = len(counts) - len(texts)
    listed = ", ".join([*texts, *([f"{more} more kinds"] if more > 0 else [])])
    yield from _wrapped(f"{_INDENT}{title}, {counts.total():,}: {listed or 'none'}", indent=4)


def _wrapped(text: str, indent: int = 2) -> Sequence[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)


def _text(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
