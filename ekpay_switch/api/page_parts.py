"""The small pages of the APIs for a payer's browser, in Bangla and English: no script, no foreign content.

Every text is escaped here and nowhere else, so callers pass plain text.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from starlette.responses import HTMLResponse, Response

from ekpay_switch.edge_kit.bilingual_text import Text

# The colours of the kit (web/styles/_tokens.scss), so that a payer sees one house; no font is loaded here.
_STYLE = """
:root{color-scheme:light dark;
--ink:#14211e;--ground:#f8f6f1;--surface:#fff;--line:#dcd8cf;--action:#0b5d4e;--on:#fff}
@media(prefers-color-scheme:dark){
:root{--ink:#f2f0ea;--ground:#111715;--surface:#1b2421;--line:#3a4743;--action:#85d9c3;--on:#06281f}}
body{margin:0;font:1.125rem/1.6 system-ui,sans-serif;overflow-wrap:anywhere;
color:var(--ink);background:var(--ground)}
main{max-width:34rem;margin:1rem auto;padding:1rem 1.25rem;box-sizing:border-box;background:var(--surface);
border:1px solid var(--line);border-radius:8px}
section{padding:0 0 1rem;border-bottom:1px solid var(--line);margin:0 0 1rem}
h1{font-size:1.5rem;line-height:1.35;margin:.5rem 0}
strong{font-weight:700}
.go{display:inline-block;padding:.6rem 1.25rem;background:var(--action);color:var(--on);border-radius:8px;
font-weight:700;text-decoration:none}
.go:focus{outline:3px solid #fd0;outline-offset:2px}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class OnwardLink:
    """A link that the payer may follow: a checked address, and the name of its owner."""

    url: str
    name: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows; it refreshes itself at `refresh_url`, empty where that is of no use.

    `payment_id` is for support staff; `refresh_url` is relative to the page.
    """

    status: int
    title: Text
    lines: Sequence[Text]
    payment_id: str = ""
    refresh_url: str = ""
    onward_link: OnwardLink | None = None


REFRESH_SECONDS = 5


def render_page(page: Page) -> Response:
    """The page as an answer."""
    # In a header, as on the other pages: a refresh in the markup is a barrier for slow readers.
    refresh_headers = {"Refresh": f"{REFRESH_SECONDS}; url={page.refresh_url}"} if page.refresh_url else {}
    title = f"{escape(page.title.bangla)} · {escape(page.title.english)}"
    html = (
        '<!DOCTYPE html>\n<html lang="bn">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{_section(page, 'bn')}{_section(page, 'en')}{_foot(page)}</main>\n</body>\n</html>\n"
    )
    return HTMLResponse(html, page.status, {**_HEADERS, **refresh_headers})


def redirect(url: str) -> Response:
    """Redirect to a checked address, without a referrer."""
    return Response(status_code=303, headers={**_HEADERS, "Location": url})


def _section(page: Page, language: str) -> str:
    texts = (page.title, *page.lines)
    title, *lines = (text.bangla if language == "bn" else text.english for text in texts)
    paragraphs = "".join(f"<p>{escape(line)}</p>\n" for line in lines)
    heading = f'<section lang="{language}">\n<h1>{escape(title)}</h1>\n'
    return f"{heading}{paragraphs}{_link(page, language)}</section>\n"


def _link(page: Page, language: str) -> str:
    if page.onward_link is None:
        return ""
    # A name may turn the direction of what follows it; `bdi` keeps that inside.
    name = f"<bdi>{escape(page.onward_link.name)}</bdi>"
    link_text = f"{name}: ফিরে যান" if language == "bn" else f"Go on to {name}"
    return f'<p><a class="go" rel="noreferrer" href="{escape(page.onward_link.url)}">{link_text}</a></p>\n'


def _foot(page: Page) -> str:
    return f"<p><code>{escape(page.payment_id)}</code></p>\n" if page.payment_id else ""
