"""Bangla digits, as typed on a Bangla keyboard, are read like ASCII digits (billers.md 1.0).

They are converted where a person's input arrives: from a partner's customer, in a list of bills, in a form. A
program that calls REST v1 is refused instead (api-conventions-and-security.md, T26).
"""

_DIGITS = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")
_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")


def fold_bangla_digits(text: str) -> str:
    """The text with Bangla digits replaced by ASCII ones, otherwise unchanged."""
    return text.translate(_DIGITS)


def in_bangla_digits(text: str) -> str:
    """The text with ASCII digits replaced by Bangla ones, otherwise unchanged."""
    return text.translate(_BANGLA_DIGITS)
