"""The instrument that this browser paid with last, in a cookie: nothing of the payer, and never trusted.

It only moves a tile to the top. A value that no offer has moves nothing.
"""

import re

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.web.host_cookies import host_cookie, set_host_cookie

COOKIE = "ekpay-instrument"
_YEAR_SECONDS = 365 * 24 * 3600
_INSTRUMENT = re.compile(r"[a-z][a-z0-9_]{1,40}")


def last_instrument(request: Request, *, is_https: bool) -> str:
    """The instrument that was chosen last here, or empty."""
    name = host_cookie(request, COOKIE, is_https=is_https)
    return name if _INSTRUMENT.fullmatch(name) else ""


def remember_instrument(answer: Response, instrument: str, *, is_https: bool) -> None:
    """Remember what was chosen, for a year, where it is a name that an instrument can have."""
    if _INSTRUMENT.fullmatch(instrument):
        set_host_cookie(answer, COOKIE, instrument, _YEAR_SECONDS, is_https=is_https)
