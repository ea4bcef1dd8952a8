"""Our lines at first sight, from mirrors where there are any, the rest from the tables.

A plain line never changes its meaning and lines are only added, so a mirror stays right about its lines: the
plain lines of an institution in one closed window. The rest are odd lines, by an index of their own, and
plain lines of windows without a mirror that can be used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl

from reconciliation.matching.frozen_lines import PLAIN, FrozenLines, literal, with_sight_columns
from reconciliation.mirror.mirror_bindings import MirrorBinding
from reconciliation.mirror.mirror_folder import SIGHT, MirrorFault, MirrorFolder

Alarm = Callable[[str], None]

# Every window that may have lines of a span, each with its newest mirror. One that was made behind `last` may
# hold more than is asked for, and one of a window that somebody added to holds too few: neither is used.
_WINDOWS: Final = """
SELECT w.id AS window_id, w.business_date, m.last_line, m.last_ordinal, m.rows, m.gross, m.first_instant,
  m.last_instant, m.sha256
FROM settlement_windows AS w
LEFT JOIN LATERAL (
  SELECT * FROM reconciliation.mirrors AS m
  WHERE m.institution = {institution} AND m.window_id = w.id AND m.last_line <= {last}
    AND m.last_ordinal = (SELECT max(l.ordinal) FROM ledger_lines AS l WHERE l.window_id = w.id)
  ORDER BY m.id DESC LIMIT 1) AS m ON true
WHERE w.business_date >= '{first}'
"""
# The same condition as that of the index ix_ledger_lines_odd.
_ODD: Final = "status <> 'success' OR event <> 'payment' OR currency <> 'BDT'"
_OF_OTHERS: Final = (
    PLAIN + " AND business_date IN ({dates}) AND window_id <> ALL (ARRAY[{mirrored}]::bigint[])"
)


@dataclass(frozen=True, slots=True)
class Mirrors:
    """The folder of mirrors, and the alarm for a mirror that cannot be used."""

    folder: MirrorFolder
    alarm: Alarm


@dataclass(slots=True)
class MirroredLines:
    """`DayLines` through mirrors; `mirrored` counts the lines that were read from files at first sight."""

    frozen: FrozenLines
    mirrors: Mirrors
    mirrored: int = field(default=0, init=False)

    def at_sight(self) -> pl.DataFrame:
        """See `DayLines`; the same lines as `FrozenLines` has, in another order."""
        windows = self.frozen.books.query(self._windows_query())
        used, parts = [], []
        for row in windows.filter(pl.col("sha256").is_not_null()).iter_rows(named=True):
            mirrored = self._lines_in_span(MirrorBinding(self.frozen.institution, **row))
            if mirrored is not None:
                used.append(row["window_id"])
                parts.append(mirrored)
        if not used:
            return self.frozen.at_sight()
        self.mirrored = sum(part.height for part in parts)
        unmirrored_dates = windows.filter(~pl.col("window_id").is_in(used))["business_date"].unique()
        parts.append(self.frozen.sight_lines(self._rest(used, unmirrored_dates.sort().to_list())))
        return with_sight_columns(pl.concat(parts), self.frozen.institution)

    def of(self, references: Sequence[str]) -> pl.DataFrame:
        """See `DayLines`."""
        return self.frozen.of(references)

    def rows_with_references(self, names: Sequence[str]) -> pl.DataFrame:
        """See `DayLines`."""
        return self.frozen.rows_with_references(names)

    def _windows_query(self) -> str:
        return _WINDOWS.format(
            institution=literal(self.frozen.institution),
            last=int(self.frozen.last),
            first=self.frozen.span.first_date,
        )

    def _lines_in_span(self, binding: MirrorBinding) -> pl.DataFrame | None:
        """The lines of a mirror in the span, or None where the mirror is not used."""
        span = self.frozen.span
        if binding.last_instant < span.start or binding.first_instant >= span.end:
            return pl.DataFrame(schema={"reference": pl.String, "gross": pl.Int64, "net": pl.Int64})
        is_inside = span.start <= binding.first_instant and binding.last_instant < span.end
        lines = self.mirrors.folder.read(binding, with_instants=not is_inside)
        if isinstance(lines, MirrorFault):
            self.mirrors.alarm(
                f"alarm mirror_not_used: {binding.institution} {binding.business_date},"
                f" window {binding.window_id}: {lines.reason} ({binding.sha256});"
                " the database was asked instead"
            )
            return None
        if is_inside:
            return lines
        return lines.filter((pl.col("instant") >= span.start) & (pl.col("instant") < span.end)).select(SIGHT)

    def _rest(self, used: Sequence[int], unmirrored_dates: Sequence[date]) -> str:
        """The query of lines outside the mirrors of these windows; the dates are those of other windows."""
        parts = [self.frozen.sight_query(_ODD)]
        if unmirrored_dates:
            dates = ",".join(f"'{day}'" for day in unmirrored_dates)
            condition = _OF_OTHERS.format(dates=dates, mirrored=",".join(map(str, used)))
            parts.append(self.frozen.sight_query(condition))
        return " UNION ALL ".join(parts)
