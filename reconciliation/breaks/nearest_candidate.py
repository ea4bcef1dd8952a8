"""The nearest candidate: the row of the other side that is closest to an unmatched row.

A candidate with the same amount within a minute is a suggestion (pass 6). It is never matched, even where it
is the only one: two equal payments within a minute are common (case 17).
"""

from dataclasses import replace
from datetime import datetime
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


class UnmatchedRows:
    """The unmatched rows of a night by institution and side, each selected once for all findings."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._institutions = rows.partition_by("institution", as_dict=True)
        self._no_rows = rows.clear()
        self._instants: dict[tuple[str, int], dict[str, datetime | None]] = {}
        self._candidates: dict[tuple[str, int, int], pl.DataFrame] = {}

    def instants(self, institution: str, side: int) -> dict[str, datetime | None]:
        """When each row not of `side` happened, by our reference and by theirs; of equal ones the first."""
        key = (institution, side)
        if key not in self._instants:
            rows = self._rows(institution, pl.col("source") != side)
            instants: dict[str, datetime | None] = {}
            for reference, theirs, instant in rows.select("reference", "theirs", "instant").iter_rows():
                instants.setdefault(reference, instant)
                instants.setdefault(theirs, instant)
            self._instants[key] = instants
        return self._instants[key]

    def candidates(self, institution: str, side: int, sign: int) -> pl.DataFrame:
        """The rows of `side` that are broken or open, and whose amount has a sign."""
        key = (institution, side, sign)
        if key not in self._candidates:
            is_unexplained = pl.col("verdict").is_in([BROKEN, OPEN])
            has_sign = pl.coalesce("gross", "net").sign() == sign
            self._candidates[key] = self._rows(
                institution, (pl.col("source") == side) & is_unexplained & has_sign
            )
        return self._candidates[key]

    def _rows(self, institution: str, condition: pl.Expr) -> pl.DataFrame:
        rows = self._institutions.get((institution,))
        return self._no_rows if rows is None else rows.filter(condition)


def with_nearest(finding: BreakFinding, rows: UnmatchedRows) -> BreakFinding:
    """The finding with the closest row of the other side among a night's rows, if there is any."""
    side = _OTHER_SIDE.get(finding.key.code)
    if side is None:
        return finding
    institution, reference = finding.key.institution, finding.key.reference
    instants = rows.instants(institution, side)
    if reference not in instants:
        return finding
    candidates = rows.candidates(institution, side, _sign(finding.amount))
    return _with_closest(finding, instants[reference], candidates)


def _sign(amount: int) -> int:
    """Money that comes in is no candidate for money that goes out."""
    return (amount > 0) - (amount < 0)


def _with_closest(finding: BreakFinding, instant: datetime | None, candidates: pl.DataFrame) -> BreakFinding:
    amount = pl.coalesce("gross", "net") - finding.amount
    seconds_apart = (pl.col("instant") - pl.lit(instant, pl.Datetime("us", "UTC"))).dt.total_seconds()
    ordered = (
        candidates.lazy()
        .filter(pl.col("reference") != finding.key.reference)
        .select("reference", "ordinal", _amount=amount, _seconds=seconds_apart)
        .sort(pl.col("_amount").abs(), pl.col("_seconds").abs(), "reference", "ordinal", nulls_last=True)
        .head(1)
        .collect()
    )
    if ordered.is_empty():
        return finding
    closest = ordered.row(0, named=True)
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
