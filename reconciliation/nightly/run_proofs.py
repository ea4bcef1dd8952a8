"""What each run proves of itself without reading history: its own rows, and totals carried from run to run.

What holds for the first run and for the step from each run to the next holds for all of them.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from reconciliation.canonical_row import FILE, IDENTITY, LEDGER, OPEN
from reconciliation.engine.invariants import FATES, Invariant, NightChecks, file_totals
from reconciliation.engine.night import Night
from reconciliation.matching.institution_positions import positions
from reconciliation.results.records import PositionRecord

HOLDS: Final = "hold"
_SHEET: Final = ("settled", "gross", "fees", "rounding", "suspense")


def check_run(
    checks: NightChecks, night: Night, before: Mapping[str, int], totals: Mapping[str, int]
) -> None:
    """Check every invariant that one run can prove; `totals` are its carried totals."""
    checks.after(night)
    _conserve(checks, night, before, totals)
    checks.check_netting(night.judged.rows)
    checks.check_single_use(night.judged.rows)


def invariant_wording(checks: NightChecks) -> dict[str, str]:
    """Each invariant with `hold`, or with what does not."""
    return {invariant.value: checks.broken.get(invariant, HOLDS) for invariant in Invariant}


def carried_totals(night: Night, before: Mapping[str, int]) -> dict[str, int]:
    """Totals of all runs so far: what the last run carried and what this one adds or takes away."""
    ours, theirs = _new(night, LEDGER), _new(night, FILE)
    return {
        "total.rows": before.get("total.rows", 0) + ours.height + theirs.height - night.replaced.height,
        "total.open": night.judged.rows.filter(pl.col("verdict") == OPEN).height,
        "total.ours": before.get("total.ours", 0) + ours.height,
        "total.ours_gross": before.get("total.ours_gross", 0) + _sum(ours, "gross"),
        "total.ours_net": before.get("total.ours_net", 0) + _sum(ours, "net"),
        "total.theirs": before.get("total.theirs", 0) + theirs.height,
        "total.theirs_net": before.get("total.theirs_net", 0) + _sum(theirs, "net"),
    }


def sheet_after(before: Mapping[str, PositionRecord], night: Night) -> dict[str, PositionRecord]:
    """The position of every institution: the earlier one and what the rows of this run changed."""
    earlier = night.pool.filter(pl.col("verdict").is_not_null())
    was = _sheet(positions(pl.concat([earlier.select(night.replaced.columns), night.replaced])))
    now = _sheet(positions(night.judged.rows))
    sheet = {name: _amounts(record) for name, record in before.items()}
    for name in sorted(was.keys() | now.keys()):
        standing = sheet.get(name, (0,) * len(_SHEET))
        old, new = was.get(name, (0,) * len(_SHEET)), now.get(name, (0,) * len(_SHEET))
        sheet[name] = tuple(
            record - two + three for record, two, three in zip(standing, old, new, strict=True)
        )
    return {name: PositionRecord(name, *amounts) for name, amounts in sorted(sheet.items())}


def _conserve(
    checks: NightChecks, night: Night, before: Mapping[str, int], totals: Mapping[str, int]
) -> None:
    def hold(*, holds: bool, otherwise: str) -> None:
        checks.hold(Invariant.CONSERVATION, holds, otherwise)

    rows, pool = night.judged.rows, night.pool
    fated = rows.filter(pl.col("verdict").is_in(FATES)).select(IDENTITY)
    pool_rows = pool.select(IDENTITY)
    same = (
        fated.height
        == pool_rows.height
        == fated.unique().join(pool_rows, on=list(IDENTITY), how="semi").height
    )
    hold(holds=same, otherwise=f"of {pool_rows.height} rows {fated.height} have one fate")
    carried = pl.concat([pool.select("verdict"), night.replaced.select("verdict")])
    still = carried.filter(pl.col("verdict") == OPEN).height
    stood = before.get("total.open", 0)
    hold(holds=still == stood, otherwise=f"of {stood} rows that were carried {still} came")
    _conserve_files(checks, night)
    _conserve_books(checks, night)
    rows_more = totals["total.rows"] - before.get("total.rows", 0)
    added = _new(night, LEDGER).height + _new(night, FILE).height - night.replaced.height
    hold(holds=rows_more == added, otherwise=f"{added} rows were added and {rows_more} are more")


def _conserve_files(checks: NightChecks, night: Night) -> None:
    counted = file_totals(night.judged.rows)
    withdrawn = set(night.received.withdrawn)
    for name in night.received.loaded:
        if name in withdrawn:
            continue
        arrival = checks.progress.register.loaded_file_named(name)
        stated, counted_totals = (arrival.rows, arrival.settled), counted.get(name, (0, 0))
        checks.hold(
            Invariant.CONSERVATION, counted_totals == stated, f"{name}: {counted_totals} are left of {stated}"
        )


def _conserve_books(checks: NightChecks, night: Night) -> None:
    new = pl.concat([night.inputs.ours, night.inputs.expected])
    judged_rows = night.judged.rows.join(new.select(IDENTITY), on=list(IDENTITY), how="semi")
    stated = (new.height, _sum(new, "gross"), _sum(new, "net"))
    counted = (judged_rows.height, _sum(judged_rows, "gross"), _sum(judged_rows, "net"))
    checks.hold(Invariant.CONSERVATION, counted == stated, f"of our books {counted} are left of {stated}")


def _new(night: Night, source: int) -> pl.DataFrame:
    """Rows that no earlier run had."""
    return night.pool.filter((pl.col("source") == source) & pl.col("verdict").is_null())


def _sum(rows: pl.DataFrame, name: str) -> int:
    return int(rows[name].sum() or 0)


def _sheet(frame: pl.DataFrame) -> dict[str, tuple[int, ...]]:
    return {name: tuple(amounts) for name, *amounts in frame.select("institution", *_SHEET).iter_rows()}


def _amounts(record: PositionRecord) -> tuple[int, ...]:
    return record.settled, record.gross, record.fees, record.rounding, record.suspense
