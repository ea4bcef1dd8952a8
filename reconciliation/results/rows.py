"""Every row that a committed run knew, with what had become of it: ours and theirs, since the first run."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from reconciliation.month.store import Store
from reconciliation.nightly.places import Places
from reconciliation.nightly.state import Carried
from reconciliation.results.records import RunRecord


def everything(home: Path, run: RunRecord, columns: Sequence[str] = ()) -> pl.DataFrame:
    """The canonical rows of all runs up to this one, each as it stood after it; `home` is `Finance.home`.

    With `columns` only these and what names a row.

    Reads history: for reports, settlement and proofs, never for a night.
    """
    rows = Places.of(home).rows
    carried = Carried.read(rows / f"{run.seq:06d}")
    return Store(rows, run.seq, carried.withdrawn).everything(columns)
