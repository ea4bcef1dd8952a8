"""What a payer pays for a payment, and its parts by their columns."""

from collections.abc import Mapping
from typing import Any

PARTS = ("amount", "rounding", "charge", "fee", "vat")


def whole_amount(payment: Mapping[str, Any]) -> int:
    """The bill with its rounding and every charge, in paisa."""
    return sum(int(payment[part]) for part in PARTS)
