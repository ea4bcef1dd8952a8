"""Rendering a page and its headers: nothing inline, no foreign content, never cached.

Every text that is put into a template is escaped there; a name that a template misses raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ekpay_switch.web.languages import language_of, remember_language
from ekpay_switch.web.site import NO_SITE, Site
from ekpay_switch.web.static_files import static_path
from ekpay_switch.web.wording import Wording, wording_of

TEMPLATES = Path(__file__).parent / "templates"
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
SCRIPT = "checkout.js"
_HSTS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


@dataclass(frozen=True, slots=True)
class Refresh:
    """When an open page goes on by itself: to a checked address, or to itself where that is empty."""

    seconds: int
    url: str = ""

    @property
    def header(self) -> str:
        """The header `Refresh`; a meta element is not used, since it is read before what stands around it."""
        return f"{self.seconds}; url={self.url}" if self.url else str(self.seconds)


class Pages:
    """Renders templates for one public address."""

    def __init__(self, public_url: str, site: Site = NO_SITE) -> None:
        self.site = site
        self.is_https = public_url.startswith("https://")
        # The only script is named to the letter, with the hash of its content, where a page loads it.
        self._script = static_path(SCRIPT)
        self._script_policy = f"{_CONTENT_SECURITY_POLICY}; script-src {public_url}{self._script}"
        own = {"Content-Security-Policy": _CONTENT_SECURITY_POLICY, **(_HSTS if self.is_https else {})}
        self.headers: Mapping[str, str] = {**_HEADERS, **own}

    def wording(self, request: Request) -> Wording:
        """The words of the language that this request is answered in."""
        return wording_of(language_of(request, is_https=self.is_https))

    def render(
        self,
        request: Request,
        template: str,
        values: Mapping[str, object],
        status: int = 200,
        refresh: Refresh | None = None,
    ) -> Response:
        """The page as an answer. Templates get `t`, the words; `path`; `site`, who runs it; the values."""
        words = self.wording(request)
        page = _templates().get_template(template)
        html = page.render(t=words, path=request.url.path, site=self.site, **values)
        answer = HTMLResponse(html, status, {**self.headers, "Content-Language": words.language})
        if self._script in html:
            answer.headers["Content-Security-Policy"] = self._script_policy
        if refresh is not None:
            answer.headers["Refresh"] = refresh.header
        remember_language(request, answer, is_https=self.is_https)
        return answer

    def redirect(self, request: Request, path: str) -> Response:
        """Redirect to another page of ours."""
        answer = Response(status_code=303, headers={**self.headers, "Location": path})
        remember_language(request, answer, is_https=self.is_https)
        return answer


@cache
def _templates() -> Environment:
    """The templates of this process; each is read and compiled once."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.globals["static"] = static_path
    templates.filters["groups_of_four"] = groups_of_four
    return templates


def groups_of_four(digits: str) -> str:
    """A long number as people read and type it: four by four, whatever groups it came in."""
    plain = "".join(digits.split())
    return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))
