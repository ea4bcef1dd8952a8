"""Bangla digits: what is typed on a Bangla keyboard counts like the digits of a bill (billers.md 1.0).

They are folded where a person's typing comes in: what a partner passes on from its customer, a list of bills,
a form. A program that calls REST v1 is refused instead (api-conventions-and-security.md, T26).
"""

_DIGITS = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")


def folded(text: str) -> str:
    """The text with its Bangla digits as ASCII ones, and otherwise as it was."""
    return text.translate(_DIGITS)
