"""Fee heads: the parts of a public office's fee, as the office demands it or as a schedule fixes it.

A head has a code, which is a stable name, and an amount; the heads of a demand add up to its total. A plan
splits the amount of a schedule into heads where the office states none (`plan_of`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ekpay_switch.domain.bill import ChargeLine
from ekpay_switch.domain.money import ZERO, Money, format_taka, parse_taka, total
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_rows, taka, text, text_or_empty

_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HEADS_MAX = 16
_PLANNED = re.compile(r"([a-z][a-z0-9_]{0,39})(?:=([0-9]{1,6}\.[0-9]{2})|=([1-9][0-9]?)%)?")
_WHOLE_PERCENT = 100


@dataclass(frozen=True, slots=True)
class FeeHead:
    """One head, its amount, and its labels where the office states them."""

    code: str
    amount: Money
    label_en: str = ""
    label_bn: str = ""


def read_heads(rows: object) -> tuple[FeeHead, ...]:
    """The heads of a demand in the office's order; every code stands once, no amount is below zero.

    Raises:
        BrokenReplyError: there are none or too many, a code stands twice, or an entry is no head.
    """
    heads = tuple(
        FeeHead(
            text(row, "code"),
            taka(row, "amount"),
            text_or_empty(row, "label_en"),
            text_or_empty(row, "label_bn"),
        )
        for row in as_rows(rows)
    )
    codes = {head.code for head in heads}
    if not 0 < len(heads) <= _HEADS_MAX or len(codes) != len(heads):
        raise BrokenReplyError("no heads, too many, or a code twice")
    if not all(_CODE.fullmatch(code) for code in codes):
        raise BrokenReplyError("a head without a name")
    return heads


def sum_of(heads: Sequence[FeeHead], codes: Sequence[str] | None = None) -> Money:
    """The sum of all heads, or of those with one of these codes."""
    return total(head.amount for head in heads if codes is None or head.code in codes)


def charges_of(heads: Sequence[FeeHead]) -> tuple[ChargeLine, ...]:
    """The heads as charge lines for the payer."""
    return tuple(ChargeLine(head.code, head.amount) for head in heads)


def labels_of(heads: Sequence[FeeHead]) -> dict[str, str]:
    """The office's labels of its heads, in English and Bangla, as far as it states them."""
    parameters = {f"label_en_{head.code}": head.label_en for head in heads}
    parameters |= {f"label_bn_{head.code}": head.label_bn for head in heads}
    return {name: label for name, label in parameters.items() if label}


def heads_as_text(heads: Sequence[FeeHead]) -> str:
    """The heads as one text for a quote; `heads_from_text` reads it back without the labels."""
    return " ".join(f"{head.code}={format_taka(head.amount.minor)}" for head in heads)


def heads_from_text(quote_text: str) -> tuple[FeeHead, ...]:
    """The heads in the text of a quote; none where it is empty."""
    pairs = (pair.split("=") for pair in quote_text.split())
    return tuple(FeeHead(code, parse_taka(amount)) for code, amount in pairs)


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """How the amount of a schedule is split into heads: fixed parts, included tax, one head for the rest."""

    codes: tuple[str, ...]
    fixed: Mapping[str, Money]
    percent: Mapping[str, int]

    def heads(self, fee: Money) -> tuple[FeeHead, ...]:
        """The heads of a fee, in the order of the plan; they add up to the fee.

        Raises:
            ValueError: the parts add up to more than the fee.
        """
        amounts = dict(self.fixed)
        for code, percent in self.percent.items():
            amounts[code] = _tax_within(fee, percent)
        rest = fee - total(amounts.values())
        if rest < ZERO:
            raise ValueError("the heads come to more than the fee")
        return tuple(FeeHead(code, amounts.get(code, rest)) for code in self.codes)


def plan_of(plan_text: str) -> HeadPlan:
    """Read a plan such as `application_fee=20.00 vat=15% certificate_fee`, in which one head takes the rest.

    The fee includes a tax in percent: at 15 %, 230.00 includes 30.00.

    Raises:
        ValueError: it is no plan.
    """
    matches = [_PLANNED.fullmatch(word) for word in plan_text.split()]
    parts = [part for part in matches if part is not None]
    codes = tuple(part[1] for part in parts)
    rests = [part for part in parts if not part[2] and not part[3]]
    if len(parts) != len(matches) or len(set(codes)) != len(codes) or len(rests) != 1:
        raise ValueError(f"{plan_text!r} is no plan of heads")
    return HeadPlan(
        codes,
        fixed={part[1]: parse_taka(part[2]) for part in parts if part[2]},
        percent={part[1]: int(part[3]) for part in parts if part[3]},
    )


def _tax_within(fee: Money, percent: int) -> Money:
    """The tax that an amount includes, half a paisa rounded up."""
    whole = _WHOLE_PERCENT + percent
    return Money((2 * fee.minor * percent + whole) // (2 * whole), fee.currency)
