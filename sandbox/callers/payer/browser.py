"""A browser for payment pages: cookies, forms and redirects, without scripts.

It follows redirects that stay on the opened page, and stops where it is sent elsewhere, by a redirect or by a
form without visible fields: that is the merchant's address, to be followed or not. A page that refreshes
itself is reloaded for as long as the patience lasts.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from sandbox.callers.payer.forms import PageForm, Refresh, forms_of, refresh_of

_STEPS_MAX = 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# A page on a busy machine comes late, and a payer who has begun waits for it.
_TIMEOUT = aiohttp.ClientTimeout(total=180)


class LostPayerError(Exception):
    """The page cannot be used, or leads nowhere; the text says why."""


@dataclass(frozen=True, slots=True)
class PageView:
    """The browser's page, and the address `sent_to` that it is sent to but has not opened yet.

    `carries` are the fields of a POST to that address, None for a GET. `looks` counts the refreshes on the
    way here, `refresh` is that of this page.
    """

    url: str
    status: int
    text: str
    sent_to: str | None = None
    looks: int = 0
    carries: Mapping[str, str] | None = None
    refresh: Refresh | None = None

    @property
    def form(self) -> PageForm | None:
        """The first form of the page, if it has one."""
        return next(iter(self.forms), None)

    @property
    def forms(self) -> list[PageForm]:
        """Every form of the page."""
        return forms_of(self.text)


class Browser:
    """One browser with a cookie jar; use it as an asynchronous context manager."""

    def __init__(
        self,
        connections: aiohttp.BaseConnector | None = None,
        *,
        hurries: bool = False,
        accepts_language: str = "",
    ) -> None:
        """Browsers may share connections, which none of them closes; never a cookie jar.

        With `hurries`, a delayed redirect of a page is followed at once. `accepts_language` is the
        Accept-Language of every request; empty, none is sent.
        """
        self._headers = {"Accept-Language": accepts_language} if accepts_language else {}
        self._connections = connections
        self._hurries = hurries

    async def __aenter__(self) -> Self:
        """Open it with an empty jar."""
        # Pages of a rehearsal are at IP addresses, whose cookies the default jar refuses.
        self._session = aiohttp.ClientSession(
            connector=self._connections,
            connector_owner=self._connections is None,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=_TIMEOUT,
            headers=self._headers,
        )
        return self

    async def __aexit__(self, *_raised: object) -> None:
        """Close it."""
        await self._session.close()

    async def open(self, url: str) -> PageView:
        """Open a page.

        Raises:
            LostPayerError: there is no answer, or redirects do not end.
        """
        return _follow_form(await self._request("GET", url, None))

    def clear_cookies(self) -> None:
        """Empty the cookie jar, as if another browser were used."""
        self._session.cookie_jar.clear()

    async def submit(
        self,
        page: PageView,
        values: Mapping[str, str],
        button: tuple[str, str] | None = None,
        form: PageForm | None = None,
    ) -> PageView:
        """Send a form of a page, by default the first, with values for its fields and the pressed button.

        Raises:
            LostPayerError: the page has no form, there is no answer, or redirects do not end.
        """
        form = form or page.form
        if form is None:
            raise LostPayerError("the page has no form")
        sent = {name: values.get(name, value) for name, value in form.fields.items()}
        sent |= {name: values[name] for name in form.choices if name in values}
        sent |= dict([button]) if button else {}
        url = urljoin(page.url, form.action or page.url)
        return _follow_form(await self._request(form.method.upper(), url, sent))

    async def send(self, url: str, fields: Mapping[str, str]) -> PageView:
        """Send fields with POST like a form, without opening its page first.

        Raises:
            LostPayerError: there is no answer, or redirects do not end.
        """
        return await self._request("POST", url, fields)

    async def visit(
        self, url: str, patience_seconds: float = 0.0, carries: Mapping[str, str] | None = None
    ) -> PageView:
        """Follow an address over all hosts; return the last page.

        The fields of `carries` are sent with POST, once.

        A page that refreshes itself is returned once waiting would take longer than the patience.

        Raises:
            LostPayerError: nobody answers, or it redirects without end.
        """
        looks = 0
        while True:
            page = await self._follow_redirects(url, carries)
            carries = None
            refresh = page.refresh
            # An immediate refresh counts as one second, so that it ends too.
            patience_seconds -= 0.0 if refresh is None else max(refresh.seconds, 1.0)
            if refresh is None or patience_seconds < 0:
                return replace(page, looks=looks)
            await asyncio.sleep(0.0 if self._hurries and refresh.url else refresh.seconds)
            looks, url = looks + 1, urljoin(page.url, refresh.url or page.url)

    async def _follow_redirects(self, url: str, carries: Mapping[str, str] | None) -> PageView:
        """The page at the end of an address's redirects."""
        page = await self._request("GET" if carries is None else "POST", url, carries)
        for _ in range(_STEPS_MAX):
            if page.sent_to is None:
                return page
            page = await self._request("GET", page.sent_to, None)
        raise LostPayerError("it redirects without end")

    async def _request(self, method: str, url: str, form: Mapping[str, str] | None) -> PageView:
        start_address = _page_address(url)
        for _ in range(_STEPS_MAX):
            page, location = await self._fetch(method, url, form)
            if location is None:
                return page
            url, form = urljoin(url, location), None
            method = "GET"
            if _page_address(url) != start_address:
                return PageView(page.url, page.status, page.text, sent_to=url)
        raise LostPayerError("it redirects without end")

    async def _fetch(
        self, method: str, url: str, form: Mapping[str, str] | None
    ) -> tuple[PageView, str | None]:
        try:
            async with self._session.request(method, url, data=form, allow_redirects=False) as answer:
                location = answer.headers.get("location") if answer.status in _REDIRECTS else None
                text = await answer.text(errors="replace")
                refresh = None if location else refresh_of(text, answer.headers.get("refresh"))
                return PageView(url, answer.status, text, refresh=refresh), location
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise LostPayerError(f"nobody answers at the page: {type(error).__name__}") from error


def _follow_form(page: PageView) -> PageView:
    """The page, or the target of its form if that has no visible fields and no buttons."""
    form = page.form
    if form is None or form.visible_fields or form.buttons or form.method != "post":
        return page
    url = urljoin(page.url, form.action or page.url)
    return (
        page
        if _page_address(url) == _page_address(page.url)
        else replace(page, sent_to=url, carries=form.fields)
    )


def _page_address(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, parts.path
