"""Reading the forms of the checkout, and refusing forms of foreign pages (T53).

Three things have to be right: where the browser says the request comes from, as far as it says so; the kind
of content, which a page elsewhere cannot send as JSON in disguise; and the token of this very page. Our pages
send no referrer, and a browser then writes `Origin: null`, so that null alone proves nothing and the token
decides.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from ekpay_switch.domain.money import Money
from ekpay_switch.flows.merchants.checkout import Choice
from ekpay_switch.security.form_tokens import FormTokens

FORM_TYPE = "application/x-www-form-urlencoded"
FORM_BYTES_MAX = 32 * 1024
_FIELDS_MAX = 100
_DIGITS_MAX = 15


async def own_form(
    request: Request, page: str, tokens: FormTokens, public_url: str
) -> Mapping[str, str] | None:
    """The fields of a form of this very page; None for a form of any other page."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if not _is_from_us(request, public_url) or kind != FORM_TYPE or len(body) > FORM_BYTES_MAX:
        return None
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        return None
    fields = dict(pairs)
    is_ours = len(fields) == len(pairs) and tokens.is_of(fields.get("csrf", ""), page)
    return fields if is_ours else None


def choice_of(fields: Mapping[str, str]) -> Choice | None:
    """The choice in a form, with the total that was shown; None where it cannot be read."""
    instrument, nth = fields.get("instrument", ""), _whole(fields.get("nth", ""))
    if not instrument or nth is None:
        return None
    total_text = fields.get(f"total-{instrument}")
    if total_text is None:
        return Choice(instrument, nth)
    total = _whole(total_text)
    return None if total is None else Choice(instrument, nth, Money(total))


def _is_from_us(request: Request, public_url: str) -> bool:
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    place = urlsplit(public_url)
    if site is not None and site != "same-origin":
        return False
    return origin in {None, "null", f"{place.scheme}://{place.netloc}"}


def _whole(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    return int(text) if is_number else None
