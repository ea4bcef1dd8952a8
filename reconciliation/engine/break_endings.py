"""When a break ends by itself, and why.

A break of a file ends when a file of that day and cycle is loaded. A break of a row ends in the night that
judges its family whole and no longer finds it, or that withdraws the file or line it was seen in. A family of
which only open rows were judged is not judged whole: only its TIMING breaks can end. Every other break stays
open until a person decides.
"""

from collections.abc import Collection, Mapping
from typing import Final

import polars as pl

from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.canonical_row import FAMILY, OPEN
from reconciliation.engine.night import Night
from reconciliation.intake.file_names import LogicalKey
from reconciliation.intake.file_register import FileRegister
from reconciliation.matching.reference_keys import STRANGER

FILE_ARRIVED: Final = "the file came"
WITHDRAWN: Final = "what it was seen in was replaced"
AGREED: Final = "its rows were judged again and agree"
JUDGED_OTHERWISE: Final = "its rows were judged again and it is"


def keys_raised_in(night: Night) -> set[FindingKey]:
    """The keys of all findings of a night, new or repeated."""
    return {finding.key for finding in (*night.received.findings, *night.judged.findings, *night.findings)}


def endings(
    night: Night, standing: Mapping[FindingKey, BreakFinding], register: FileRegister
) -> dict[FindingKey, str]:
    """The standing breaks that ended in a night, each with the reason in words."""
    raised = keys_raised_in(night)
    not_raised = {key: finding for key, finding in standing.items() if key not in raised}
    judged_families = _families(night.judged.rows, not_raised)
    settled = pl.col("verdict").is_not_null() & (pl.col("verdict") != OPEN)
    fully_judged = judged_families & _families(night.pool.filter(settled), not_raised)
    withdrawn = {*night.received.withdrawn, *night.inputs.replaced}
    codes_raised: dict[tuple[str, str], list[str]] = {}
    for key in sorted(raised):
        codes_raised.setdefault((key.institution, key.reference), []).append(key.code.value)
    ended = {}
    for key, finding in not_raised.items():
        families = judged_families if key.code is BreakCode.TIMING else fully_judged
        reason = _reason(finding, families, withdrawn, register)
        if reason is not None:
            codes = codes_raised.get((key.institution, key.reference), [])
            is_judged = reason == AGREED and codes
            ended[key] = f"{JUDGED_OTHERWISE} {', '.join(codes)}" if is_judged else reason
    return ended


def _reason(
    finding: BreakFinding,
    families: Collection[tuple[str, str]],
    withdrawn: Collection[str],
    register: FileRegister,
) -> str | None:
    key = finding.key
    if finding.waits_for_a_file:
        day = finding.day
        if (
            day is not None
            and register.loaded_file_of(LogicalKey(key.institution, day, finding.cycle)) is not None
        ):
            return FILE_ARRIVED
        return None
    if (key.institution, key.reference) in families:
        return AGREED
    is_withdrawn = finding.file in withdrawn and key.code is not BreakCode.FILE_SUPERSEDED
    return WITHDRAWN if is_withdrawn else None


def _families(rows: pl.DataFrame, keys_of_breaks: Collection[FindingKey]) -> set[tuple[str, str]]:
    """The families of these breaks that are among the rows, by the references that findings have."""
    keys = pl.DataFrame(
        [(key.institution, key.reference) for key in keys_of_breaks],
        schema={"institution": pl.String, "reference": pl.String},
        orient="row",
    )
    named = rows.select("institution", pl.col("reference").str.strip_prefix(STRANGER))
    return set(keys.unique().join(named, on=list(FAMILY), how="semi").iter_rows())
