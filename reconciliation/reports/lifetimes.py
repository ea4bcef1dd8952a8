"""How long a break lives: found in a night, and ended by itself in another, where rows say so.

A break of a file ends when a file of that day and cycle is loaded. A break of a row ends in the night that
judges its family whole and no longer finds it, or that withdraws the file it was seen in. A family of which
only open rows are looked at is not judged whole: of such, only TIMING can end. Everything else stays open
until a person closes it, which no folder knows of.
"""

from collections.abc import Collection
from datetime import date

import polars as pl

from reconciliation.breaks.codes import Code
from reconciliation.findings import Finding, FindingKey
from reconciliation.intake.names import LogicalKey
from reconciliation.intake.register import Register
from reconciliation.matching.keys import STRANGER
from reconciliation.month.night import Night, Progress
from reconciliation.rows import FAMILY, OPEN

WAITS_FOR_A_FILE = (Code.FILE_MISSING, Code.CONTROL_TOTAL)


class Lifetimes:
    """When each finding ended, up to the last night that was told."""

    def __init__(self) -> None:
        self._ended: dict[FindingKey, date] = {}

    def ended(self, key: FindingKey) -> date | None:
        """The night in which a finding ended, or None while it is open."""
        return self._ended.get(key)

    def after(self, night: Night, progress: Progress) -> int:
        """Take a night in; says how many findings ended in it."""
        raised = {one.key for one in (*night.received.findings, *night.judged.findings)}
        for key in raised:
            self._ended.pop(key, None)
        wanted = [key for key in progress.found if key not in self._ended and key not in raised]
        seen = _families(night.judged.rows, wanted)
        settled = pl.col("verdict").is_not_null() & (pl.col("verdict") != OPEN)
        whole = seen & _families(night.pool.filter(settled), wanted)
        for key in wanted:
            families = seen if key.code is Code.TIMING else whole
            finding = progress.found[key][1]
            if _is_over(finding, families, night.received.withdrawn, progress.register):
                self._ended[key] = night.date
        return sum(night.date == when for when in self._ended.values())


def _is_over(
    finding: Finding, families: Collection[tuple[str, str]], withdrawn: Collection[str], register: Register
) -> bool:
    key = finding.key
    if key.code in WAITS_FOR_A_FILE:
        day = finding.day
        return day is not None and register.live(LogicalKey(key.institution, day, finding.cycle)) is not None
    return (key.institution, key.reference) in families or (
        finding.file in withdrawn and key.code is not Code.FILE_SUPERSEDED
    )


def _families(rows: pl.DataFrame, wanted: Collection[FindingKey]) -> set[tuple[str, str]]:
    """Which of the wanted families are among the rows, by the names that findings have for them."""
    keys = pl.DataFrame(
        [(key.institution, key.reference) for key in wanted],
        schema={"institution": pl.String, "reference": pl.String},
        orient="row",
    )
    named = rows.select("institution", pl.col("reference").str.strip_prefix(STRANGER))
    return set(keys.unique().join(named, on=list(FAMILY), how="semi").iter_rows())
