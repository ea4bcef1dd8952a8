"""Bangla digits and months; digits typed on a Bangla keyboard are read like ASCII ones (billers.md 1.0).

They are converted where a person's input arrives: from a partner's customer, in a list of bills, in a form. A
program that calls REST v1 is refused instead (api-conventions-and-security.md, T26).
"""

_DIGITS = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")
_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")

MONTHS = (
    ("জানুয়ারি", "January"), ("ফেব্রুয়ারি", "February"), ("মার্চ", "March"), ("এপ্রিল", "April"),
    ("মে", "May"), ("জুন", "June"), ("জুলাই", "July"), ("আগস্ট", "August"),
    ("সেপ্টেম্বর", "September"), ("অক্টোবর", "October"), ("নভেম্বর", "November"), ("ডিসেম্বর", "December"),
)  # fmt: skip
"""The months in Bangla and in English, January first."""


def fold_bangla_digits(text: str) -> str:
    """The text with Bangla digits replaced by ASCII ones, otherwise unchanged."""
    return text.translate(_DIGITS)


def in_bangla_digits(text: str) -> str:
    """The text with ASCII digits replaced by Bangla ones, otherwise unchanged."""
    return text.translate(_BANGLA_DIGITS)
