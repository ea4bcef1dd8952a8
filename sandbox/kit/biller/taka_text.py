"""Amounts as text in taka with exactly two decimals, whole paisa as soon as they are read."""

import re

_TAKA = re.compile(r"(0|[1-9][0-9]{0,10})\.([0-9]{2})")


def taka(paisa: int) -> str:
    """Write whole paisa, which may be negative: -105 becomes `-1.05`."""
    sign = "-" if paisa < 0 else ""
    return f"{sign}{abs(paisa) // 100}.{abs(paisa) % 100:02d}"


def paisa_of(text: object) -> int | None:
    """Return an amount in paisa, or None if it is no text of taka with exactly two decimals."""
    match = _TAKA.fullmatch(text) if isinstance(text, str) else None
    return int(match[1] + match[2]) if match else None
