"""The cart of this browser: its unguessable reference, in a cookie and in no address.

Whoever has the reference may see the cart and pay it, as with the reference of a checkout. A form of the
portal carries a token of the reference, which a page elsewhere cannot know (T53).
"""

import re

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.security.identifiers import UNGUESSABLE_LENGTH, unguessable
from ekpay_switch.web.host_cookies import host_cookie, set_host_cookie

COOKIE = "ekpay-cart"
# As long as somebody may come back to a cart that was left.
_LIFE_SECONDS = 7 * 24 * 3600
_REFERENCE = re.compile(rf"[A-Z0-9]{{{UNGUESSABLE_LENGTH}}}", re.ASCII)


def cart_reference(request: Request, *, is_https: bool) -> str:
    """The reference of this browser's cart; empty where it has none."""
    reference = host_cookie(request, COOKIE, is_https=is_https)
    return reference if is_reference(reference) else ""


def is_reference(text: str) -> bool:
    """Whether a cart can have this reference."""
    return _REFERENCE.fullmatch(text) is not None


def new_reference() -> str:
    """A reference that no cart has and nobody guesses."""
    return unguessable()


def remember_cart(answer: Response, reference: str, *, is_https: bool) -> None:
    """Keep the reference in this browser, for this host alone."""
    set_host_cookie(answer, COOKIE, reference, _LIFE_SECONDS, is_https=is_https)
