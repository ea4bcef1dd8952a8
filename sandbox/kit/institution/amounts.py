"""Amounts as most wallets and gateways write them: taka with a point, read as whole paisa.

A number is read from its shortest decimal form and never computed with.
"""

import re

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,2}))?")


def paisa(value: object) -> int | None:
    """Read an amount in taka, text or a JSON number, as whole paisa; None if it is not one."""
    if isinstance(value, bool):
        return None
    text = value if isinstance(value, str) else repr(value) if isinstance(value, int | float) else ""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return None
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def taka(amount_paisa: int) -> str:
    """Write whole paisa, which may be negative, as taka with two decimals."""
    sign = "-" if amount_paisa < 0 else ""
    whole, rest = divmod(abs(amount_paisa), 100)
    return f"{sign}{whole}.{rest:02d}"


def lakh(amount_paisa: int) -> str:
    """Write whole paisa, which may be negative, as taka with lakh grouping: 1,23,456.78."""
    text = taka(abs(amount_paisa))
    head, tail = text[:-6], text[-6:]
    while head:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return f"{'-' if amount_paisa < 0 else ''}{tail}"
