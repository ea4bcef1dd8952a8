"""The language of a page: the one in its address, else the one chosen before, else Bangla.

No script is needed: the switch is a link with `?lang=`, and a cookie keeps the choice. Accept-Language is not
used: the phone's shop has set it, and our payers read Bangla.
"""

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.web.wording import Language

PARAMETER = "lang"
COOKIE = "ekpay-language"
_SECURE_PREFIX = "__Host-"
_YEAR_SECONDS = 365 * 24 * 3600


def language_of(request: Request, *, is_https: bool) -> Language:
    """The language to answer in; anything that is none of ours is passed over."""
    candidates = (request.query_params.get(PARAMETER), request.cookies.get(_cookie_name(is_https=is_https)))
    return next(
        (Language(candidate) for candidate in candidates if candidate in set(Language)), Language.BANGLA
    )


def remember_language(request: Request, answer: Response, *, is_https: bool) -> None:
    """Remember the language that the payer has just chosen by the switch."""
    chosen = request.query_params.get(PARAMETER)
    if chosen in set(Language):
        answer.set_cookie(
            _cookie_name(is_https=is_https),
            Language(chosen).value,
            max_age=_YEAR_SECONDS,
            path="/",
            secure=is_https,
            httponly=True,
            samesite="lax",
        )


def _cookie_name(*, is_https: bool) -> str:
    """Over https a name that only this host can have set, and only over https."""
    return f"{_SECURE_PREFIX}{COOKIE}" if is_https else COOKIE
