"""A browser as far as a payment page needs one: cookies, forms, redirects, and no script.

It follows redirects as long as they stay on the page it was opened at, and stops where it is sent elsewhere,
by a redirect or by a form that asks for nothing: that is the address of the merchant, to be followed or not.
A page that looks again by itself is looked at again for as long as whoever sits there has patience.
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
_TIMEOUT = aiohttp.ClientTimeout(total=60)


class LostPayerError(Exception):
    """The page is none, or leads nowhere; the text says why."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Where the browser is: on a page, or sent away to `sent_to` before it has gone there.

    `carries` are the fields it is to bring there with POST, None if it is to go there with GET. `looks`
    counts how often pages looked again by themselves on the way here, `refresh` is what this one does.
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
    """One browser with a jar of cookies; use it as an asynchronous context."""

    def __init__(self, connections: aiohttp.BaseConnector | None = None, *, hurries: bool = False) -> None:
        """Browsers of one crowd may share connections, which none of them closes; jars they never share.

        Who hurries goes on at once where a page says that it will lead on in a while.
        """
        self._connections = connections
        self._hurries = hurries

    async def __aenter__(self) -> Self:
        """Open it with an empty jar."""
        # Pages of a rehearsal live at bare addresses, whose cookies the usual jar refuses.
        self._session = aiohttp.ClientSession(
            connector=self._connections,
            connector_owner=self._connections is None,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=_TIMEOUT,
        )
        return self

    async def __aexit__(self, *_raised: object) -> None:
        """Close it."""
        await self._session.close()

    async def open(self, url: str) -> Shown:
        """Open a page.

        Raises:
            LostPayerError: nobody answers there, or it redirects without end.
        """
        return _follow_form(await self._request("GET", url, None))

    def clear_cookies(self) -> None:
        """Empty the jar, as somebody does who comes back with another browser."""
        self._session.cookie_jar.clear()

    async def submit(
        self,
        page: Shown,
        values: Mapping[str, str],
        button: tuple[str, str] | None = None,
        form: PageForm | None = None,
    ) -> Shown:
        """Send a form of a page, its first by default, with values for its fields and the button pressed.

        Raises:
            LostPayerError: the page has no form, or nobody answers, or it redirects without end.
        """
        form = form or page.form
        if form is None:
            raise LostPayerError("the page has no form")
        sent = {name: values.get(name, value) for name, value in form.fields.items()}
        sent |= {name: values[name] for name in form.choices if name in values}
        sent |= dict([button]) if button else {}
        url = urljoin(page.url, form.action or page.url)
        return _follow_form(await self._request(form.method.upper(), url, sent))

    async def send(self, url: str, fields: Mapping[str, str]) -> Shown:
        """Send fields with POST as a form would that nobody needs to see first.

        Raises:
            LostPayerError: nobody answers, or it redirects without end.
        """
        return await self._request("POST", url, fields)

    async def visit(
        self, url: str, patience_seconds: float = 0.0, carries: Mapping[str, str] | None = None
    ) -> Shown:
        """Go wherever an address leads, to whichever host; the merchant's page at the end of it.

        The fields that it is to be brought are sent with POST, once.

        A page that looks again by itself is the end of it once that would take longer than the patience.

        Raises:
            LostPayerError: nobody answers, or it redirects without end.
        """
        looks = 0
        while True:
            page = await self._follow_redirects(url, carries)
            carries = None
            refresh = page.refresh
            # A page that looks again at once is worn out as well, sooner or later.
            patience_seconds -= 0.0 if refresh is None else max(refresh.seconds, 1.0)
            if refresh is None or patience_seconds < 0:
                return replace(page, looks=looks)
            await asyncio.sleep(0.0 if self._hurries and refresh.url else refresh.seconds)
            looks, url = looks + 1, urljoin(page.url, refresh.url or page.url)

    async def _follow_redirects(self, url: str, carries: Mapping[str, str] | None) -> Shown:
        """The page that an address leads to by redirects."""
        page = await self._request("GET" if carries is None else "POST", url, carries)
        for _ in range(_STEPS_MAX):
            if page.sent_to is None:
                return page
            page = await self._request("GET", page.sent_to, None)
        raise LostPayerError("it redirects without end")

    async def _request(self, method: str, url: str, form: Mapping[str, str] | None) -> Shown:
        start_address = _page_address(url)
        for _ in range(_STEPS_MAX):
            page, location = await self._fetch(method, url, form)
            if location is None:
                return page
            url, form = urljoin(url, location), None
            method = "GET"
            if _page_address(url) != start_address:
                return Shown(page.url, page.status, page.text, sent_to=url)
        raise LostPayerError("it redirects without end")

    async def _fetch(self, method: str, url: str, form: Mapping[str, str] | None) -> tuple[Shown, str | None]:
        try:
            async with self._session.request(method, url, data=form, allow_redirects=False) as answer:
                location = answer.headers.get("location") if answer.status in _REDIRECTS else None
                text = await answer.text(errors="replace")
                refresh = None if location else refresh_of(text, answer.headers.get("refresh"))
                return Shown(url, answer.status, text, refresh=refresh), location
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise LostPayerError(f"nobody answers at the page: {type(error).__name__}") from error


def _follow_form(page: Shown) -> Shown:
    """The page, or where its form sends a browser that has nothing to fill in."""
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
