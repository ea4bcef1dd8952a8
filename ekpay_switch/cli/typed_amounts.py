"""Amounts as people type them at a command: taka with at most two decimals."""

import re

import typer

from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import Money, parse_taka

# As tables print amounts, from which they are copied.
_GROUPED = re.compile(r"\d{1,2}(,\d{2})*,\d{3}\.\d{2}", re.ASCII)
NOT_TAKA = "not taka with at most two decimals, such as 1250.50"


def typed_taka(text: str, *, param_hint: str | None = None) -> Money:
    """The amount of a typed text, also as tables group it; anything else is refused as a wrong parameter.

    `param_hint` names the parameter where Typer does not know whose text it is.
    """
    try:
        return parse_taka(text.replace(",", "") if _GROUPED.fullmatch(text) else text)
    except MalformedAmountError as problem:
        raise typer.BadParameter(NOT_TAKA, param_hint=param_hint) from problem


def typed_paisa(text: str) -> int:
    """The same in whole paisa."""
    return typed_taka(text).minor
