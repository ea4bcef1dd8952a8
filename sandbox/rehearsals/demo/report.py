"""The report of a demo: tables for people, one JSON object for programs."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.citizens.books import CitizenOutcome
from sandbox.rehearsals.demo.citizens.report import citizens_json, show_citizens
from sandbox.rehearsals.demo.collecting.book_reader import PayerOutcome
from sandbox.rehearsals.demo.collecting.report import disagreements, open_payments, payers_json, show_payers
from sandbox.rehearsals.demo.comparison.biller_books import (
    COMPLETED,
    DECLINED,
    EXPIRED,
    IN_REVIEW,
    REFUNDED,
    Comparison,
    OurLine,
)
from sandbox.rehearsals.demo.deciding.doors import DoorsOutcome
from sandbox.rehearsals.demo.deciding.report import doors_json, show_doors
from sandbox.rehearsals.demo.night.night_run import NightOutcome
from sandbox.rehearsals.demo.night.report import night_json, show_night
from sandbox.rehearsals.demo.paying.load import PartnerExperience

CLEAN = "clean"

_COLUMNS = (COMPLETED, REFUNDED, DECLINED, EXPIRED, IN_REVIEW)
_OPEN = "open"
_LINES_MAX = 20


@dataclass(frozen=True, slots=True)
class EndpointCounts:
    """Messages at a partner's notification endpoint: distinct events, and unusual deliveries.

    `refused` messages were refused on purpose, `repeats` came again although accepted, `strangers` were not
    sent by the switch.
    """

    events: int = 0
    refused: int = 0
    repeats: int = 0
    strangers: int = 0


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """The outcome of one demo; `payments` are those from its own partners' prefunds.

    `posted` is how many payments are in each biller's own book, by its name, including those of `payers`.
    """

    seed: int
    seconds: float
    time_divisor: int
    payments: Sequence[OurLine]
    posted: Mapping[str, int]
    experience: PartnerExperience
    comparison: Comparison
    audit: str
    payers: PayerOutcome
    citizens: CitizenOutcome
    night: NightOutcome
    doors: DoorsOutcome
    notified: EndpointCounts = field(default_factory=EndpointCounts)
    partner_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def unexplained(self) -> int:
        """The number of unexplained disagreements and unexpected answers."""
        return len(disagreements_of(self))

    @property
    def open(self) -> int:
        """The number of payments that are neither final nor in review nor left to finance."""
        return self.count(_OPEN) + open_payments(self.payers)

    @property
    def is_proven(self) -> bool:
        """Whether all payments are final or rightly in review, alarms explained, and the audit is clean."""
        is_whole = self.unexplained == 0 and self.open == 0
        is_whole = is_whole and self.notified.strangers == 0 and self.audit == CLEAN
        return is_whole and self.night.is_explained and self.doors.is_explained

    def count(self, column: str, partner_id: str | None = None) -> int:
        """The number of payments in this state, or `open`: neither final nor in review."""
        return sum(_column(line) == column for line in self._of(partner_id))

    def payments_of(self, partner_id: str | None) -> int:
        """The number of payments of a partner, or of all."""
        return len(self._of(partner_id))

    def _of(self, partner_id: str | None) -> list[OurLine]:
        return [line for line in self.payments if partner_id in {None, line.partner_id}]

    def completed_paisa(self, partner_id: str | None) -> int:
        """The completed amount, in paisa."""
        return sum(line.total_paisa for line in self._of(partner_id) if line.state == COMPLETED)


def as_json(outcome: DemoOutcome) -> dict[str, object]:
    """The outcome for programs; payments = completed + refunded + declined + expired + in_review + open.

    These are the payments from prefunds; `payers` holds the same of collected ones, `unexplained` is both.
    """
    experience = outcome.experience
    return {
        "payments": len(outcome.payments),
        **{column: outcome.count(column) for column in (*_COLUMNS, _OPEN)},
        "unexplained": outcome.unexplained,
        "audit": outcome.audit,
        "posted": dict(outcome.posted),
        "notified": asdict(outcome.notified),
        "seed": outcome.seed,
        "seconds": round(outcome.seconds, 1),
        "time_divisor": outcome.time_divisor,
        "faults": dict(experience.faults),
        "paid_anew": experience.paid_anew,
        "duplicates": {kind: dict(codes) for kind, codes in experience.duplicates.items()},
        "bad_requests": {kind: dict(codes) for kind, codes in experience.bad_requests.items()},
        "explanations": {
            disagreement.subject: disagreement.problem for disagreement in outcome.comparison.contradictions
        },
        "payers": payers_json(outcome.payers),
        "citizens": citizens_json(outcome.citizens),
        "night": night_json(outcome.night),
        "doors": doors_json(outcome.doors),
        "disagreements": disagreements_of(outcome),
    }


def show(outcome: DemoOutcome, screen: Console) -> None:
    """Print the outcome as tables, and every disagreement as a sentence."""
    screen.print(_payments_table(outcome))
    screen.print(_tried_table(outcome))
    for disagreement in outcome.comparison.contradictions:
        screen.print(f"In review, rightly: {disagreement.subject}: {disagreement.problem}.")
    show_payers(outcome.payers, screen)
    show_citizens(outcome.citizens, screen)
    show_night(outcome.night, screen)
    show_doors(outcome.doors, screen)
    unexplained = disagreements_of(outcome)
    for line in unexplained[:_LINES_MAX]:
        screen.print(f"UNEXPLAINED {line}", style="bold red")
    if len(unexplained) > _LINES_MAX:
        screen.print(f"… and {len(unexplained) - _LINES_MAX} more.")
    notifications = outcome.notified
    screen.print(
        f"A partner's endpoint was told of {notifications.events:,} payments, each once; it refused "
        f"{notifications.refused} messages on purpose, and {notifications.repeats} came again."
    )
    posted = ", ".join(f"{name} {count:,}" for name, count in outcome.posted.items())
    screen.print(
        f"Payments in the billers' own books: {posted}; in the switch's: {len(outcome.payments):,} from "
        f"prefunds, {len(outcome.payers.ours):,} collected over {len(outcome.payers.providers)} connectors; "
        f"unexplained: {outcome.unexplained}, open: {outcome.open}, audit: {outcome.audit}."
    )
    verdict, style = ("proven", "bold green") if outcome.is_proven else ("NOT PROVEN", "bold red")
    screen.print(f"{verdict} in {outcome.seconds:.0f} s", style=style)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _payments_table(outcome: DemoOutcome) -> Table:
    table = _table("Payments from prefunds in the switch's books")
    # No column for expired payments: a prefund payment never expires, and eighty columns are soon full.
    columns = [column for column in (*_COLUMNS, _OPEN) if column != EXPIRED or outcome.count(column)]
    table.add_column("partner")
    for heading in ("total", *columns, "taka"):
        table.add_column(heading.replace("_", " "), justify="right", no_wrap=True)
    for partner_id in [*outcome.partner_names, None]:
        if partner_id is None:
            table.add_section()
        counts = [outcome.count(column, partner_id) for column in columns]
        table.add_row(
            outcome.partner_names[partner_id] if partner_id else "all",
            f"{sum(counts):,}",
            *(f"{count:,}" for count in counts),
            lakh(outcome.completed_paisa(partner_id)),
        )
    return table


def _tried_table(outcome: DemoOutcome) -> Table:
    table = _table("Injected faults")
    table.add_column("what")
    table.add_column("times", justify="right")
    table.add_column("ended or answered as")
    experience = outcome.experience
    ends: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in outcome.payments:
        if line.reference in experience.struck:
            ends[experience.struck[line.reference]][line.state] += 1
    for kind, times in sorted(experience.faults.items()):
        table.add_row(f"fault: {_readable(kind)}", str(times), _counts_text(ends[kind]))
    table.add_row("nothing sent, paid anew", str(experience.paid_anew), "")
    for group, answers in (("sent again", experience.duplicates), ("bad", experience.bad_requests)):
        table.add_section()
        for kind, codes in sorted(answers.items()):
            table.add_row(f"{group}: {_readable(kind)}", str(sum(codes.values())), _counts_text(codes))
    return table


def disagreements_of(outcome: DemoOutcome) -> list[str]:
    """Everything unexplained about payments, as sentences."""
    lines = [
        f"{disagreement.subject}: {disagreement.problem}" for disagreement in outcome.comparison.unexplained
    ]
    lines += outcome.experience.surprises + disagreements(outcome.payers)
    return lines + outcome.citizens.disagreements


def _column(line: OurLine) -> str:
    return line.state if line.state in _COLUMNS else _OPEN


def _counts_text(counts: Counter[str]) -> str:
    return ", ".join(f"{_readable(name)} ({times})" for name, times in sorted(counts.items()))


def _readable(kind: str) -> str:
    return kind.replace("_", " ")
