"""The language of a page, by the nearest of what says it (docs/adr/0109).

The one in the page's address; the one that the payer chose while at this payment; the one that the merchant's
order names; the one that the payer chose at any other time; the browser's; Bangla. No script is needed: the
switch is a link with `?lang=`, and a cookie keeps the choice with the payment that it was made at.
"""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.web.host_cookies import host_cookie, set_host_cookie
from ekpay_switch.web.wording import Language

PARAMETER = "lang"
COOKIE = "ekpay-language"
_YEAR_SECONDS = 365 * 24 * 3600
_SCOPE_LENGTH = 8
_HEADER_PARTS_MAX = 20


def set_order_language(request: Request, language: str, reference: str) -> None:
    """Let this request be answered in the language of the merchant's order, where the payer chose none here.

    `language` is empty where the order names none; `reference` names the payment's page.
    """
    request.state.order_language = language
    request.state.language_scope = reference[:_SCOPE_LENGTH]


def language_of(request: Request, *, is_https: bool) -> Language:
    """The language to answer in; anything that is none of ours is passed over."""
    chosen, _, scope = host_cookie(request, COOKIE, is_https=is_https).partition(".")
    is_chosen_here = bool(scope) and scope == _scope(request)
    candidates = (
        request.query_params.get(PARAMETER),
        chosen if is_chosen_here else None,
        getattr(request.state, "order_language", None),
        chosen,
        next(_accepted_languages(request), None),
    )
    return next(
        (Language(candidate) for candidate in candidates if candidate in set(Language)), Language.BANGLA
    )


def is_language_in_address(request: Request) -> bool:
    """Whether the address itself names the language, so that links of the page go on naming it."""
    return request.query_params.get(PARAMETER) in set(Language)


def remember_language(request: Request, answer: Response, *, is_https: bool) -> None:
    """Remember the language that the payer has just chosen by the switch."""
    chosen = request.query_params.get(PARAMETER)
    if chosen in set(Language):
        scope = _scope(request)
        value = f"{chosen}.{scope}" if scope else Language(chosen).value
        set_host_cookie(answer, COOKIE, value, _YEAR_SECONDS, is_https=is_https)


def _accepted_languages(request: Request) -> Iterator[str]:
    """Those of our languages that the browser asks for, the most wanted first."""
    wanted: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(",")[:_HEADER_PARTS_MAX]:
        tag, _, weight_text = part.strip().partition(";q=")
        language = tag.partition("-")[0].lower()
        if language in set(Language) and (weight := _weight(weight_text)) > 0:
            wanted.append((-weight, language))
    # The sort is stable: of equal ones the first stays first.
    yield from (language for _, language in sorted(wanted, key=lambda pair: pair[0]))


def _weight(text: str) -> float:
    """A weight of the header, 1 where there is none; what cannot be read is not wanted."""
    if not text:
        return 1.0
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0


def _scope(request: Request) -> str:
    return str(getattr(request.state, "language_scope", ""))
