"""The shop's pages: they need no script, keep the cart in a cookie, and show no customer's address."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.callers.ekshop.catalogue import AGENTS, DISTRICTS, GOOD_OF, GOODS, PAYEES, SELLER_OF, SELLERS
from sandbox.callers.ekshop.orders import ReturnTarget, ShopOrder
from sandbox.callers.ekshop.pricing import QUANTITY_MAX, NoSuchPurchaseError, Purchase
from sandbox.callers.ekshop.shop import Shop
from sandbox.callers.ekshop.wire import ShopCustomer
from sandbox.callers.ekshop.wording import LANGUAGES, Wording

_TEMPLATES = Path(__file__).with_name("templates")
_QUANTITY = "q-"
_MOBILE = re.compile(r"(?:\+?88)?01[3-9][0-9]{8}")
_TEXT_MAX = 200
_FIELDS_MAX = 80
_BODY_BYTES_MAX = 20_000
_CART, _LANGUAGE = "cart", "lang"
_COOKIE_SECONDS = 30 * 86_400

_SHELVES = [(seller, [good for good in GOODS if good.seller == seller.code]) for seller in SELLERS]
_TEMPLATE_CONSTANTS: Mapping[str, object] = {
    "agents": AGENTS,
    "districts": DISTRICTS,
    "payees": {code: name for code, _, name in PAYEES},
    "quantity_max": QUANTITY_MAX,
    "sellers": SELLER_OF,
    "shelves": _SHELVES,
}


class UnreadableFormError(ValueError):
    """A form that none of our pages sends."""


class Pages:
    """The pages of one shop."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._style = (_TEMPLATES / "shop.css").read_text(encoding="utf-8")
        pay_page = urlsplit(shop.api.merchant.base_url)
        # The policy applies to redirects of forms too, and ours leads to the pay page.
        policy = (
            f"default-src 'none'; style-src 'self'; form-action 'self' {pay_page.scheme}://{pay_page.netloc}"
        )
        self._headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": f"{policy}; base-uri 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    def routes(self) -> list[Route]:
        """Every page by its path."""
        return [
            Route("/", self.goods),
            Route("/shop.css", self.style),
            Route("/sheet", self.sheet),
            Route("/cart", self.cart),
            Route("/cart", self.fill_cart, methods=["POST"]),
            Route("/checkout", self.checkout),
            Route("/orders", self.to_goods),
            Route("/orders", self.place, methods=["POST"]),
            Route("/orders/{id}", self.order),
            Route("/orders/{id}/check", self.check, methods=["POST"]),
            Route("/orders/{id}/pay", self.pay, methods=["POST"]),
            Route("/back/{place}", self.back),
        ]

    async def style(self, _request: Request) -> Response:
        """The style sheet."""
        return PlainTextResponse(self._style, media_type="text/css")

    async def goods(self, request: Request) -> Response:
        """Everything on sale, seller by seller."""
        return self._show(request, "goods.html")

    async def to_goods(self, _request: Request) -> Response:
        """Redirect from the address of a form to the goods."""
        return RedirectResponse("/", 303)

    async def sheet(self, request: Request) -> Response:
        """The whole order on one page, as agents of digital centres fill it in."""
        return self._show(request, "checkout.html", is_sheet=True, lines=[])

    async def cart(self, request: Request) -> Response:
        """The contents of the cart."""
        return self._show(request, "cart.html", lines=_lines(_cart(request)))

    async def fill_cart(self, request: Request) -> Response:
        """Put goods into the cart, or change how many of them there are."""
        try:
            form = await _form(request)
            quantities = _quantities(form)
        except UnreadableFormError:
            return self._problem(request, "unreadable", 400)
        cart = _cart(request)
        if form.get("do") == "add":
            quantities = {
                code: min(cart.get(code, 0) + count, QUANTITY_MAX) for code, count in quantities.items()
            }
        filled = {code: count for code, count in (cart | quantities).items() if count}
        answer = RedirectResponse("/cart", 303, headers=self._headers)
        _set_cookie(answer, _CART, ".".join(f"{code}:{count}" for code, count in filled.items()))
        return answer

    async def checkout(self, request: Request) -> Response:
        """The form for the customer and the address."""
        cart = _cart(request)
        if not cart:
            return RedirectResponse("/cart", 303)
        return self._show(request, "checkout.html", is_sheet=False, lines=_lines(cart))

    async def place(self, request: Request) -> Response:
        """Record the order and redirect the customer to the pay page."""
        try:
            form = await _form(request)
            quantities = {code: count for code, count in _quantities(form).items() if count}
            purchase = Purchase(quantities, form.get("district", ""), form.get("agent") or None)
            order = self._shop.place(purchase, _customer(form))
        except (UnreadableFormError, NoSuchPurchaseError):
            return self._problem(request, "unreadable", 400)
        answer = await self._to_pay(order)
        answer.delete_cookie(_CART)
        return answer

    async def order(self, request: Request) -> Response:
        """The page of an order."""
        order = self._shop.book.order(request.path_params["id"])
        if order is None:
            return self._problem(request, "unknown", 404)
        return self._show(request, "order.html", order=order, lines=_lines(order.quantities))

    async def check(self, request: Request) -> Response:
        """Ask the switch for the status of the last payment."""
        order = self._shop.book.order(request.path_params["id"])
        if order is None:
            return self._problem(request, "unknown", 404)
        if order.attempts:
            await self._shop.check(order.attempts[-1])
        return RedirectResponse(f"/orders/{order.id}", 303, headers=self._headers)

    async def pay(self, request: Request) -> Response:
        """Redirect the customer to the pay page, the same one as long as it is open."""
        order = self._shop.book.order(request.path_params["id"])
        if order is None:
            return self._problem(request, "unknown", 404)
        if order.paid_attempt is not None:
            return RedirectResponse(f"/orders/{order.id}", 303, headers=self._headers)
        return await self._to_pay(order)

    async def back(self, request: Request) -> Response:
        """The return page of customers, with `transId` in the query."""
        try:
            place = ReturnTarget(request.path_params["place"])
        except ValueError:
            return self._problem(request, "unknown", 404)
        order = self._shop.payer_returned(place, request.query_params.get("transId"))
        if order is None:
            return self._problem(request, "unknown", 404)
        return RedirectResponse(f"/orders/{order.id}", 303, headers=self._headers)

    async def _to_pay(self, order: ShopOrder) -> Response:
        url = await self._shop.begin_payment(order)
        return RedirectResponse(url or f"/orders/{order.id}", 302 if url else 303, headers=self._headers)

    def _problem(self, request: Request, problem: str, status: int) -> Response:
        answer = self._show(request, "problem.html", problem=problem)
        answer.status_code = status
        return answer

    def _show(self, request: Request, template: str, **members: object) -> Response:
        language = request.query_params.get(_LANGUAGE)
        wording = Wording(language or request.cookies.get(_LANGUAGE, ""))
        in_cart = sum(_cart(request).values())
        text = self._templates.get_template(template).render(
            **_TEMPLATE_CONSTANTS, words=wording, in_cart=in_cart, **members
        )
        answer = HTMLResponse(text, headers=self._headers)
        if language in LANGUAGES:
            _set_cookie(answer, _LANGUAGE, wording.language)
        return answer


def _set_cookie(answer: Response, name: str, value: str) -> None:
    answer.set_cookie(name, value, max_age=_COOKIE_SECONDS, httponly=True, samesite="lax")


def _lines(quantities: Mapping[str, int]) -> list[tuple[object, int]]:
    return [(GOOD_OF[code], count) for code, count in quantities.items()]


def _cart(request: Request) -> dict[str, int]:
    """The cart of the cookie, without unknown entries."""
    cart: dict[str, int] = {}
    for part in request.cookies.get(_CART, "").split(".")[: len(GOODS)]:
        code, _, count = part.partition(":")
        if code in GOOD_OF and count.isascii() and count.isdigit() and 0 < int(count[:3]) <= QUANTITY_MAX:
            cart[code] = int(count[:3])
    return cart


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES_MAX:
            raise UnreadableFormError(UnreadableFormError.__doc__)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX
        )
    except ValueError:
        raise UnreadableFormError(UnreadableFormError.__doc__) from None
    return {name: value.strip() for name, value in pairs}


def _quantities(form: Mapping[str, str]) -> dict[str, int]:
    """The quantities of a form by good; empty fields are skipped."""
    quantities: dict[str, int] = {}
    for name, value in form.items():
        if not name.startswith(_QUANTITY) or not value:
            continue
        if name.removeprefix(_QUANTITY) not in GOOD_OF or not re.fullmatch("[0-9]", value):
            raise UnreadableFormError(UnreadableFormError.__doc__)
        quantities[name.removeprefix(_QUANTITY)] = int(value)
    return quantities


def _customer(form: Mapping[str, str]) -> ShopCustomer:
    name, mobile, email, address = (form.get(field, "") for field in ("name", "mobile", "email", "address"))
    is_whole = name and address and _MOBILE.fullmatch(mobile)
    if not is_whole or max(map(len, (name, email, address))) > _TEXT_MAX:
        raise UnreadableFormError(UnreadableFormError.__doc__)
    return ShopCustomer(name, mobile, email, address)
