"""Amounts read at once where a cell is written plainly, and by the full rule where it is not.

Plain is what the pattern of `amounts.paisa` takes without prefix, spaces, Bangla digits or a single decimal:
then the digits are the amount. Both ways give the same paisa for the same text.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from reconciliation.statement.values.amounts import Grouping, Sign, Unit, paisa

_WHOLE: Final = {
    "none": r"[0-9]+",
    "lakh": r"(?:[0-9]{1,2}(?:,[0-9]{2})*,[0-9]{3}|[0-9]{1,3})",
    "thousand": r"[0-9]{1,3}(?:,[0-9]{3})*",
}
_DECIMALS: Final = {"taka": r"\.[0-9]{2}", "paisa": ""}
# Signs that a plain amount may have.
SIGNS: Final[Mapping[Sign, str]] = {"plain": "", "minus": "-?"}
# The most digits that the full rule takes; what is longer with its commas and decimals goes there.
_LENGTH_MAX: Final = 13
# The length of 1,000; 999 is shorter even with its minus.
_LENGTH_GROUPED: Final = {"taka": 8, "paisa": 5}
_TAKA: Final = pl.Decimal(18, 2)


def read_amounts(cells: pl.Series, unit: Unit, grouping: Grouping, sign: Sign) -> pl.Series:
    """Whole paisa (int64) of each cell, null for what is no amount; see `amounts.paisa`."""
    full = paisa(pl.col("text"), unit, grouping, sign)
    frame = cells.alias("text").to_frame()
    text = pl.col("text")
    if sign not in SIGNS:
        return frame.select(full.alias(cells.name)).to_series()
    plain = frame.select(is_plain(text, unit, grouping, sign)).to_series()
    if plain.all():
        return frame.select(plain_paisa(text, unit, grouping).alias(cells.name)).to_series()
    # Few rows are written otherwise, and the full rule is ten times slower.
    read = frame.select(plain_paisa(pl.when(plain).then(text), unit, grouping).alias(cells.name)).to_series()
    not_plain = (~plain.fill_null(value=False)).arg_true()
    return read.scatter(not_plain, frame[not_plain].select(full).to_series())


def is_plain(text: pl.Expr, unit: Unit, grouping: Grouping, sign: Sign) -> pl.Expr:
    """Whether a cell is written plainly; of a sign in `SIGNS`."""
    pattern = f"^{SIGNS[sign]}{_WHOLE[grouping]}{_DECIMALS[unit]}$"
    return text.str.contains(pattern) & (text.str.len_bytes() <= _LENGTH_MAX)


def has_commas(text: pl.Expr, unit: Unit, grouping: Grouping) -> pl.Expr:
    """Whether a comma stands in an amount that is written plainly; below a thousand there is none."""
    return text.str.len_bytes() >= _LENGTH_GROUPED[unit] if grouping != "none" else pl.lit(value=False)


def plain_paisa(text: pl.Expr, unit: Unit, grouping: Grouping, *, strict: bool = True) -> pl.Expr:
    """Paisa of amounts that are written plainly; a decimal is kept as the whole number of its last place."""
    digits = text.str.replace_all(",", "", literal=True) if grouping != "none" else text
    number = digits.cast(_TAKA, strict=strict).to_physical() if unit == "taka" else digits
    return number.cast(pl.Int64, strict=strict)
