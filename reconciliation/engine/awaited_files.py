"""The open total of each missing file: every open line of ours waits for one file and counts in one break.

A line waits for the file of its due date and of the cycle in which it moved; where that file came without it,
for the first one of the date that did not come. So of four missing files of a date each has its own part.
Where several breaks are about one file (first missing, then with wrong control totals), the first has the
open total and the others have 0.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.calendar import DAY_MINUTES, FileTimes
from reconciliation.canonical_row import LEDGER, OPEN
from reconciliation.intake.file_names import LogicalKey
from reconciliation.intake.file_register import FileRegister
from reconciliation.statement.values.dates import DHAKA_NAME

_MINUTES_AN_HOUR: Final = 60


@dataclass(frozen=True, slots=True)
class AwaitedFiles:
    """The times of institutions, and the files that earlier breaks already wait for."""

    times: Mapping[str, FileTimes] = field(default_factory=dict)
    borne: Collection[LogicalKey] = ()

    def totals(
        self, findings: Iterable[BreakFinding], rows: pl.DataFrame, register: FileRegister
    ) -> dict[FindingKey, int]:
        """The open total of each break about a file, in paisa; 0 where an earlier break has it."""
        borne = set(self.borne)
        totals = {}
        for finding in findings:
            key = awaited_file_of(finding)
            if key is not None:
                totals[finding.key] = 0 if key in borne else self._open_total(key, rows, register)
                borne.add(key)
        return totals

    def _open_total(self, key: LogicalKey, rows: pl.DataFrame, register: FileRegister) -> int:
        waiting = rows.filter(
            (pl.col("institution") == key.institution)
            & (pl.col("source") == LEDGER)
            & (pl.col("verdict") == OPEN)
            & (pl.col("due_date") == key.day)
        )
        times = self.times.get(key.institution)
        ends = (DAY_MINUTES,) if times is None else times.cycle_ends
        cycles = range(1, len(ends) + 1)
        arrived = {
            cycle
            for cycle in cycles
            if register.loaded_file_of(LogicalKey(key.institution, key.day, cycle)) is not None
        }
        first = next((cycle for cycle in cycles if cycle not in arrived), None)
        waits = pl.when(_cycle(ends).is_in(sorted(arrived))).then(pl.lit(first)).otherwise(_cycle(ends))
        return int(waiting.filter(waits == key.cycle)["gross"].sum())


# For a check of single files, where the times of an institution do not matter.
SINGLE_FILE: Final = AwaitedFiles()


def awaited_file_of(finding: BreakFinding) -> LogicalKey | None:
    """The file that a break waits for; None where it waits for none."""
    if not finding.waits_for_a_file or finding.day is None:
        return None
    return LogicalKey(finding.key.institution, finding.day, finding.cycle)


def _cycle(ends: Sequence[int]) -> pl.Expr:
    """The cycle in which a row moved; the first cycle where it is due on a later date."""
    local = pl.col("instant").dt.convert_time_zone(DHAKA_NAME)
    minute = local.dt.hour().cast(pl.Int32) * _MINUTES_AN_HOUR + local.dt.minute().cast(pl.Int32)
    cycles_over = [(minute >= end).cast(pl.Int32) for end in ends[:-1]]
    cycle = pl.sum_horizontal(pl.lit(1, pl.Int32), *cycles_over)
    return pl.when(local.dt.date() == pl.col("due_date")).then(cycle).otherwise(1)
