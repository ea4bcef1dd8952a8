"""The page that the `type` of every problem document leads to: what a code means and what to do."""

from html import escape

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.api.v1.problems import MEANINGS, ProblemCode, ProblemMeaning

_CACHED_SECONDS = 3_600
_HEADERS = {
    "Cache-Control": f"public, max-age={_CACHED_SECONDS}",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}


async def help_page(_: Request) -> Response:
    """Every code of REST v1 under an anchor of its own."""
    return Response(_PAGE, headers=_HEADERS, media_type="text/html; charset=utf-8")


def _entry(code: ProblemCode, meaning: ProblemMeaning) -> str:
    again = meaning.retry_after_s
    repeat = (
        "Sending the same again changes nothing." if again is None else f"May be repeated after {again} s."
    )
    return (
        f'<dt id="{code}"><code>{code}</code> ({meaning.status})</dt>'
        f"<dd>{escape(meaning.title)}. {escape(meaning.advice)} {repeat}</dd>\n"
    )


_PAGE = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    "<title>Problems of REST v1</title>\n</head>\n<body>\n<h1>Problems of REST v1</h1>\n<dl>\n"
    + "".join(_entry(code, meaning) for code, meaning in MEANINGS.items())
    + "</dl>\n</body>\n</html>\n"
)
