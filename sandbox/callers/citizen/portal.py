"""A citizen at the portal: finds a biller, names a bill, fills the cart, reads what became of each bill.

Like a browser without scripts it knows a page by its address, its forms and the classes of its states. What
the citizen reads there is returned as it stands; whether it is right is for the books to tell.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

from sandbox.callers.payer.browser import Browser, LostPayerError, PageView
from sandbox.callers.payer.forms import PageForm, links_of

PATIENCE_SECONDS = 120.0
"""How long a citizen tries again where a page says that there is too much to do just now."""

_PAUSE_SECONDS = 1.0
_CART, _CHECKOUT, _TRACK, _BILLS = "/cart", "/pay/checkout/", "/track", "/bills/"
_NOT_NOW = frozenset({429, 503})
_STATE = re.compile(r'class="ekpay-state ekpay-state--([a-z_]+)"')
_OUTCOME = re.compile(r"ekpay-outcome--([a-z_]+)")
_NUMBER = re.compile(r'id="our-number">(?:<[^>]+>)*([^<]+)<')
_TOKEN = re.compile(r'id="token-[0-9-]+">(?:<[^>]+>)*([^<]+)<')
_GROUP = "group"


@dataclass(frozen=True, slots=True)
class CartView:
    """The page of an ordered cart.

    `state` is the kind of its picture, `bills` the outcome of each bill in the order of the cart, empty until
    the money has come; `number` is the payment's number, `tokens` what has to be typed into prepaid meters.
    """

    url: str
    state: str
    bills: tuple[str, ...] = ()
    number: str = ""
    tokens: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the page says that it changes by itself."""
        return self.state == "waiting"

    @property
    def reference(self) -> str:
        """The reference of the cart, from its address."""
        return urlsplit(self.url).path.rpartition("/")[2]


class PortalError(LostPayerError):
    """A page of the portal is not what the step before leads to; the text says which."""


class Citizen:
    """One citizen with one browser at the portal of a switch."""

    def __init__(self, browser: Browser, switch: str) -> None:
        """`switch` is the base URL of the portal; nothing is opened yet."""
        self._browser = browser
        self._switch = switch

    async def find_billers(self, words: str) -> list[str]:
        """The ids of the billers that the search on the first page finds, in its order."""
        page = await self._open(f"/?{urlencode({'q': words})}")
        paths = (urlsplit(urljoin(page.url, link)).path for link in links_of(page.text))
        return list(dict.fromkeys(path.removeprefix(_BILLS) for path in paths if path.startswith(_BILLS)))

    async def add_bill(self, biller_id: str, numbers: Mapping[str, str]) -> bool:
        """Type the numbers, by the biller's own names, into its form; whether the bill is in the cart now.

        Raises:
            PortalError: the form asks for none of them.
        """
        page = await self._open(f"{_BILLS}{biller_id}")
        form = _bill_form(page)
        filled = await self._patiently(lambda: self._browser.submit(page, _typed(form, numbers), form=form))
        return urlsplit(filled.sent_to or filled.url).path == _CART

    async def cart_paisa(self) -> int:
        """The sum of the cart, as its page states it to the switch.

        Raises:
            PortalError: there is no cart.
        """
        return int(_pay_form(await self._open(_CART)).fields["total"])

    async def order(self, mobile: str = "") -> str:
        """Go on to the checkout, with the mobile number that the payment can be followed by; its address.

        Raises:
            PortalError: the portal leads to no checkout.
        """

        async def send() -> PageView:
            page = await self._browser.open(f"{self._switch}{_CART}")
            return await self._browser.submit(page, {"mobile": mobile}, form=_pay_form(page))

        page = await self._patiently(send)
        address = page.sent_to or page.url
        if not urlsplit(address).path.startswith(_CHECKOUT):
            raise PortalError(f"the cart leads to no checkout: HTTP {page.status}")
        return address

    async def read_result(self) -> CartView:
        """What the portal says of the ordered cart of this browser.

        Raises:
            PortalError: there is no ordered cart.
        """
        page = await self._open(_CART)
        return _cart_view(await self._browser.open(page.sent_to) if page.sent_to else page)

    async def track(self, number: str, mobile: str, code: Callable[[], Awaitable[str]]) -> CartView:
        """Follow a payment by its number: request a code for the mobile number, and type it.

        Raises:
            PortalError: the code opens no payment.
        """
        page = await self._open(_TRACK)
        form = page.forms[-1]
        typed = {"payment": number, "mobile": mobile}
        sent = await self._patiently(lambda: self._browser.submit(page, typed, form=form))
        asked = await self._browser.open(sent.sent_to or sent.url)
        opened = await self._browser.submit(asked, {"code": await code()}, form=asked.forms[-1])
        return _cart_view(await self._browser.open(opened.sent_to or opened.url))

    async def _open(self, path: str) -> PageView:
        return await self._patiently(lambda: self._browser.open(f"{self._switch}{path}"))

    async def _patiently(self, send: Callable[[], Awaitable[PageView]]) -> PageView:
        """The page, once it is another one than "not now"."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PATIENCE_SECONDS
        page = await send()
        while page.status in _NOT_NOW and loop.time() < give_up_at:
            await asyncio.sleep(_PAUSE_SECONDS)
            page = await send()
        return page


def _bill_form(page: PageView) -> PageForm:
    form = next((form for form in page.forms if form.id == "bill"), None)
    if form is None:
        raise PortalError(f"{urlsplit(page.url).path} has no form: HTTP {page.status}")
    return form


def _pay_form(page: PageView) -> PageForm:
    form = next((form for form in page.forms if form.id == "pay"), None)
    if form is None:
        raise PortalError(f"the cart has no bills: HTTP {page.status}")
    return form


def _typed(form: PageForm, numbers: Mapping[str, str]) -> dict[str, str]:
    """What is typed into which field: the fields of the way that these numbers fit best."""
    by_name: dict[str, list[str]] = {}
    for field in form.visible_fields - {_GROUP}:
        by_name.setdefault(field.partition("-")[2], []).append(field)
    fields = {name: by_name.get(name, []) for name in numbers}
    if not any(fields.values()):
        raise PortalError(f"the form asks for none of {', '.join(sorted(numbers))}")
    way = max(form.choices.get(_GROUP, []), key=lambda letter: _fit(form, letter, numbers), default="")
    typed = {field: numbers[name] for name, found in fields.items() for field in _of_way(found, way)}
    return typed | ({_GROUP: way} if way else {})


def _fit(form: PageForm, way: str, numbers: Mapping[str, str]) -> int:
    """How many of the fields of a way have a number, less those that have none."""
    names = [field.partition("-")[2] for field in form.visible_fields if field.startswith(f"{way}-")]
    return sum(1 if name in numbers else -1 for name in names)


def _of_way(fields: list[str], way: str) -> list[str]:
    """The fields of the chosen way; one that all ways share stands under another letter."""
    own = [field for field in fields if field.startswith(f"{way}-")]
    return own or fields


def _cart_view(page: PageView) -> CartView:
    state = _STATE.search(page.text)
    if state is None:
        raise PortalError(f"{urlsplit(page.url).path} shows no ordered cart: HTTP {page.status}")
    number = _NUMBER.search(page.text)
    return CartView(
        url=page.url,
        state=state[1],
        bills=tuple(_OUTCOME.findall(page.text)),
        number=number[1].strip() if number else "",
        tokens=tuple(token.replace(" ", "").strip() for token in _TOKEN.findall(page.text)),
    )
