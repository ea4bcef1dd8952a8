"""Amounts read at once where a cell is written plainly, and by the full rule where it is not.

Plain is what the pattern of `amounts.paisa` takes without prefix, spaces, Bangla digits or a single decimal:
then the digits are the amount. Both ways give the same paisa for the same text.
"""

from typing import Final

import polars as pl

from reconciliation.statement.amounts import Grouping, Sign, Unit, paisa

_WHOLE: Final = {
    "none": r"[0-9]+",
    "lakh": r"(?:[0-9]{1,2}(?:,[0-9]{2})*,[0-9]{3}|[0-9]{1,3})",
    "thousand": r"[0-9]{1,3}(?:,[0-9]{3})*",
}
_DECIMALS: Final = {"taka": r"\.[0-9]{2}", "paisa": ""}
_MINUS: Final = {"plain": "", "minus": "-?"}
# The most digits that the full rule takes; what is longer with its commas and decimals goes there.
_LENGTH_MAX: Final = 13
_TAKA: Final = pl.Decimal(18, 2)


def read_amounts(cells: pl.Series, unit: Unit, grouping: Grouping, sign: Sign) -> pl.Series:
    """Whole paisa (int64) of each cell, null for what is no amount; see `amounts.paisa`."""
    full = paisa(pl.col("text"), unit, grouping, sign)
    frame = cells.alias("text").to_frame()
    if sign not in _MINUS:
        return frame.select(full.alias(cells.name)).to_series()
    pattern = f"^{_MINUS[sign]}{_WHOLE[grouping]}{_DECIMALS[unit]}$"
    text = pl.col("text")
    is_plain = frame.select(text.str.contains(pattern) & (text.str.len_bytes() <= _LENGTH_MAX)).to_series()
    digits = text.str.replace_all(",", "", literal=True) if grouping != "none" else text
    if is_plain.all():
        return frame.select(_whole(digits, unit).alias(cells.name)).to_series()
    # Few rows are written otherwise, and the full rule is ten times slower.
    plain = frame.select(_whole(pl.when(is_plain).then(digits), unit).alias(cells.name)).to_series()
    others = (~is_plain.fill_null(value=False)).arg_true()
    return plain.scatter(others, frame[others].select(full).to_series())


def _whole(digits: pl.Expr, unit: Unit) -> pl.Expr:
    """Paisa of digits without commas; a decimal is kept as the whole number of its last place."""
    return (digits.cast(_TAKA).to_physical() if unit == "taka" else digits).cast(pl.Int64)
