"""One institution's date, judged by itself: its file and our lines, read at the same time.

For an institution of any size: the cells of its file, and what is the same in every row, never lie in memory,
and only rows that are not settled at first sight become whole canonical rows with windows and digests.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path

import polars as pl

from reconciliation.breaks.family import Kind
from reconciliation.calendar import Calendar
from reconciliation.matching.engines import Engine
from reconciliation.matching.keys import with_references, without_ours
from reconciliation.matching.lines import Lines
from reconciliation.matching.pool import Judged, judge_rest, unsettled_places
from reconciliation.matching.windows import due_states, with_due, with_windows
from reconciliation.rows import no_rows
from reconciliation.statement import hashes
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import read


@dataclass(frozen=True, slots=True)
class InstitutionDay:
    """A file of one date as its layout describes it."""

    layout: Layout
    path: Path
    date: date

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What the institution does for us."""
        return {self.layout.institution: self.layout.kind}


def judge_day(day: InstitutionDay, lines: Lines, calendar: Calendar, engine: Engine) -> Judged:
    """Judge a date of which every file is here; file and lines are read at the same time.

    `rows` are those of families that are not settled at first sight; every other row is matched.

    Raises:
        UnreadableFileError: the file is refused as a whole.
    """
    with ThreadPoolExecutor(2) as beside:
        reading = beside.submit(lines.at_sight)
        # What compiles the kernel takes a third of a second to import; the file is read meanwhile.
        beside.submit(import_module, "reconciliation.matching.compiled")
        told = read(day.path.read_bytes(), day.layout, day.path.name, day.date, hashed=False).rows
        ours = reading.result()
    theirs = _with_references(told, lines)
    del told
    our_places, their_places = unsettled_places(ours, theirs, engine)
    looked_at = lines.whole(ours.select("window_id", "ordinal")[our_places])
    others = theirs[their_places]
    # The file is read once more rather than kept: its bytes would lie there all the while.
    digests = hashes.at(day.path.read_bytes(), day.layout, others["ordinal"].to_list())
    rest = pl.concat([with_windows(looked_at, calendar), others.with_columns(raw_hash=digests)])
    states = due_states(calendar, {day.layout.institution: {day.date}})
    return judge_rest(with_due(rest, states), engine, day.kinds)


def _with_references(told: pl.DataFrame, lines: Lines) -> pl.DataFrame:
    names = without_ours(told)["theirs"].unique()
    return with_references(told, lines.bearing(names.to_list()) if len(names) else no_rows())
