"""The token that a prepaid biller returns: lines of 20 digits, in the order in which the meter needs them.

A line is worth money to whoever types it in, so its text form shows no digits; only `digits` does. A line
that was shown cannot be revoked (billers.md 2.14).
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

_DIGITS = re.compile(r"[0-9]{20}")


class TokenKind(StrEnum):
    """What a meter does with a line (billers.md 2.14)."""

    CREDIT = "credit"  # adds energy
    KEY_CHANGE = "key_change"  # renews the meter's key; comes before the credit
    TARIFF = "tariff"  # tells the meter new prices
    UNSPECIFIED = "other"  # the biller did not say


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One line; `seq` counts from 1 in the order in which the lines are to be typed in.

    Raises:
        ValueError: it is not 20 decimal digits, or its number is not positive.
    """

    seq: int
    kind: TokenKind
    digits: str = field(repr=False)

    def __post_init__(self) -> None:
        if self.seq < 1 or _DIGITS.fullmatch(self.digits) is None:
            raise ValueError("a token line has a number from 1 and 20 digits")

    @property
    def grouped_digits(self) -> str:
        """The digits as people read them out: five groups of four."""
        return " ".join(self.digits[start : start + 4] for start in range(0, 20, 4))
