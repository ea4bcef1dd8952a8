"""The reference by which rows are grouped.

Our reference, made before the first hop, is the key wherever a row has it. A row without it is looked up by
their name for it among what we know of the same institution and direction (pass 3 of reconciliation.md
3.6). A row that nothing matches stands alone under their reference.
"""

from typing import Final

import polars as pl

# Cannot occur in a reference of ours, so that a stranger's reference never equals one.
STRANGER: Final = "~"


def lookup_keys(rows: pl.DataFrame) -> pl.DataFrame:
    """The keys to look up: institution, direction and their reference."""
    return rows.filter((pl.col("ours") == "") & (pl.col("theirs") != "")).select(
        "institution", "direction", "theirs"
    )


def with_references(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """File rows with `reference` filled in; `known` are rows of ours that may bear their names.

    Two of ours under one reference of theirs prove nothing: such a row stays a stranger.
    """
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
