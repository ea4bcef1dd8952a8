"""Treasury heads: which economic codes a payment goes to and how much of it to each (billers.md 2.9).

One challan may carry several: the first is its `paymenttype`, the others stand in `addleconomic`. What may
surprise: the amount of the first is stated nowhere on the wire, it is what the others leave of the total.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ekpay_switch.domain.bangla import folded
from ekpay_switch.domain.money import ZERO, Money, format_taka, parse_taka, total
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_rows, taka, text, text_or_empty

_ECONOMIC_CODE = re.compile(r"[0-9]{7}")
_ORGANIZATION_CODE = re.compile(r"[0-9]{13}")
_CHALLAN = re.compile(r"([0-9]{4})-?([0-9]{10})")
_HEADS_MAX = 20


@dataclass(frozen=True, slots=True)
class Head:
    """One economic code, what goes to it, and its name where somebody told it."""

    economic_code: str
    amount: Money
    title: str = ""


def economic_code(told: str) -> str:
    """The code, if it is seven digits; raises BrokenReplyError."""
    return _of_form(_ECONOMIC_CODE, told, "economic code")


def organization_code(told: str) -> str:
    """The code, if it is thirteen digits; raises BrokenReplyError."""
    return _of_form(_ORGANIZATION_CODE, told, "organisation code")


def challan_number(fields: Mapping[str, Any]) -> str:
    """The member `challan_no`, written `2526-0000000123` however it was told.

    Bangla digits, blanks around it and a missing hyphen are made good; nothing else is.

    Raises:
        BrokenReplyError: it is not four digits of fiscal years and ten of serial.
    """
    found = _CHALLAN.fullmatch(folded(text(fields, "challan_no").strip()))
    if found is None:
        raise BrokenReplyError("challan_no is no challan number")
    return f"{found[1]}-{found[2]}"


def read_heads(rows: object) -> tuple[Head, ...]:
    """The heads that an office demands, each code once and each with more than nothing.

    Raises:
        BrokenReplyError: there are none, too many, or one that is no head.
    """
    heads = tuple(
        Head(economic_code(text(row, "economic_code")), taka(row, "amount"), text_or_empty(row, "title"))
        for row in as_rows(rows)
    )
    if not 0 < len(heads) <= _HEADS_MAX or len({head.economic_code for head in heads}) != len(heads):
        raise BrokenReplyError("their heads are none")
    if any(head.amount <= ZERO for head in heads):
        raise BrokenReplyError("a head with nothing in it")
    return heads


def heads_as_text(heads: Sequence[Head]) -> str:
    """The heads as one text that a quote can hold; `heads_from_text` reads it back, less the titles."""
    return ";".join(f"{head.economic_code}={format_taka(head.amount.minor)}" for head in heads)


def heads_from_text(held: str) -> tuple[Head, ...]:
    """The heads that a quote holds."""
    pairs = (pair.split("=") for pair in held.split(";"))
    return tuple(Head(code, parse_taka(told)) for code, told in pairs)


def sum_of(heads: Sequence[Head]) -> Money:
    """What all of them come to."""
    return total(head.amount for head in heads)


def _of_form(form: re.Pattern[str], told: str, what: str) -> str:
    if form.fullmatch(told) is None:
        raise BrokenReplyError(f"a malformed {what}")
    return told
