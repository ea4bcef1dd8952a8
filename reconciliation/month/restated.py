"""The restatement law: a day and its correction come to the same as the day with the corrected file alone.

From scratch means from the bytes: our books and the live files of the institution are read again, and the
file that was replaced is never looked at.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from reconciliation.digests import sha256_of_frame
from reconciliation.intake.register import Arrival
from reconciliation.ledger import read_ledger_day
from reconciliation.matching.engines import Engine
from reconciliation.matching.keys import with_references
from reconciliation.matching.pool import judge_pool, with_rounding_broken
from reconciliation.matching.windows import due_states, with_due, with_windows
from reconciliation.month.night import Progress, Setting, complete_dates, off_by_too_much
from reconciliation.month.nights import Month
from reconciliation.rows import KEY, no_rows
from reconciliation.statement.reader import read

# What a row says and what became of it, whatever its place in a file.
OUTCOME = (*KEY, "source", "theirs", "status", "gross", "net", "currency", "verdict")


def outcome(rows: pl.DataFrame) -> str:
    """SHA-256 over what became of rows, free of their order and place."""
    return sha256_of_frame(rows, OUTCOME)


def agrees_from_scratch(
    institution: str, night: date, month: Month, setting: Setting, progress: Progress, engine: Engine
) -> bool:
    """Whether an institution's rows stand as a run has them that never saw the replaced file."""
    ours = _books(institution, month.nights[: month.nights.index(night) + 1], month, setting)
    live = [arrival for arrival in progress.register.loaded() if arrival.name.key.institution == institution]
    theirs = _files(live, month, setting)
    pool = pl.concat([ours, with_references(theirs, ours)])
    states = due_states(setting.calendar, complete_dates(setting.schedule, progress.register))
    judged = judge_pool(with_due(pool, states), engine, setting.kinds)
    rows = with_rounding_broken(judged, off_by_too_much(judged, setting, progress.register))
    standing = progress.store.everything().filter(pl.col("institution") == institution)
    return outcome(rows) == outcome(standing)


def _books(institution: str, nights: Sequence[date], month: Month, setting: Setting) -> pl.DataFrame:
    days = [read_ledger_day(month.ledger(night)) for night in nights]
    return with_windows(pl.concat(days).filter(pl.col("institution") == institution), setting.calendar)


def _files(live: Sequence[Arrival], month: Month, setting: Setting) -> pl.DataFrame:
    frames = []
    for arrival in live:
        name = arrival.name
        content = (month.files(arrival.night) / name.text).read_bytes()
        layout = setting.layouts[name.key.institution]
        frames.append(read(content, layout, name.text, name.key.day).rows)
    return pl.concat(frames) if frames else no_rows()
