"""Place and pay a single order at ekShop, step by step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from sandbox.callers.ekshop.catalogue import AGENTS, GOODS
from sandbox.callers.ekshop.customer import Basket, check_payment, order_by_pages, trnx_id_of
from sandbox.callers.ekshop.orders import Standing
from sandbox.callers.ekshop.wire import ShopCustomer
from sandbox.callers.payer.browser import Browser, LostPayerError
from sandbox.callers.payer.checkout import InstrumentChoice, check_out
from sandbox.callers.payer.payer import Payer
from sandbox.kit.institution.amounts import taka
from sandbox.kit.provider.payer_numbers import PayerKind, normal_numbers
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH
from sandbox.registry import PROVIDER_FAMILIES

Say = Callable[[str], None]

_BKASH = "bkash"
_CALL_SECONDS = 30.0
_CUSTOMER = ShopCustomer("Champa Majhi", "01700000000", "", "House 7, Sandbox Road")
# Goods of as many sellers as possible before a second one of any.
_TURNS = sorted(
    range(len(GOODS)),
    key=lambda place: (sum(GOODS[place].seller == earlier.seller for earlier in GOODS[:place]), place),
)


@dataclass(frozen=True, slots=True)
class SingleOrderRequest:
    """Which shop, how many goods, which instrument and number, by an agent or not, paid or cancelled."""

    shop: str
    items: int
    instrument: str
    wallet: str | None
    is_by_agent: bool
    cancels: bool


async def order_once(request: SingleOrderRequest, say: Say) -> bool:
    """Order, pay or cancel, come back, and print both sides' states; return whether it ended as requested.

    Raises:
        LostPayerError: a page cannot be used.
    """
    agent = AGENTS[0] if request.is_by_agent else None
    quantities = {GOODS[place].code: 1 for place in _TURNS[: request.items]}
    district = agent.district if agent else "khulna"
    basket = Basket(quantities, _CUSTOMER, district, agent.code if agent else None)
    number = request.wallet or first_number(request.instrument)
    async with Browser() as browser:
        pay_page = await order_by_pages(browser, request.shop, basket)
        trnx_id = trnx_id_of(pay_page)
        say(f"ordered {', '.join(quantities)} at {request.shop}; payment {trnx_id}")
        choices = [] if request.cancels else [InstrumentChoice(request.instrument, Payer(number))]
        done = await check_out(browser, pay_page, choices, cancels=request.cancels)
        say(f"the customer is at {done.page.url.partition('?')[0]}: HTTP {done.page.status}")
        if done.page.url.startswith(request.shop) and "/check" in done.page.text:
            await check_payment(browser, done.page)
    order, attempt = await _order_and_attempt(request.shop, trnx_id)
    say(f"shop: order {order['number']} over {taka(order['total_paisa'])} taka is {order['standing']}")
    for payee, paisa in order["shares"].items():
        say(f"  {payee or 'ekshop itself':<18} {taka(paisa):>12}")
    ipns = [f"{ipn['code']} answered {ipn['answered']}" for ipn in attempt["ipns"]]
    say(f"shop: IPNs {', '.join(ipns) or 'none'}; status calls {attempt['checks'] or 'none'}")
    say(f"switch, as it told the shop: {attempt['facts'] or 'nothing yet'}")
    return bool(order["standing"] == (Standing.CANCELLED if request.cancels else Standing.PAID))


def first_number(instrument: str) -> str:
    """The first normal number that a provider accepts; a routed instrument has one kind of number."""
    if instrument == _BKASH:
        return f"{FIRST_NORMAL_WALLET:0{WALLET_LENGTH}d}"
    kinds = {
        institution.id: institution.kind
        for family in PROVIDER_FAMILIES.values()
        for institution in family.institutions
    }
    kinds |= {kind.value: kind for kind in PayerKind}
    return next(normal_numbers(kinds.get(instrument, PayerKind.WALLET), 1))


async def _order_and_attempt(shop: str, trnx_id: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The order of a payment and the payment, by the shop's own book."""
    timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{shop}/_admin/dump") as answer,
        ):
            orders = (await answer.json())["orders"]
    except (aiohttp.ClientError, TimeoutError) as error:
        raise LostPayerError(f"the shop does not answer: {type(error).__name__}") from error
    for order in orders:
        for attempt in order["attempts"]:
            if attempt["trnx_id"] == trnx_id:
                return order, attempt
    raise LostPayerError("the shop does not know the payment")
