"""Cookies of this host alone: over https under a name that only this host, and only over https, can set."""

from starlette.requests import Request
from starlette.responses import Response

_SECURE_PREFIX = "__Host-"


def host_cookie(request: Request, name: str, *, is_https: bool) -> str:
    """What the cookie of this name holds; empty where there is none. It may be anything: browsers send it."""
    return request.cookies.get(_full_name(name, is_https=is_https), "")


def set_host_cookie(answer: Response, name: str, value: str, life_seconds: int, *, is_https: bool) -> None:
    """Keep a value in the browser, for no script and for no page of others."""
    answer.set_cookie(
        _full_name(name, is_https=is_https),
        value,
        max_age=life_seconds,
        path="/",
        secure=is_https,
        httponly=True,
        samesite="lax",
    )


def _full_name(name: str, *, is_https: bool) -> str:
    return f"{_SECURE_PREFIX}{name}" if is_https else name
