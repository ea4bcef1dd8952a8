"""A pool of rows judged once: the kernel settles what agrees, the rest goes through the passes by family."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from reconciliation.breaks.findings import BreakFinding
from reconciliation.canonical_row import BROKEN, FAMILY, FILE, IDENTITY, KEY, LEDGER, MATCHED, OPEN, QUIET
from reconciliation.matching.engines import Engine, kernel_columns
from reconciliation.matching.family_judgement import judge_family
from reconciliation.matching.kernel_verdicts import AGREED, LOOK, SILENT, WAITING
from reconciliation.matching.row_family import InstitutionKind, PoolRow, RowIdentity, families

_FATES = {AGREED: MATCHED, WAITING: OPEN, SILENT: QUIET, LOOK: ""}


@dataclass(slots=True)
class JudgedPool:
    """The result of a pool: findings, rows with their verdict, and the groups of unsettled families.

    `rounded` are rows of theirs that differ by one paisa; they count as matched while their file stays inside
    its bound.
    """

    rows: pl.DataFrame
    groups: pl.DataFrame
    findings: list[BreakFinding] = field(default_factory=list)
    rounded: list[PoolRow] = field(default_factory=list)


def judge_pool(pool: pl.DataFrame, engine: Engine, kinds: Mapping[str, InstitutionKind]) -> JudgedPool:
    """Judge rows that have `due`; the outcome does not depend on their order.

    Only the rows of families that are not settled at first sight are copied, counted and looked at.
    """
    unsettled_families = engine.unsettled_families(_sides(pool))
    places = places_of(pool, unsettled_families)
    outcome = judge_rest(pool[places], engine, kinds)
    fates = pl.repeat(MATCHED, pool.height, dtype=pl.String, eager=True)
    if len(places):
        fates = fates.scatter(places, outcome.rows["verdict"])
    outcome.rows = pool.with_columns(verdict=fates)
    return outcome


def unsettled_rows(ours: pl.DataFrame, theirs: pl.DataFrame, engine: Engine) -> tuple[pl.Series, pl.Series]:
    """The references of one institution not settled at first sight, and their places in `theirs`."""
    sides = {"ledger": kernel_columns(ours), "file": kernel_columns(theirs)}
    unsettled_families = engine.unsettled_families(
        {name: side.drop("institution") for name, side in sides.items()}
    )
    return unsettled_families["reference"].sort(), places_of(theirs, unsettled_families)


def places_of(rows: pl.DataFrame, families: pl.DataFrame) -> pl.Series:
    """The places in a frame of the rows of these families."""
    # Asking for the reference alone first keeps nearly every row out of the join of two columns of text.
    keys = families.columns
    near = rows.select(*keys, place=pl.int_range(pl.len(), dtype=pl.UInt32)).filter(
        pl.col("reference").is_in(families["reference"].implode())
    )
    return near.join(families, on=keys, how="semi")["place"].sort()


def judge_rest(rows: pl.DataFrame, engine: Engine, kinds: Mapping[str, InstitutionKind]) -> JudgedPool:
    """Judge whole families, each with all its rows; every row gets its verdict, in the order given."""
    groups = engine.judge(_sides(rows))
    fates = groups.select(*KEY, pl.col("verdict").replace_strict(_FATES, return_dtype=pl.String))
    rows = rows.drop("verdict", strict=False).join(fates, on=list(KEY), how="left", maintain_order="left")
    families_to_look_at = groups.filter(pl.col("verdict") == LOOK).select(FAMILY).unique()
    outcome = JudgedPool(rows, groups)
    decided: dict[RowIdentity, str] = {}
    for family in families(rows.join(families_to_look_at, on=list(FAMILY), how="semi"), kinds):
        decision = judge_family(family)
        outcome.findings.extend(decision.findings)
        outcome.rounded.extend(decision.rounded)
        decided |= decision.fates
    outcome.rows = _with_fates(rows, decided)
    return outcome


def _sides(pool: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {
        name: kernel_columns(pool.filter(pl.col("source") == source))
        for name, source in (("ledger", LEDGER), ("file", FILE))
    }


def _with_fates(rows: pl.DataFrame, decided: Mapping[RowIdentity, str]) -> pl.DataFrame:
    """Rows with the verdicts of the passes in place of the kernel's."""
    keys = list(decided)
    looked_at = pl.DataFrame(
        {
            "source": [key[0] for key in keys],
            "origin": [key[1] for key in keys],
            "ordinal": [key[2] for key in keys],
            "_fate": list(decided.values()),
        },
        schema={"source": pl.Int8, "origin": pl.String, "ordinal": pl.Int32, "_fate": pl.String},
    )
    joined = rows.join(looked_at, on=list(IDENTITY), how="left", maintain_order="left")
    return joined.with_columns(verdict=pl.coalesce("_fate", "verdict")).drop("_fate")


def with_rounding_broken(judged: JudgedPool, origins: Collection[str]) -> pl.DataFrame:
    """The rows of a judgement in which the rounded lines of these files are breaks, ours and theirs."""
    keys = {
        (row.institution, row.reference, row.direction) for row in judged.rounded if row.origin in origins
    }
    if not keys:
        return judged.rows
    frame = pl.DataFrame(
        sorted(keys),
        schema={"institution": pl.String, "reference": pl.String, "direction": pl.Int8},
        orient="row",
    ).with_columns(_off=pl.lit(value=True))
    joined = judged.rows.join(frame, on=list(KEY), how="left")
    is_off = pl.col("_off").fill_null(value=False) & (pl.col("verdict") == MATCHED)
    return joined.with_columns(verdict=pl.when(is_off).then(pl.lit(BROKEN)).otherwise("verdict")).drop("_off")
