"""A citizen who is signed in, by a cookie: a secret of which the switch keeps only a digest (T42)."""

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.domain.citizens.accounts import WHOLE_LIFE, SignedIn
from ekpay_switch.ports.citizens import CitizenPorts
from ekpay_switch.web.host_cookies import host_cookie, set_host_cookie
from ekpay_switch.web.portal.cart_cookie import is_reference
from ekpay_switch.web.portal.visits import PortalVisit

COOKIE = "ekpay-session"


async def signed_in(visit: PortalVisit, citizens: CitizenPorts) -> SignedIn | None:
    """The citizen of this browser, or None."""
    secret = session_secret(visit.request, is_https=visit.portal.pages.is_https)
    return await citizens.accounts.by_secret(secret)


def session_secret(request: Request, *, is_https: bool) -> str:
    """The secret of this browser's session; empty where it has none. It may be of one that has ended."""
    secret = host_cookie(request, COOKIE, is_https=is_https)
    return secret if is_reference(secret) else ""


def remember_session(answer: Response, secret: str, *, is_https: bool) -> None:
    """Keep the secret in this browser, for this host alone."""
    set_host_cookie(answer, COOKIE, secret, int(WHOLE_LIFE.total_seconds()), is_https=is_https)


def forget_session(answer: Response, *, is_https: bool) -> None:
    """Take the secret out of this browser."""
    set_host_cookie(answer, COOKIE, "", 0, is_https=is_https)
