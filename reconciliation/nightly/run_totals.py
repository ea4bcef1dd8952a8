"""The totals of a run that status and reports print, by name; amounts in whole paisa.

rows.ours, rows.theirs              rows that no run had before
<fate>.<institution>, decided.<…>   rows of both sides whose fate this run changed; decided is matched, broken
                                    and rejected together
files.<state>, files.on_time, …     files of this run; files.missing: expected by now and not there found,
reopened, ended              breaks of this run open, exposure                      breaks that have not ended
yet, and their exposure unwatched, unwatched.<id>           how many institutions nobody watches, and their
lines so far events                              the newest event of breaks when the run was committed
cover.<…>                           the trust cover when the run was committed
(`trust_cover_figures.cover_figures`) total.<…>                           carried from run to run
(`run_proofs.carried_totals`)
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from reconciliation.canonical_row import BROKEN, FILE, IDENTITY, LEDGER, MATCHED, OPEN, REJECTED
from reconciliation.engine.night import Night, RunConfiguration, RunProgress
from reconciliation.intake.file_names import LogicalKey
from reconciliation.intake.file_register import FileState
from reconciliation.intake.participants import Participants

UNWATCHED: Final = "unwatched"
_PREFIX: Final = f"{UNWATCHED}."
_DECIDED: Final = (MATCHED, BROKEN, REJECTED)


def run_figures(night: Night, setting: RunConfiguration, progress: RunProgress) -> dict[str, int]:
    """The figures of one run that follow from its rows and files."""
    return _rows(night) | _files(night, setting, progress)


def _rows(night: Night) -> dict[str, int]:
    new = night.pool.filter(pl.col("verdict").is_null())
    figures = {
        "rows.ours": new.filter(pl.col("source") == LEDGER).height,
        "rows.theirs": new.filter(pl.col("source") == FILE).height,
    }
    before = night.pool.select(*IDENTITY, pl.col("verdict").alias("_before"))
    rows = night.judged.rows.join(before, on=list(IDENTITY), how="left")
    changed = rows.filter((pl.col("verdict") != OPEN) & pl.col("verdict").ne_missing(pl.col("_before")))
    counted = changed.group_by("institution", "verdict").len().sort("institution", "verdict")
    for institution, fate, count in counted.iter_rows():
        figures[f"{fate}.{institution}"] = count
        if fate in _DECIDED:
            decided = f"decided.{institution}"
            figures[decided] = figures.get(decided, 0) + count
    return figures


def _files(night: Night, setting: RunConfiguration, progress: RunProgress) -> dict[str, int]:
    count = len(night.inputs.files)
    arrivals = progress.register.arrivals
    earlier, arrived = arrivals[: len(arrivals) - count], arrivals[len(arrivals) - count :]
    states = [arrival.state for arrival in arrived]
    known = {arrival.name.key for arrival in earlier if arrival.fulfils}
    first: set[LogicalKey] = {arrival.name.key for arrival in arrived if arrival.fulfils} - known
    due = setting.schedule.arrivals
    on_time = sum(night.date <= due.get(key, night.date) for key in first)
    return {f"files.{state.value}": states.count(state) for state in FileState if state in states} | {
        "files.on_time": on_time,
        "files.late": len(first) - on_time,
        "files.missing": sum(
            not progress.register.has_come(key) for key in setting.schedule.due_by(night.date)
        ),
    }


def unwatched_figures(
    left_out: pl.DataFrame, part: Participants, before: Mapping[str, int]
) -> dict[str, int]:
    """The unwatched institutions with their lines so far; `left_out` are the lines of this run."""
    counted: dict[str, int] = dict(left_out.group_by("institution").len().sort("institution").iter_rows())
    carried = unwatched_institutions(before) - part.since.keys()
    names = sorted(carried | counted.keys() | part.unwatched)
    lines = {f"{_PREFIX}{name}": before.get(f"{_PREFIX}{name}", 0) + counted.get(name, 0) for name in names}
    return {UNWATCHED: len(lines), **lines}


def unwatched_institutions(figures: Mapping[str, int]) -> frozenset[str]:
    """The institutions that were unwatched, by the figures of a run."""
    return frozenset(name.removeprefix(_PREFIX) for name in figures if name.startswith(_PREFIX))
