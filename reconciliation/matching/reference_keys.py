"""The reference by which rows are grouped.

Our reference, made before the first hop, is the key wherever a row has it. A row without it is looked up by
their name for it among what we know of the same institution and direction (pass 3 of reconciliation.md
3.6). A row that nothing matches stands alone under their reference.
"""

from typing import Final

import polars as pl

from reconciliation.canonical_row import LEDGER

# Cannot occur in a reference of ours, so that a stranger's reference never equals one.
STRANGER: Final = "~"


def lookup_keys(rows: pl.DataFrame) -> pl.DataFrame:
    """The keys to look up: institution, direction and their reference."""
    return rows.filter((pl.col("ours") == "") & (pl.col("theirs") != "")).select(
        "institution", "direction", "theirs"
    )


def stranger_families(rows: pl.DataFrame) -> pl.DataFrame:
    """The families under which a row of ours may wait for one of these rows by either of its names."""
    names = pl.concat([rows.select("institution", name="ours"), rows.select("institution", name="theirs")])
    named = names.filter(pl.col("name") != "").unique()
    return named.select("institution", reference=pl.lit(STRANGER) + pl.col("name"))


def with_references(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """File rows with `reference` filled in; `known` are rows of ours that may bear their names.

    Two of ours under one reference of theirs prove nothing: such a row stays a stranger.
    """
    return _with_strangers_of_ours(_with_names(rows, known), known)


def _with_strangers_of_ours(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Rows under the stranger's reference that a row of ours waits under, by either of their names.

    A transfer is booked by a reference that persons have read on a statement: the bank's own or the sender's.
    """
    waiting = known.filter(
        (pl.col("source") == LEDGER) & pl.col("reference").str.starts_with(STRANGER)
    ).select("institution", "reference")
    if waiting.is_empty():
        return rows
    names = waiting.unique().with_columns(_name=pl.col("reference").str.strip_prefix(STRANGER))
    by_ours, by_theirs = (
        names.select("institution", pl.col("_name").alias(column), pl.col("reference").alias(f"_{column}"))
        for column in ("ours", "theirs")
    )
    joined = rows.join(by_ours, on=["institution", "ours"], how="left", maintain_order="left").join(
        by_theirs, on=["institution", "theirs"], how="left", maintain_order="left"
    )
    return joined.with_columns(reference=pl.coalesce("_theirs", "_ours", "reference")).select(rows.columns)


def _with_names(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    if (rows["ours"] != "").all(ignore_nulls=False):
        return rows.with_columns(reference="ours")
    lookups = lookup_keys(rows)
    # Few rows lack our reference, so few of ours are worth a look.
    names = (
        known.filter(pl.col("theirs").is_in(lookups["theirs"].unique().implode()))
        .select("institution", "direction", "theirs", pl.col("ours").alias("_found"))
        .unique()
        .filter(pl.len().over("institution", "direction", "theirs") == 1)
    )
    # A row without any reference stands alone under its place in its file.
    place = pl.concat_str("origin", pl.lit(":"), "ordinal")
    stranger = pl.lit(STRANGER) + pl.when(pl.col("theirs") != "").then("theirs").otherwise(place)
    if lookups.is_empty():
        reference = pl.when(pl.col("ours") != "").then("ours").otherwise(stranger)
        return rows.with_columns(reference=reference)
    looked_up = rows.join(names, on=["institution", "direction", "theirs"], how="left", maintain_order="left")
    reference = pl.when(pl.col("ours") != "").then("ours").otherwise(pl.coalesce("_found", stranger))
    return looked_up.with_columns(reference=reference).select(rows.columns)
