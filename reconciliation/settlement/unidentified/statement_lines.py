"""Lines of our banks' statements by their identity, and those that nothing of ours explains. Pure.

A line is the same line in every version of its statement: bank, day, amount and references name it, or its
whole text where it has no reference; equal lines are counted.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from ekpay_switch.domain.ledger.bank_lines import BankLineKind
from reconciliation.canonical_row import BROKEN, FAILED, FILE, LEDGER, OPEN, SUCCESS
from reconciliation.matching.institution_positions import CURRENCY
from reconciliation.matching.reference_keys import STRANGER
from reconciliation.settlement.positions.payout_credits import connector_of_batch
from reconciliation.settlement.store.expected_transfers import WITHDRAWN
from reconciliation.statement.layout import Layout

_SIGN: Final = "\x1f"
_FAMILY: Final = ("institution", "reference")


@dataclass(frozen=True, slots=True)
class BankLine:
    """A line of a bank's statement; `amount` is in paisa, above zero where money came.

    `key` is its identity, `row_name` is where it stood first: `<file>:<ordinal>`. `reference` is what breaks
    call it.
    """

    key: str
    bank: str
    day: date
    amount: int
    our_reference: str
    bank_reference: str
    reference: str
    row_name: str

    @property
    def names(self) -> tuple[str, ...]:
        """Every name by which persons and breaks may mean it."""
        return tuple(sorted({self.our_reference, self.bank_reference, self.reference} - {""}))


def statement_lines(rows: pl.DataFrame) -> pl.DataFrame:
    """The lines of all statements among the rows of our banks, each with its identity as `key`."""
    lines = rows.filter(
        (pl.col("source") == FILE) & (pl.col("status") == SUCCESS) & (pl.col("currency") == CURRENCY)
    ).sort("origin", "ordinal")
    is_named = (pl.col("ours") != "") | (pl.col("theirs") != "")
    named = pl.concat_str("ours", pl.lit(_SIGN), "theirs")
    whole = pl.when(is_named).then(named).otherwise(pl.col("raw_hash").fill_null(""))
    identity = pl.concat_str(
        "institution", pl.col("business_date").cast(pl.String), pl.col("net").cast(pl.String), whole,
        separator=_SIGN,
    )  # fmt: skip
    nth = pl.int_range(pl.len()).over("_identity") + 1
    return lines.with_columns(_identity=identity).with_columns(
        key=pl.concat_str("_identity", pl.lit(_SIGN), nth.cast(pl.String))
    )


def without_entries(lines: pl.DataFrame, bank: str, entries: Collection[tuple[str, int]]) -> pl.DataFrame:
    """The lines without those of `bank` whose reference and amount, in paisa, are among `entries`."""
    named = pl.DataFrame(list(entries), schema={"ours": pl.String, "net": pl.Int64}, orient="row")
    named = named.with_columns(institution=pl.lit(bank))
    return lines.join(named, on=["institution", "ours", "net"], how="anti", maintain_order="left")


def unexplained_lines(
    rows: pl.DataFrame, lines: pl.DataFrame, layouts: Mapping[str, Layout], instructions: Collection[str]
) -> tuple[BankLine, ...]:
    """The lines that match nothing: no row of ours, no payout of a connector, no instruction.

    A payout of a connector is left to its break, whatever of it was expected: `receivable` is paid by payouts
    alone. `instructions` are the end-to-end ids of ours.
    """
    open_lines = lines.filter(
        pl.col("verdict").is_in([OPEN, BROKEN])
        & ~pl.col("ours").is_in(list(instructions))
        & ~pl.col("theirs").is_in(list(instructions))
    ).join(_standing(rows), on=list(_FAMILY), how="anti")
    columns = (
        "key",
        "institution",
        "business_date",
        "net",
        "ours",
        "theirs",
        "reference",
        "origin",
        "ordinal",
    )
    return tuple(
        BankLine(key, bank, day, net, ours, theirs, reference.removeprefix(STRANGER), f"{origin}:{ordinal}")
        for key, bank, day, net, ours, theirs, reference, origin, ordinal in (
            open_lines.sort("origin", "ordinal").select(columns).iter_rows()
        )
        if net and not any(connector_of_batch(name, layouts) for name in (ours, theirs))
    )


def _standing(rows: pl.DataFrame) -> pl.DataFrame:
    """The families of rows of ours that are still expected; what was withdrawn hides no other row.

    The row of an unidentified item hides none either: banks use a reference again, for each month's fee, and
    the item's own line is known by its key.
    """
    is_item = pl.col("origin").str.starts_with(f"{BankLineKind.UNIDENTIFIED} ")
    ours = rows.filter((pl.col("source") == LEDGER) & ~is_item)
    withdrawn = ours.filter((pl.col("status") == FAILED) & pl.col("origin").str.ends_with(WITHDRAWN)).select(
        pl.col("origin").str.strip_suffix(WITHDRAWN)
    )
    return (
        ours.filter(pl.col("status") == SUCCESS)
        .join(withdrawn, on="origin", how="anti")
        .select(_FAMILY)
        .unique()
    )
