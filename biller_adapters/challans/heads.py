"""Treasury heads: which economic codes a payment goes to and how much of it to each (billers.md 2.9).

One challan may have several: the first is its `paymenttype`, the others are in `addleconomic`. The amount of
the first is not on the wire: it is the total less the others.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.money import ZERO, Money, format_taka, parse_taka, total
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_rows, taka, text, text_or_empty

_ECONOMIC_CODE = re.compile(r"[0-9]{7}")
_ORGANIZATION_CODE = re.compile(r"[0-9]{13}")
_CHALLAN = re.compile(r"([0-9]{4})-?([0-9]{10})")
_HEADS_MAX = 20


@dataclass(frozen=True, slots=True)
class Head:
    """One economic code, the amount that goes to it, and its title where the office states one."""

    economic_code: str
    amount: Money
    title: str = ""


def economic_code(value: str) -> str:
    """The code, if it is seven digits; raises BrokenReplyError."""
    return _require_form(_ECONOMIC_CODE, value, "economic code")


def organization_code(value: str) -> str:
    """The code, if it is thirteen digits; raises BrokenReplyError."""
    return _require_form(_ORGANIZATION_CODE, value, "organisation code")


def challan_number(fields: Mapping[str, Any]) -> str:
    """The member `challan_no` in the form `2526-0000000123`.

    Bangla digits, surrounding blanks and a missing hyphen are normalised; nothing else is.

    Raises:
        BrokenReplyError: it is not four digits of the fiscal year and ten of a serial number.
    """
    match = _CHALLAN.fullmatch(fold_bangla_digits(text(fields, "challan_no").strip()))
    if match is None:
        raise BrokenReplyError("challan_no is no challan number")
    return f"{match[1]}-{match[2]}"


def read_heads(rows: object) -> tuple[Head, ...]:
    """The heads of a demand; every code stands once and every amount is above zero.

    Raises:
        BrokenReplyError: there are none or too many, a code stands twice, or an entry is no head.
    """
    heads = tuple(
        Head(economic_code(text(row, "economic_code")), taka(row, "amount"), text_or_empty(row, "title"))
        for row in as_rows(rows)
    )
    if not 0 < len(heads) <= _HEADS_MAX or len({head.economic_code for head in heads}) != len(heads):
        raise BrokenReplyError("no heads, too many, or a code twice")
    if any(head.amount <= ZERO for head in heads):
        raise BrokenReplyError("a head with no amount")
    return heads


def heads_as_text(heads: Sequence[Head]) -> str:
    """The heads as one text for a quote; `heads_from_text` reads it back without the titles."""
    return ";".join(f"{head.economic_code}={format_taka(head.amount.minor)}" for head in heads)


def heads_from_text(quote_text: str) -> tuple[Head, ...]:
    """The heads in the text of a quote."""
    pairs = (pair.split("=") for pair in quote_text.split(";"))
    return tuple(Head(code, parse_taka(amount)) for code, amount in pairs)


def sum_of(heads: Sequence[Head]) -> Money:
    """The sum of all heads."""
    return total(head.amount for head in heads)


def _require_form(pattern: re.Pattern[str], value: str, label: str) -> str:
    if pattern.fullmatch(value) is None:
        raise BrokenReplyError(f"a malformed {label}")
    return value
