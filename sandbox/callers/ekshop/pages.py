"""The shop's pages: they need no script, keep the cart in a cookie, and show no customer's address."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.callers.ekshop.catalogue import AGENTS, DISTRICTS, GOOD_OF, GOODS, PAYEES, SELLER_OF, SELLERS
from sandbox.callers.ekshop.order_form import (
    OrderForm,
    UnreadableFormError,
    empty_form,
    read_order_form,
    read_quantities,
)
from sandbox.callers.ekshop.orders import ReturnTarget, ShopOrder
from sandbox.callers.ekshop.pricing import QUANTITY_MAX
from sandbox.callers.ekshop.shop import Shop
from sandbox.callers.ekshop.wording import LANGUAGES, Wording
from sandbox.kit.institution.pages import PageVisit
from sandbox.kit.payer_pages.language import language_of

_TEMPLATES = Path(__file__).with_name("templates")
_FIELDS_MAX = 80
_BODY_BYTES_MAX = 20_000
_CART, _LANGUAGE = "cart", "lang"
_COOKIE_SECONDS = 30 * 86_400

_SHELVES = [(seller, [good for good in GOODS if good.seller == seller.code]) for seller in SELLERS]
_TEMPLATE_CONSTANTS: Mapping[str, object] = {
    "agents": AGENTS,
    "districts": DISTRICTS,
    "payees": {code: name for code, _, name in PAYEES},
    "sellers": SELLER_OF,
    "shelves": _SHELVES,
}


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
        return self._show_form(request, empty_form({}), is_sheet=True)

    async def cart(self, request: Request) -> Response:
        """The contents of the cart."""
        cart = _cart(request)
        return self._show(request, "cart.html", lines=_lines(cart), goods_paisa=_goods_paisa(cart))

    async def fill_cart(self, request: Request) -> Response:
        """Put goods into the cart, or change how many of them there are."""
        try:
            form = await _form(request)
            quantities = read_quantities(form)
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
        return self._show_form(request, empty_form(cart), is_sheet=False)

    async def place(self, request: Request) -> Response:
        """Record the order and redirect the customer to the pay page; or show its price, or what is wrong."""
        try:
            sent = await _form(request)
            form = read_order_form(sent)
        except UnreadableFormError:
            return self._problem(request, "unreadable", 400)
        is_sheet = "sheet" in sent
        if sent.get("do") == "price":
            priced = OrderForm(form.values, form.quantities)
            return self._show_form(request, priced if form.bill else form, is_sheet=is_sheet)
        if form.errors:
            answer = self._show_form(request, form, is_sheet=is_sheet)
            answer.status_code = 400
            return answer
        order = self._shop.place(form.purchase, form.customer, _wording(request).language)
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

    def _show_form(self, request: Request, form: OrderForm, *, is_sheet: bool) -> Response:
        return self._show(
            request,
            "checkout.html",
            form=form,
            bill=form.bill,
            is_sheet=is_sheet,
            lines=_lines(form.quantities),
            goods_paisa=_goods_paisa(form.quantities),
        )

    def _problem(self, request: Request, problem: str, status: int) -> Response:
        answer = self._show(request, "problem.html", problem=problem)
        answer.status_code = status
        return answer

    def _show(self, request: Request, template: str, **members: object) -> Response:
        language = request.query_params.get(_LANGUAGE)
        wording = _wording(request)
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


def _goods_paisa(quantities: Mapping[str, int]) -> int:
    return sum(GOOD_OF[code].price_paisa * count for code, count in quantities.items())


def _wording(request: Request) -> Wording:
    """The texts of the language that this customer reads."""
    named = request.query_params.get(_LANGUAGE) or request.cookies.get(_LANGUAGE)
    return Wording(named or _preferred(request))


def _preferred(request: Request) -> str:
    """The language that the browser's reader prefers."""
    return language_of(PageVisit("GET", {}, {}, {}, request.headers.get("accept-language", "")))
