"""Amounts as people type them at a command: taka with at most two decimals."""

import typer

from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import Money, parse_taka

NOT_TAKA = "not taka with at most two decimals, such as 1250.50"


def typed_taka(text: str, *, param_hint: str | None = None) -> Money:
    """The amount of a typed text; what it names wrongly is refused as a wrong parameter.

    `param_hint` names the parameter where Typer does not know whose text it is.
    """
    try:
        return parse_taka(text)
    except MalformedAmountError as problem:
        raise typer.BadParameter(NOT_TAKA, param_hint=param_hint) from problem
