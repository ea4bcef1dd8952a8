"""One institution's date, judged by itself: its files and our lines, read at the same time.

For an institution of any size: neither the cells of its files nor constant columns are held in memory, and
only rows that are not settled at first sight become whole rows with windows and digests.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Final

import polars as pl

from reconciliation.calendar import Calendar
from reconciliation.canonical_row import no_rows
from reconciliation.errors import UnreadableFileError
from reconciliation.intake.file_names import FileName
from reconciliation.intake.receive_files import check_header, rejected_rows
from reconciliation.matching.due_windows import due_states, with_due, with_windows
from reconciliation.matching.engines import Engine
from reconciliation.matching.frozen_lines import DayLines
from reconciliation.matching.reference_keys import lookup_keys, with_references
from reconciliation.matching.row_family import InstitutionKind
from reconciliation.matching.row_pool import JudgedPool, judge_rest, unsettled_rows
from reconciliation.statement import line_hashes as hashes
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import read_file

_BUFFER_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class InstitutionDay:
    """Files of one date as their layout describes them; `is_whole` says that every cycle is among them."""

    layout: Layout
    date: date
    files: Mapping[FileName, Path]
    is_whole: bool = True

    @property
    def kinds(self) -> Mapping[str, InstitutionKind]:
        """The kind of the institution, by its id."""
        return {self.layout.institution: self.layout.kind}


@dataclass(frozen=True, slots=True)
class JudgedDay:
    """The result of a date: counts of rows, and the judged rows that were not settled at first sight.

    `ours` counts our lines of the date, `theirs` the rows of each file. Every row that `judged` does not hold
    is matched. `elsewhere` are references of our lines of other dates that the files name.
    """

    ours: int
    theirs: Mapping[str, int]
    judged: JudgedPool
    elsewhere: frozenset[str]


def judge_day(day: InstitutionDay, lines: DayLines, calendar: Calendar, engine: Engine) -> JudgedDay:
    """Judge a date; files and lines are read at the same time.

    Where a date is not whole, our lines that are in no file stay open. Findings are those of rows alone.

    Raises:
        UnreadableFileError: a file is refused as a whole; `file` says which.
    """
    with ThreadPoolExecutor(2) as executor:
        reading = executor.submit(lines.at_sight)
        # What compiles the kernel takes a third of a second to import; the files are read meanwhile.
        executor.submit(import_module, "reconciliation.matching.compiled_kernel")
        frames = _read_all(day)
        ours = reading.result()
    counts = ours.height, {name.text: rows.height for name, rows in frames.items()}
    theirs = _with_references(pl.concat(frames.values()), lines)
    frames.clear()
    references, their_places = unsettled_rows(ours, theirs, engine)
    unsettled_theirs = theirs[their_places]
    # The rest is small; the sides are freed.
    del ours, theirs, reading
    looked_at = with_windows(lines.of(references.to_list()), calendar)
    rest = pl.concat([looked_at, _with_digests(unsettled_theirs, day)])
    complete = {day.layout.institution: {day.date}} if day.is_whole else {}
    judged = judge_rest(with_due(rest, due_states(calendar, complete)), engine, day.kinds)
    for name in day.files:
        judged.findings.extend(rejected_rows(rest.filter(pl.col("origin") == name.text), name))
    elsewhere = looked_at.filter(pl.col("due_date") != day.date)["reference"]
    return JudgedDay(*counts, judged, frozenset(elsewhere))


def _read_all(day: InstitutionDay) -> dict[FileName, pl.DataFrame]:
    frames = {}
    for name, path in day.files.items():
        try:
            reading = read_file(path.read_bytes(), day.layout, name.text, day.date, hashed=False)
            check_header(name, reading)
        except UnreadableFileError as problem:
            problem.file = name.text
            raise
        frames[name] = reading.rows
    return frames


def _with_references(rows: pl.DataFrame, lines: DayLines) -> pl.DataFrame:
    names = lookup_keys(rows)["theirs"].unique()
    return with_references(rows, lines.rows_with_references(names.to_list()) if len(names) else no_rows())


def _with_digests(rows: pl.DataFrame, day: InstitutionDay) -> pl.DataFrame:
    """Rows of files with the digests of their lines; the files are gone through again rather than kept."""
    parts = [rows.clear()]
    for name, path in day.files.items():
        mine = rows.filter(pl.col("origin") == name.text)
        if mine["raw_hash"].null_count():
            with path.open("rb", buffering=_BUFFER_BYTES) as file:
                digests = hashes.hashes_at(file, day.layout, mine["ordinal"].to_list())
            mine = mine.with_columns(raw_hash=digests)
        parts.append(mine)
    return pl.concat(parts)
