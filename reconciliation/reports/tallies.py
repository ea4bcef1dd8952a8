"""Rows counted for a report: by institution and fate, by file, and what fees they bore.

Results have one entry for each institution or file, so only totals outlive a night.
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from reconciliation.canonical_row import (
    BROKEN,
    FAILED,
    FILE,
    IDENTITY,
    KEY,
    LEDGER,
    MATCHED,
    OPEN,
    REJECTED,
    OutcomeCode,
)
from reconciliation.engine.night import Night
from reconciliation.matching.institution_positions import CURRENCY, families_that_agree, positions
from reconciliation.reports.report_model import OutcomeLine, PositionLine, RateLine, Tally

Fates = Mapping[str, Tally]


def rows_decided_in(night: Night) -> pl.DataFrame:
    """The rows of which this night changed the fate, as they stand now; what only stays open is not in it."""
    before = night.pool.select(*IDENTITY, pl.col("verdict").alias("_before"))
    rows = night.judged.rows.join(before, on=list(IDENTITY), how="left")
    changed = pl.col("verdict").ne_missing(pl.col("_before")) & (pl.col("verdict") != OPEN)
    return rows.filter(changed).drop("_before")


def open_rows_of(night: Night) -> pl.DataFrame:
    """Every row that is open at the end of a night."""
    return night.judged.rows.filter(pl.col("verdict") == OPEN)


def newly_matched(night: Night, decided: pl.DataFrame) -> pl.DataFrame:
    """Our rows that were matched tonight, with the rows of theirs that answer them.

    A correction repeats rows of theirs whose payments were matched before: their fees were counted then.
    """
    ours = decided.filter((pl.col("source") == LEDGER) & (pl.col("verdict") == MATCHED))
    theirs = night.judged.rows.filter((pl.col("source") == FILE) & (pl.col("verdict") == MATCHED))
    answers = theirs.join(ours.select(KEY).unique(), on=list(KEY), how="semi")
    return pl.concat([ours, answers.select(ours.columns)])


def by_institution(rows: pl.DataFrame, source: int) -> Mapping[str, Fates]:
    """Institution → fate → rows of one source."""
    return _tallied(rows.filter(pl.col("source") == source), "institution")


def by_file(rows: pl.DataFrame) -> Mapping[str, Fates]:
    """File → fate → its rows."""
    return _tallied(rows.filter(pl.col("source") == FILE), "origin")


def _tallied(rows: pl.DataFrame, name: str) -> Mapping[str, Fates]:
    is_counted = (pl.col("status") != FAILED) & (pl.col("currency") == CURRENCY)
    totals = rows.group_by(name, "verdict").agg(
        rows=pl.len(), paisa=pl.col("net").filter(is_counted).sum().fill_null(0)
    )
    tallies: dict[str, dict[str, Tally]] = {}
    for place, fate, count, paisa in totals.sort(name, "verdict").iter_rows():
        tallies.setdefault(place, {})[fate] = Tally(count, paisa)
    return tallies


def outcomes_of(rows: pl.DataFrame) -> tuple[OutcomeLine, ...]:
    """Rows of theirs by institution and outcome code, without those that were paid in the normal way."""
    is_said = pl.col("outcome_code").is_not_null() & (pl.col("outcome_code") != OutcomeCode.NORMAL)
    theirs = rows.filter((pl.col("source") == FILE) & is_said)
    is_counted = (pl.col("status") != FAILED) & (pl.col("currency") == CURRENCY)
    lines = (
        theirs.group_by("institution", "outcome_code")
        .agg(rows=pl.len(), paisa=pl.col("net").filter(is_counted).sum().fill_null(0))
        .sort("institution", "outcome_code")
    )
    return tuple(OutcomeLine(*line) for line in lines.iter_rows())


def fees_of(rows: pl.DataFrame) -> Mapping[str, tuple[int, int, int]]:
    """Institution → gross, fee and VAT by schedule, fee and VAT as kept; of the matched rows among these."""
    sums = (
        families_that_agree(rows.filter(pl.col("verdict") == MATCHED))
        .group_by("institution")
        .agg(pl.col("gross", "kept", "settled").sum())
    )
    return {name: (gross, scheduled, gross - settled) for name, gross, scheduled, settled in sums.iter_rows()}


def rates_of(night: date, decided: pl.DataFrame) -> tuple[RateLine, ...]:
    """Of each institution's rows that a night decided, how many it matched."""
    counted = (
        decided.filter(pl.col("verdict").is_in([MATCHED, BROKEN, REJECTED]))
        .group_by("institution")
        .agg(matched=(pl.col("verdict") == MATCHED).sum(), decided=pl.len())
        .sort("institution")
    )
    return tuple(RateLine(name, night, matched, count) for name, matched, count in counted.iter_rows())


def positions_of(rows: pl.DataFrame) -> tuple[PositionLine, ...]:
    """The net position of each institution, from all rows that count."""
    return tuple(PositionLine(*line) for line in positions(rows).iter_rows())
