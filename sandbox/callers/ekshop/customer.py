"""An automated customer of the shop: fills the cart page by page, like a browser without scripts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qs, urljoin, urlsplit

from sandbox.callers.ekshop.wire import ShopCustomer
from sandbox.callers.payer.browser import Browser, LostPayerError, PageView
from sandbox.callers.payer.forms import PageForm

_ORDERS, _PAY, _CHECK = "/orders", "/pay", "/check"


@dataclass(frozen=True, slots=True)
class Basket:
    """The goods, the customer and the place of delivery."""

    quantities: Mapping[str, int]
    customer: ShopCustomer
    district: str
    agent: str | None = None

    def fields(self) -> dict[str, str]:
        """The fields of the order form."""
        customer = self.customer
        fields = {f"q-{code}": str(count) for code, count in self.quantities.items()}
        fields |= {
            "name": customer.name,
            "mobile": customer.mobile,
            "email": customer.email,
            "address": customer.address,
        }
        return fields | {"district": self.district, "agent": self.agent or ""}


async def order_by_pages(browser: Browser, shop: str, basket: Basket) -> str:
    """Fill the cart good by good and order; return the address of the pay page.

    Raises:
        LostPayerError: a page lacks a form, or the shop redirects to no pay page.
    """
    goods = await browser.open(f"{shop}/")
    for code, count in basket.quantities.items():
        field = f"q-{code}"
        form = _form(goods, partial(_has_field, field))
        await browser.submit(goods, {field: str(count)}, ("do", "add"), form)
    checkout = await browser.open(f"{shop}/checkout")
    form = _form(checkout, lambda form: form.action == _ORDERS)
    return pay_page_of(await browser.submit(checkout, basket.fields(), ("do", "place"), form))


async def order_at_once(browser: Browser, shop: str, basket: Basket) -> str:
    """Send the order form without opening its page first.

    Raises:
        LostPayerError: the shop redirects to no pay page.
    """
    return pay_page_of(await browser.send(f"{shop}{_ORDERS}", basket.fields()))


async def pay_again(browser: Browser, page: PageView) -> str:
    """Press the pay button of an order's page."""
    return pay_page_of(await browser.submit(page, {}, ("do", "pay"), _form_to(page, _PAY)))


async def check_payment(browser: Browser, page: PageView) -> PageView:
    """Press the button that asks the switch for the status, and return the next page."""
    sent = await browser.submit(page, {}, ("do", "check"), _form_to(page, _CHECK))
    return await browser.visit(sent.sent_to) if sent.sent_to else sent


def pay_page_of(sent: PageView) -> str:
    """The pay page that the shop redirected to.

    Raises:
        LostPayerError: nowhere.
    """
    if sent.sent_to is None or not trnx_id_of(sent.sent_to):
        raise LostPayerError(f"the shop sends nobody to a pay page: HTTP {sent.status}")
    return sent.sent_to


def trnx_id_of(pay_page: str) -> str:
    """The trnx_id in the address of a pay page, or empty."""
    values: Sequence[str] = parse_qs(urlsplit(pay_page).query).get("trnsID", [""])
    return values[0]


def _has_field(field: str, form: PageForm) -> bool:
    return field in form.fields


def _form_to(page: PageView, end: str) -> PageForm:
    return _form(page, lambda form: urlsplit(urljoin(page.url, form.action)).path.endswith(end))


def _form(page: PageView, fits: Callable[[PageForm], bool]) -> PageForm:
    match = next((form for form in page.forms if fits(form)), None)
    if match is None:
        raise LostPayerError(f"the page at {urlsplit(page.url).path} lacks its form: HTTP {page.status}")
    return match
