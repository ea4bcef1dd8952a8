"""Mobile numbers of Bangladesh: `8801…`, `+8801…` and `01…` are three spellings of one number."""

import re

_MOBILE = re.compile(r"(?:\+?88)?(01[3-9][0-9]{8})", re.ASCII)


def national_number(text: str) -> str | None:
    """The number as `01XXXXXXXXX`; None where the text is no mobile number of Bangladesh."""
    match = _MOBILE.fullmatch(text)
    return match[1] if match else None
