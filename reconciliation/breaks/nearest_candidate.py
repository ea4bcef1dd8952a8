"""The nearest candidate: the row of the other side that is closest to an unmatched row.

A candidate with the same amount within a minute is a suggestion (pass 6). It is never matched, even where it
is the only one: two equal payments within a minute are common (case 17).
"""

from dataclasses import replace
from typing import Final

import polars as pl

from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.findings import BreakFinding
from reconciliation.canonical_row import BROKEN, FILE, LEDGER, OPEN

_OTHER_SIDE: Final = {
    BreakCode.LEDGER_ONLY: FILE,
    BreakCode.BILLER_NOT_POSTED: FILE,
    BreakCode.UNKNOWN_OPEN: FILE,
    BreakCode.REVERSAL_PENDING: FILE,
    BreakCode.FILE_ONLY: LEDGER,
}
_SECONDS_OF_A_SUGGESTION: Final = 60


def with_nearest(finding: BreakFinding, rows: pl.DataFrame) -> BreakFinding:
    """The finding with the closest row of the other side among a night's rows, if there is any."""
    side = _OTHER_SIDE.get(finding.key.code)
    if side is None:
        return finding
    mine = rows.filter(
        (pl.col("institution") == finding.key.institution)
        & (pl.col("source") != side)
        & ((pl.col("reference") == finding.key.reference) | (pl.col("theirs") == finding.key.reference))
    )
    candidates = rows.filter(
        (pl.col("institution") == finding.key.institution)
        & (pl.col("source") == side)
        & pl.col("verdict").is_in([BROKEN, OPEN])
        & (pl.col("reference") != finding.key.reference)
        & (pl.coalesce("gross", "net").sign() == _sign(finding.amount))
    )
    if mine.is_empty() or candidates.is_empty():
        return finding
    return _with_closest(finding, mine.row(0, named=True), candidates)


def _sign(amount: int) -> int:
    """Money that comes in is no candidate for money that goes out."""
    return (amount > 0) - (amount < 0)


def _with_closest(finding: BreakFinding, mine: dict[str, object], candidates: pl.DataFrame) -> BreakFinding:
    amount = pl.coalesce("gross", "net") - finding.amount
    seconds_apart = (pl.col("instant") - pl.lit(mine["instant"], pl.Datetime("us", "UTC"))).dt.total_seconds()
    closest = (
        candidates.with_columns(_amount=amount, _seconds=seconds_apart)
        .sort(pl.col("_amount").abs(), pl.col("_seconds").abs(), "reference", "ordinal", nulls_last=True)
        .row(0, named=True)
    )
    reference = str(closest["reference"])
    edits = edit_distance(finding.key.reference, reference)
    nearest = (
        f"{reference}: {closest['_amount']} paisa, {closest['_seconds']} seconds and {edits} characters away"
    )
    seconds = closest["_seconds"]
    is_like = closest["_amount"] == 0 and seconds is not None and abs(seconds) <= _SECONDS_OF_A_SUGGESTION
    verdict = f"6: suggested only, {reference} is alike" if is_like else "6: nothing alike within a minute"
    return replace(finding, nearest=nearest, passes=(*finding.passes, verdict))


def edit_distance(source: str, target: str) -> int:
    """The Levenshtein distance: how many characters to insert, delete or change."""
    previous = list(range(len(target) + 1))
    for index, source_character in enumerate(source, start=1):
        current = [index]
        for place, target_character in enumerate(target, start=1):
            changed = previous[place - 1] + (source_character != target_character)
            current.append(min(previous[place] + 1, current[-1] + 1, changed))
        previous = current
    return previous[-1]
