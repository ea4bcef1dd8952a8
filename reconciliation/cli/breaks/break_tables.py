"""Output of breaks and decisions: tables, and rows for programs and spreadsheets."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ekpay_switch.cli.terminal import dhaka, screen, show_table, taka
from ekpay_switch.domain.money import grouped_taka
from ekpay_switch.security.masking import printable
from reconciliation.resolutions.day_closing import ClosedDay
from reconciliation.resolutions.decision_records import Resolution
from reconciliation.results.records import BreakEvent, BreakRecord, BreakState

_STANDING: Final = (BreakState.OPEN, BreakState.PROPOSED)
_SHORT: Final = 8
# Below, a table of ten columns would cut ids and amounts.
_WIDE: Final = 130
COLUMNS: Final = (
    "number",
    "id",
    "code",
    "institution",
    "reference",
    "first_seen",
    "age",
    "state",
    "owner",
    "deadline",
    "is_overdue",
    "amount_paisa",
    "difference_paisa",
    "exposure_paisa",
    "file",
    "day",
    "cycle",
    "diagnosis",
    "sentence",
)


def is_overdue(record: BreakRecord, night: date) -> bool:
    """Whether it is open after its deadline on a night."""
    return record.state in _STANDING and record.deadline < night


def sentence(record: BreakRecord, *, bangla: bool) -> str:
    """What it is in one sentence."""
    return str(record.details.get("bn" if bangla else "en", ""))


def as_row(record: BreakRecord, night: date, *, bangla: bool) -> dict[str, object]:
    """A break for programs: amounts in whole paisa, dates as they are in Dhaka."""
    values = (
        record.short_number,
        str(record.id),
        record.code,
        record.institution,
        record.reference,
        record.first_seen.isoformat(),
        record.age,
        record.state.value,
        record.owner,
        record.deadline.isoformat(),
        is_overdue(record, night),
        record.amount,
        record.difference,
        record.exposure,
        record.file,
        "" if record.day is None else record.day.isoformat(),
        record.cycle,
        record.diagnosis,
        sentence(record, bangla=bangla),
    )
    return dict(zip(COLUMNS, values, strict=True))


def show_breaks(records: Sequence[BreakRecord], night: date, *, bangla: bool) -> None:
    """A table, the largest exposure first; what is past its deadline is red and says so."""
    title = f"{len(records)} breaks as of {night}"
    if screen().width < _WIDE:
        _show_stacked(title, records, night, bangla=bangla)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in (">no", "break", "code", "institution", "reference", ">age", "deadline", "state", "owner"):
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    table.add_column("exposure", justify="right")
    table.add_column("what", overflow="fold", min_width=30)
    for record in records:
        late = is_overdue(record, night)
        cells = (
            str(record.short_number),
            str(record.id)[:_SHORT],
            record.code,
            record.institution,
            record.reference,
            str(record.age),
            f"{record.deadline} OVER" if late else str(record.deadline),
            record.state.value,
            record.owner,
            grouped_taka(record.exposure),
            sentence(record, bangla=bangla),
        )
        table.add_row(*(Text(printable(cell), style="red" if late else "") for cell in cells))
    screen().print(table)


def _show_stacked(title: str, records: Sequence[BreakRecord], night: date, *, bangla: bool) -> None:
    """Four lines for each break, nothing cut, for a narrow screen."""
    screen().print(Text(title, style="italic"))
    for record in records:
        late = is_overdue(record, night)
        names = f"{record.short_number}  {str(record.id)[:_SHORT]}"
        heading = f"{names}  {grouped_taka(record.exposure)}  {record.code}  {record.institution}"
        due = f"{record.deadline} OVER" if late else str(record.deadline)
        lines = (
            record.reference,
            f"{record.state.value}, age {record.age}, deadline {due}, {record.owner}",
            sentence(record, bangla=bangla),
        )
        style = "red" if late else ""
        screen().print(Text(printable(heading), style=f"bold {style}".strip()), soft_wrap=True)
        for line in lines:
            screen().print(Padding(Text(printable(line), style=style, overflow="fold"), (0, 0, 0, 2)))


def show_break(record: BreakRecord, night: date) -> None:
    """Every detail of a break."""
    details = record.details
    facts = [
        ("break", f"{record.short_number} ({record.id})"),
        ("code", record.code),
        ("state", record.state.value),
        ("institution", record.institution),
        ("reference", record.reference),
        ("first seen", f"{record.first_seen}, {record.age} business days ago"),
        ("deadline", f"{record.deadline}{' OVER' if is_overdue(record, night) else ''}"),
        ("owner", record.owner),
        ("amount", taka(record.amount)),
        ("difference", taka(record.difference)),
        ("exposure", taka(record.exposure)),
        ("file", record.file),
        ("diagnosis", record.diagnosis),
        ("in English", sentence(record, bangla=False)),
        ("in Bangla", sentence(record, bangla=True)),
        ("what to do", str(details.get("action", ""))),
        ("by itself", str(details.get("automatic", ""))),
        ("nearest", str(details.get("nearest", ""))),
        *(("pass", str(tried)) for tried in _listed(details.get("passes"))),
        *(("row", str(row)) for row in _listed(details.get("rows"))),
        *(("movement", str(movement)) for movement in _listed(details.get("movements"))),
    ]
    show_table("Break", ("what", "value"), [(name, value) for name, value in facts if value])


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def show_events(events: Sequence[BreakEvent]) -> None:
    """What happened to a break, with who did it."""
    rows = [
        (
            str(event.seq),
            dhaka(event.at),
            event.night.isoformat(),
            event.actor,
            event.event.value,
            event.state.value,
            ", ".join(f"{name} {_plain(value)}" for name, value in event.facts.items()),
        )
        for event in events
    ]
    show_table("What happened", ("event", "at (Dhaka)", "night", "who", "what", "then", "facts"), rows)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def show_resolutions(resolutions: Sequence[Resolution]) -> None:
    """Decisions with their persons and postings."""
    rows = [
        (
            str(resolution.short_number),
            str(resolution.id),
            f"reverses {resolution.action.value}" if resolution.reverses else resolution.action.value,
            taka(resolution.amount),
            resolution.made_by,
            ", ".join((*resolution.approved_by, *(f"{name} (no)" for name in resolution.rejected_by))),
            str(resolution.checkers_needed),
            resolution_state(resolution),
            "; ".join(f"{account} {taka(paisa)}" for account, paisa in resolution.postings),
            resolution.reason,
        )
        for resolution in resolutions
    ]
    headings = ("no", "resolution", "action", ">taka", "by", "checked by", ">wants", "is", "debits", "why")
    show_table("Decisions", headings, rows)


def show_proposals(proposals: Sequence[tuple[Resolution, BreakRecord]]) -> None:
    """Proposals that wait, each with its break and what it would post."""
    rows = [
        (
            str(resolution.short_number),
            f"{record.short_number} {record.code} {record.institution} {record.reference}",
            f"reverses {resolution.action.value}" if resolution.reverses else resolution.action.value,
            taka(resolution.amount),
            resolution.made_by,
            f"{len(resolution.approved_by)} of {resolution.checkers_needed}",
            "; ".join(f"{account} {taka(paisa)}" for account, paisa in resolution.postings),
            resolution.reason,
        )
        for resolution, record in proposals
    ]
    headings = (">no", "break", "action", ">taka", "by", "approved", "debits", "why")
    show_table(f"{len(rows)} proposals wait", headings, rows)


def resolution_state(resolution: Resolution) -> str:
    """The state of a decision in one word."""
    if resolution.outcome is None:
        return "waits"
    return "reversed" if resolution.reversed_by else resolution.outcome.value


def show_closings(closed_days: Sequence[ClosedDay]) -> None:
    """Closings with their digests, then line by line what each restatement changed."""
    rows = [
        (
            closed_day.night.isoformat(),
            str(closed_day.restatement),
            f"{closed_day.closed_by}, {closed_day.approved_by}"
            if closed_day.closed_by
            else "rule: restated by a run",
            dhaka(closed_day.closed_at),
            closed_day.digest if closed_day.verifies else "FIGURES DO NOT VERIFY",
        )
        for closed_day in closed_days
    ]
    show_table("Closed nights", ("night", ">no", "by", "at (Dhaka)", "digest"), rows)
    for closed_day in closed_days:
        for line in _changes(closed_day):
            screen().print(Text(printable(line)), soft_wrap=True)


def _changes(closed_day: ClosedDay) -> Iterator[str]:
    name = f"{closed_day.night} restated as {closed_day.restatement}"
    for file in _listed(closed_day.delta.get("files")):
        details = file if isinstance(file, Mapping) else {}
        rows = _listed(details.get("rows"))
        change = f"{len(rows)} rows changed, {taka(int(details.get('difference', 0)))} taka"
        yield f"{name}: {details.get('file')} replaced by {details.get('replaced_by')}, {change}"
        yield from (f"  {row}" for row in rows)
    settled = closed_day.delta.get("settled")
    for institution, pair in settled.items() if isinstance(settled, Mapping) else ():
        before, after = pair
        yield f"  {institution} settles {taka(after)} taka instead of {taka(before)}"
    for key in _listed(closed_day.delta.get("ended")):
        yield f"  {' '.join(str(part) for part in _listed(key))} has ended"
    for reversal in _listed(closed_day.delta.get("reversed")):
        details = reversal if isinstance(reversal, Mapping) else {}
        amount = taka(int(details.get("amount", 0)))
        yield f"  decision {details.get('resolution')} over {amount} taka is reversed by {details.get('by')}"


def plain_values(record: object) -> dict[str, object]:
    """A record of ours with plain values; instants with their offset, amounts in whole paisa."""
    values = asdict(record)  # type: ignore[call-overload]
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}
