"""How breaks and decisions are shown: tables, JSON for programs, CSV that no spreadsheet executes."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ekpay_switch.cli.terminal import dhaka, screen, show_table, taka
from ekpay_switch.security.masking import printable
from reconciliation.resolutions.day_closing import ClosedDay
from reconciliation.resolutions.decision_records import Resolution
from reconciliation.results.records import BreakEvent, BreakRecord, BreakState

_STANDING: Final = (BreakState.OPEN, BreakState.PROPOSED)
_SHORT: Final = 8
# Below, a table of ten columns would cut ids and amounts.
_WIDE: Final = 130
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
COLUMNS: Final = (
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


def is_overdue(one: BreakRecord, night: date) -> bool:
    """Whether it stands past its deadline on a night."""
    return one.state in _STANDING and one.deadline < night


def sentence(one: BreakRecord, *, bangla: bool) -> str:
    """What it is in one sentence."""
    return str(one.told.get("bn" if bangla else "en", ""))


def as_row(one: BreakRecord, night: date, *, bangla: bool) -> dict[str, object]:
    """A break for programs: amounts in whole paisa, dates as they are in Dhaka."""
    values = (
        str(one.id),
        one.code,
        one.institution,
        one.reference,
        one.first_seen.isoformat(),
        one.age,
        one.state.value,
        one.owner,
        one.deadline.isoformat(),
        is_overdue(one, night),
        one.amount,
        one.difference,
        one.exposure,
        one.file,
        "" if one.day is None else one.day.isoformat(),
        one.cycle,
        one.diagnosis,
        sentence(one, bangla=bangla),
    )
    return dict(zip(COLUMNS, values, strict=True))


def show_breaks(found: Sequence[BreakRecord], night: date, *, bangla: bool) -> None:
    """A table, the largest exposure first; what is past its deadline is red and says so."""
    title = f"{len(found)} breaks as of {night}"
    if screen().width < _WIDE:
        _show_stacked(title, found, night, bangla=bangla)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in ("break", "code", "institution", "reference", "age", "deadline", "state", "owner"):
        table.add_column(heading, justify="right" if heading == "age" else "left")
    table.add_column("exposure", justify="right")
    table.add_column("what", overflow="fold", min_width=30)
    for one in found:
        late = is_overdue(one, night)
        cells = (
            str(one.id)[:_SHORT],
            one.code,
            one.institution,
            one.reference,
            str(one.age),
            f"{one.deadline} OVER" if late else str(one.deadline),
            one.state.value,
            one.owner,
            taka(one.exposure),
            sentence(one, bangla=bangla),
        )
        table.add_row(*(Text(printable(cell), style="red" if late else "") for cell in cells))
    screen().print(table)


def _show_stacked(title: str, found: Sequence[BreakRecord], night: date, *, bangla: bool) -> None:
    """Four lines a break, nothing cut: what a narrow screen has room for."""
    screen().print(Text(title, style="italic"))
    for one in found:
        late = is_overdue(one, night)
        heading = f"{str(one.id)[:_SHORT]}  {taka(one.exposure)}  {one.code}  {one.institution}"
        due = f"{one.deadline} OVER" if late else str(one.deadline)
        lines = (
            one.reference,
            f"{one.state.value}, age {one.age}, deadline {due}, {one.owner}",
            sentence(one, bangla=bangla),
        )
        style = "red" if late else ""
        screen().print(Text(printable(heading), style=f"bold {style}".strip()), soft_wrap=True)
        for line in lines:
            screen().print(Padding(Text(printable(line), style=style, overflow="fold"), (0, 0, 0, 2)))


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Rows of breaks as CSV in UTF-8; text that a spreadsheet would take for a formula is quoted by `'`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([_safe(row[column]) for column in COLUMNS])


def _safe(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def show_break(one: BreakRecord, night: date) -> None:
    """Everything that was found out about a break."""
    told = one.told
    facts = [
        ("break", str(one.id)),
        ("code", one.code),
        ("state", one.state.value),
        ("institution", one.institution),
        ("reference", one.reference),
        ("first seen", f"{one.first_seen}, {one.age} business days ago"),
        ("deadline", f"{one.deadline}{' OVER' if is_overdue(one, night) else ''}"),
        ("owner", one.owner),
        ("amount", taka(one.amount)),
        ("difference", taka(one.difference)),
        ("exposure", taka(one.exposure)),
        ("file", one.file),
        ("diagnosis", one.diagnosis),
        ("in English", sentence(one, bangla=False)),
        ("in Bangla", sentence(one, bangla=True)),
        ("what to do", str(told.get("action", ""))),
        ("by itself", str(told.get("automatic", ""))),
        ("nearest", str(told.get("nearest", ""))),
        *(("pass", str(tried)) for tried in _listed(told.get("passes"))),
        *(("row", str(row)) for row in _listed(told.get("rows"))),
        *(("movement", str(movement)) for movement in _listed(told.get("movements"))),
    ]
    show_table("Break", ("what", "value"), [(what, value) for what, value in facts if value])


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


def show_resolutions(found: Sequence[Resolution]) -> None:
    """Decisions with their persons and postings."""
    rows = [
        (
            str(one.number),
            str(one.id),
            f"reverses {one.action.value}" if one.reverses else one.action.value,
            taka(one.amount),
            one.made_by,
            ", ".join((*one.approved_by, *(f"{name} (no)" for name in one.rejected_by))),
            str(one.checkers_needed),
            standing(one),
            "; ".join(f"{account} {taka(paisa)}" for account, paisa in one.postings),
            one.reason,
        )
        for one in found
    ]
    headings = ("no", "resolution", "action", ">taka", "by", "checked by", ">wants", "is", "debits", "why")
    show_table("Decisions", headings, rows)


def standing(one: Resolution) -> str:
    """How a decision stands, in a word."""
    if one.outcome is None:
        return "waits"
    return "reversed" if one.reversed_by else one.outcome.value


def show_closings(found: Sequence[ClosedDay]) -> None:
    """Closings with their digests, then line by line what each restatement changed."""
    rows = [
        (
            one.night.isoformat(),
            str(one.restatement),
            f"{one.closed_by}, {one.approved_by}" if one.closed_by else "rule: restated by a run",
            dhaka(one.closed_at),
            one.digest if one.verifies else "FIGURES DO NOT VERIFY",
        )
        for one in found
    ]
    show_table("Closed nights", ("night", ">no", "by", "at (Dhaka)", "digest"), rows)
    for one in found:
        for line in _changes(one):
            screen().print(Text(printable(line)), soft_wrap=True)


def _changes(one: ClosedDay) -> Iterator[str]:
    name = f"{one.night} restated as {one.restatement}"
    for file in _listed(one.delta.get("files")):
        told = file if isinstance(file, Mapping) else {}
        rows = _listed(told.get("rows"))
        change = f"{len(rows)} rows changed, {taka(int(told.get('difference', 0)))} taka"
        yield f"{name}: {told.get('file')} replaced by {told.get('replaced_by')}, {change}"
        yield from (f"  {row}" for row in rows)
    settled = one.delta.get("settled")
    for institution, pair in settled.items() if isinstance(settled, Mapping) else ():
        before, after = pair
        yield f"  {institution} settles {taka(after)} taka instead of {taka(before)}"
    for key in _listed(one.delta.get("ended")):
        yield f"  {' '.join(str(part) for part in _listed(key))} has ended"
    for reversal in _listed(one.delta.get("reversed")):
        told = reversal if isinstance(reversal, Mapping) else {}
        amount = taka(int(told.get("amount", 0)))
        yield f"  decision {told.get('resolution')} over {amount} taka is reversed by {told.get('by')}"


def for_programs(one: object) -> dict[str, object]:
    """A record of ours with plain values; instants with their offset, amounts in whole paisa."""
    told = asdict(one)  # type: ignore[call-overload]
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in told.items()}
