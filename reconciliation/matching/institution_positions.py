"""Net positions: what each institution owes for its files, and its parts.

    settled  =  gross of what agrees  -  fees by schedule  +  rounding  +  suspense

Only matched rows are agreed; everything else of a file is in suspense, so the sheet always sums to zero, and
each figure can be traced to its rows (reconciliation.md 3.8).
"""

import polars as pl

from reconciliation.canonical_row import (
    BRINGS,
    CHARGEBACK,
    FAMILY,
    FILE,
    KEY,
    LEDGER,
    MATCHED,
    SUCCESS,
    TAKES_BACK,
)

CURRENCY = "BDT"
# The columns that positions are computed from, beside those that name a row.
COLUMNS = (*KEY, "source", "status", "gross", "fee", "vat", "net", "currency", "verdict")


def families_that_agree(rows: pl.DataFrame) -> pl.DataFrame:
    """For each matched family: their net that moved, and our gross, fees and net of the same movements."""
    # Lazy throughout: of many rows, only what each step needs is ever copied.
    # Our line of a chargeback is money that went back.
    direction = pl.col("direction").replace(CHARGEBACK, TAKES_BACK)
    matched = rows.lazy().filter(pl.col("verdict") == MATCHED).with_columns(direction)
    theirs = matched.filter(
        (pl.col("source") == FILE) & (pl.col("status") == SUCCESS) & (pl.col("currency") == CURRENCY)
    )
    ours = matched.filter(pl.col("source") == LEDGER)
    answered = ours.join(theirs.select(KEY).unique(), on=list(KEY), how="semi")
    # A refund that was netted into its payment's row has no row of theirs in its own direction.
    netted = (
        ours.filter((pl.col("direction") == TAKES_BACK) & (pl.col("status") == SUCCESS))
        .join(matched.filter(pl.col("source") == FILE).select(KEY).unique(), on=list(KEY), how="anti")
        .join(
            theirs.filter(pl.col("direction") == BRINGS).select(FAMILY).unique(), on=list(FAMILY), how="semi"
        )
    )
    claimed = theirs.group_by(FAMILY).agg(settled=pl.col("net").sum())
    known = (
        pl.concat([answered, netted])
        .group_by(FAMILY)
        .agg(gross=pl.col("gross").sum(), kept=(pl.col("fee") + pl.col("vat")).sum(), net=pl.col("net").sum())
    )
    agreed = claimed.join(known, on=list(FAMILY), how="full", coalesce=True).fill_null(0)
    return agreed.collect(engine="streaming")


def positions(rows: pl.DataFrame) -> pl.DataFrame:
    """One line an institution: settled, gross, fees, rounding, suspense, all in paisa."""
    agreed = (
        families_that_agree(rows)
        .group_by("institution")
        .agg(
            gross=pl.col("gross").sum(),
            fees=pl.col("kept").sum(),
            rounding=(pl.col("settled") - pl.col("net")).sum(),
        )
    )
    claimed = rows.lazy().filter(
        (pl.col("source") == FILE) & (pl.col("status") == SUCCESS) & (pl.col("currency") == CURRENCY)
    )
    settled = claimed.group_by("institution").agg(
        settled=pl.col("net").sum(), suspense=pl.col("net").filter(pl.col("verdict") != MATCHED).sum()
    )
    sheet = settled.join(agreed.lazy(), on="institution", how="full", coalesce=True).fill_null(0).collect()
    return sheet.select("institution", "settled", "gross", "fees", "rounding", "suspense").sort("institution")


def unexplained_rest(sheet: pl.DataFrame) -> int:
    """The unexplained rest of all positions in paisa: zero, unless money was made or lost."""
    explained = pl.col("gross") - pl.col("fees") + pl.col("rounding") + pl.col("suspense")
    return int(sheet.select((pl.col("settled") - explained).abs().sum()).item())
