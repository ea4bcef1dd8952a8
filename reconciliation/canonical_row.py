"""The canonical row: one line of our books or of a far side's file, whatever it was written in.

Amounts are whole paisa in 64 bits, signed: what takes money back is negative. `gross` is null where a file
has the net alone. `origin` and `ordinal` name the line for ever: the ledger day or the file, and the line in
its body counted from 1. `reference` is what rows are grouped by (see `matching.reference_keys`).
`outcome_code` says how a row of theirs was paid, by their own word; it is null where the file has no such
column, and in rows that were stored before there was one (docs/adr/0105).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import polars as pl

LEDGER: Final = 0
FILE: Final = 1

# Direction of a row: a payment, a refund or reversal, a chargeback.
BRINGS: Final = 0
TAKES_BACK: Final = 1
CHARGEBACK: Final = 2

SUCCESS: Final = 0
FAILED: Final = 1
UNKNOWN: Final = 2

SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "source": pl.Int8(),
    "origin": pl.String(),
    "ordinal": pl.Int32(),
    "institution": pl.String(),
    "reference": pl.String(),
    "direction": pl.Int8(),
    "ours": pl.String(),
    "theirs": pl.String(),
    "status": pl.Int8(),
    "gross": pl.Int64(),
    "fee": pl.Int64(),
    "vat": pl.Int64(),
    "net": pl.Int64(),
    "currency": pl.String(),
    "instant": pl.Datetime("us", "UTC"),
    "business_date": pl.Date(),
    "due_date": pl.Date(),
    "is_late": pl.Boolean(),
    "rejected": pl.String(),
    "payment_id": pl.String(),
    "raw_hash": pl.String(),
    "verdict": pl.String(),
    "outcome_code": pl.String(),
}
IDENTITY: Final = ("source", "origin", "ordinal")
FAMILY: Final = ("institution", "reference")
KEY: Final = (*FAMILY, "direction")


class OutcomeCode(StrEnum):
    """How a row of theirs was paid; the comment of each member is its meaning."""

    NORMAL = "normal"  # answered by the biller while the payer waited
    STAND_IN = "stand_in"  # taken in stand-in, while the biller could not answer
    LATE_ADVICE = "late_advice"  # paid, and advised to us afterwards
    NO_RECEIPT = "no_receipt"  # paid, and no receipt was made
    REVERSED = "reversed"  # paid, and reversed afterwards


# Verdicts: what became of a row.
OPEN: Final = "open"
MATCHED: Final = "matched"
QUIET: Final = "quiet"  # failed with us and in no file: no break
BROKEN: Final = "break"
REJECTED: Final = "rejected"


def no_rows() -> pl.DataFrame:
    """A frame without rows."""
    return pl.DataFrame(schema=dict(SCHEMA))


def complete(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every column of the schema, in its order and types; what it lacks is null."""
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in SCHEMA.items() if name not in frame]
    return frame.with_columns(missing).select([pl.col(name).cast(kind) for name, kind in SCHEMA.items()])
