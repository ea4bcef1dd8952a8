"""Amounts of far sides' files, from text to whole paisa.

Floats are never used: `int(1234.35 * 100)` is 123434. Text that is no amount by the layout's own rule
becomes null here, and `canonical_rows` refuses the file for it.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Literal

import polars as pl

Unit = Literal["taka", "paisa"]
Grouping = Literal["none", "lakh", "thousand"]
Sign = Literal["plain", "minus", "crdr", "brackets"]

BANGLA_DIGITS = "০১২৩৪৫৬৭৮৯"
_PREFIX = r"^(?:BDT|Tk\.?|৳)\s*"
_GROUPED = {
    "none": r"\d+",
    "lakh": r"(?:\d{1,2}(?:,\d{2})*,\d{3}|\d{1,3})",
    "thousand": r"\d{1,3}(?:,\d{3})*",
}
# Thirteen digits of taka are more than the country's yearly product and far inside 64 bits.
_DIGITS_MAX = 13
# Tolerance of a workbook's cell against two decimals: the noise of a double, never a third decimal.
_RESIDUE_MAX = Decimal("0.000001")
_CENT = Decimal("0.01")


def ascii_digits(text: pl.Expr) -> pl.Expr:
    """The same text with Bangla digits written as 0 to 9."""
    return text.str.replace_many(list(BANGLA_DIGITS), list("0123456789"))


def paisa(text: pl.Expr, unit: Unit, grouping: Grouping, sign: Sign) -> pl.Expr:
    """Whole paisa (int64) of amounts written as the layout says; null for anything else.

    `sign` says how a negative is written: not at all, with a leading minus, with a CR or DR behind it (DR is
    negative, one of the two must stand there) or in brackets.
    """
    plain = ascii_digits(text).str.strip_chars().str.replace(_PREFIX, "")
    marked, is_negative = _without_sign(plain, sign)
    decimals = r"(?:\.(\d{1,2}))?" if unit == "taka" else "()"
    pattern = f"^({_GROUPED[grouping]}){decimals}$"
    whole = marked.str.extract(pattern, 1).str.replace_all(",", "")
    part = marked.str.extract(pattern, 2).fill_null("").str.pad_end(2, "0")
    fits = whole.str.strip_chars_start("0").str.len_chars() <= _DIGITS_MAX
    digits = whole + part if unit == "taka" else whole
    value = pl.when(fits).then(digits.cast(pl.Int64, strict=False))
    return pl.when(is_negative).then(-value).otherwise(value)


def _without_sign(plain: pl.Expr, sign: Sign) -> tuple[pl.Expr, pl.Expr]:
    """The digits alone, and whether the sign says negative; text without the sign it needs becomes null."""
    match sign:
        case "plain":
            return plain, pl.lit(value=False)
        case "minus":
            return plain.str.replace(r"^-\s*", ""), plain.str.starts_with("-")
        case "crdr":
            return plain.str.extract(r"(?i)^(.*?)\s*(?:CR|DR)$", 1), plain.str.contains(r"(?i)DR$")
        case "brackets":
            bracketed = plain.str.contains(r"^\(.*\)$")
            return plain.str.replace(r"^\((.*)\)$", "$1"), bracketed


def cell_of_double(text: str) -> str:
    """A number of a workbook as text with two decimals, for example `1234.3500000000001` as `1234.35`.

    Text that is no number, or is further than 0.000001 from two decimals, comes back as it was, so that
    `paisa` refuses it.
    """
    try:
        exact = Decimal(text)
        rounded = exact.quantize(_CENT, ROUND_HALF_EVEN)
    except InvalidOperation:
        # No number, or one with more digits than any amount has.
        return text
    return str(rounded) if abs(exact - rounded) < _RESIDUE_MAX else text


_EXACT = re.compile(r"([+-]?)([0-9]{1,13})(?:[.,]([0-9]{1,5}))?", re.ASCII)


def paisa_of_decimal(text: str) -> int | None:
    """Whole paisa of one decimal of a message standard (comma or point), or None.

    Such a message may write more than two decimals where the further ones are zero.
    """
    match = _EXACT.fullmatch(text.strip())
    if match is None:
        return None
    sign, whole, part = match[1], match[2], match[3] or ""
    if part[2:].strip("0"):
        return None
    value = int(whole + part[:2].ljust(2, "0"))
    return -value if sign == "-" else value
