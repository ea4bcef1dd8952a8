"""The restatement law: a day and its correction give the same result as the corrected file alone.

From scratch means from the bytes: our books and the live files of the institution are read again, and the
file that was replaced is never looked at.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Protocol

import polars as pl

from reconciliation.canonical_row import KEY, no_rows
from reconciliation.digests import sha256_of_frame
from reconciliation.engine.night import (
    RunConfiguration,
    RunProgress,
    files_over_rounding_bound,
    pool_with_due,
)
from reconciliation.engine.payouts import Payouts
from reconciliation.intake.file_register import Arrival
from reconciliation.matching.due_windows import with_windows
from reconciliation.matching.engines import Engine
from reconciliation.matching.reference_keys import with_references
from reconciliation.matching.row_pool import judge_pool, with_rounding_broken

# The content of a row and its verdict, without its place in a file.
OUTCOME = (*KEY, "source", "theirs", "status", "gross", "net", "currency", "verdict")


class RestatementMaterial(Protocol):
    """The sources of a run, to compute an institution from scratch."""

    def books(self, institution: str, up_to: date) -> pl.DataFrame:
        """Our rows of one institution up to a night, as a run takes them in."""
        ...

    def expected_rows(self, institution: str) -> pl.DataFrame:
        """Further rows of ours of one institution, whose due dates are known."""
        ...

    def path(self, arrival: Arrival) -> Path:
        """Where the bytes of a file that came lie."""
        ...


def outcome(rows: pl.DataFrame) -> str:
    """SHA-256 over the content and verdicts of rows, whatever their order and place.

    Outcome codes count where a row has one, so that runs from before there were any keep their digests.
    """
    has_codes = rows["outcome_code"].is_not_null().any()
    return sha256_of_frame(rows, (*OUTCOME, "outcome_code") if has_codes else OUTCOME)


def agrees_from_scratch(
    institution: str,
    night: date,
    material: RestatementMaterial,
    setting: RunConfiguration,
    progress: RunProgress,
    engine: Engine,
) -> bool:
    """Whether an institution's rows equal those of a run that never read the replaced file."""
    payouts = Payouts(setting.layouts, setting.schedule)
    expected, _ = payouts.update_expected_rows(progress.register)
    ours = pl.concat(
        [
            with_windows(material.books(institution, night), setting.calendar),
            expected.filter(pl.col("institution") == institution),
            material.expected_rows(institution),
        ]
    )
    live = (
        arrival for arrival in progress.register.loaded_files() if arrival.name.key.institution == institution
    )
    theirs = _files(live, material, setting)
    pool = pl.concat([ours, with_references(theirs, ours)])
    judged = judge_pool(pool_with_due(pool, setting, progress.register, payouts), engine, setting.kinds)
    rows = with_rounding_broken(judged, files_over_rounding_bound(judged, setting, progress.register))
    standing = progress.store.of_institution(institution)
    return outcome(rows) == outcome(standing)


def _files(live: Iterable[Arrival], material: RestatementMaterial, setting: RunConfiguration) -> pl.DataFrame:
    frames = []
    for arrival in live:
        name = arrival.name
        layout = setting.layouts[name.key.institution]
        reading = setting.reader.read(material.path(arrival), layout, name.text, name.key.day)
        frames.append(reading.rows)
    return pl.concat(frames) if frames else no_rows()
