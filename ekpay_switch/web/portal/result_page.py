"""`/cart/<reference>`: what became of each bill, for whoever comes back from the checkout."""

from collections.abc import Collection, Mapping, Sequence

from starlette.responses import Response

from ekpay_switch.domain.carts.bill_cart import CartRefusal, PaidUp, StoredCart
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.edge_kit.login_watch import address_of
from ekpay_switch.flows.carts.fill_cart import find_cart, refill_cart
from ekpay_switch.flows.merchants.open_merchant_payment import CHECKOUT_PATH
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.web.checkout.evidence import Evidence, evidence_of
from ekpay_switch.web.pages import Refresh
from ekpay_switch.web.portal.cart_cookie import is_reference
from ekpay_switch.web.portal.cart_outcomes import (
    CHANGING,
    REPEATABLE,
    BillOutcome,
    CartOutcome,
    bill_outcome,
    cart_outcome,
    refund_of,
)
from ekpay_switch.web.portal.cart_pages import bill_values
from ekpay_switch.web.portal.visits import PortalVisit

# Often enough to be current, and seldom enough that a screen reader gets to the end of the page.
REFRESH_SECONDS = 20


async def show_result(visit: PortalVisit) -> Response:
    """The page of an ordered cart; it refreshes itself while something is open, unless it is told to stay."""
    reference = visit.request.path_params["reference"]
    cart = await find_cart(reference, visit.portal.office) if is_reference(reference) else None
    if cart is None:
        await visit.portal.logins.note(address_of(visit.request), "unknown_page")
        return visit.notice("no_cart", 404)
    if not cart.is_ordered or cart.payment is None:
        is_own = visit.cart == cart.reference
        return visit.redirect("/cart") if is_own else visit.notice("no_cart", 404)
    world = visit.portal.office.world
    payment = await world.merchant_payments.by_id(cart.payment.payment_id)
    proven = evidence_of(payment, world) if payment is not None else frozenset[Evidence]()
    return await _page(visit, cart, payment, proven)


async def _page(
    visit: PortalVisit, cart: StoredCart, payment: MerchantPayment | None, proven: Collection[Evidence]
) -> Response:
    outcome = cart_outcome(cart, proven)
    stays = visit.request.query_params.get("stay") == "1"
    checkout_reference = cart.payment.checkout_reference if cart.payment is not None else ""
    values = {
        "cart": cart,
        "outcome": outcome.value,
        "bills": await _bills(visit, cart),
        "is_funded": cart.paid_up is PaidUp.FUNDED,
        "now": cart.read_at,
        "number": payment.ekpay_trnx_id if payment is not None else "",
        "collector": _collector(visit, payment),
        "checkout": f"{CHECKOUT_PATH}/{checkout_reference}",
        "receipt": _receipt(visit, payment) if outcome in _WITH_RECEIPT else "",
        "complaints": await visit.portal.complaints.of_cart(cart.cart_id),
        "refreshes": outcome in CHANGING,
        "stays": stays,
        "seconds": REFRESH_SECONDS,
    }
    if outcome in REPEATABLE:
        return visit.form_page("result.html", {**values, "is_repeatable": True})
    refresh = Refresh(REFRESH_SECONDS) if outcome in CHANGING and not stays else None
    return visit.page("result.html", {**values, "is_repeatable": False}, refresh=refresh)


async def repeat_bills(visit: PortalVisit) -> Response:
    """Put the bills of a cart that was never paid into this browser's cart once more."""
    reference = visit.request.path_params["reference"]
    below = f"/cart/{reference}"
    if await visit.own_fields() is None:
        return visit.notice("foreign", 403, link="/cart")
    office = visit.portal.office
    unpaid = await find_cart(reference, office) if is_reference(reference) else None
    if unpaid is None:
        return visit.notice("no_cart", 404)
    filled = await refill_cart(visit.cart, unpaid, office)
    if filled is CartRefusal.NOT_OVER:
        return visit.redirect(below)
    answer = visit.redirect("/cart")
    if isinstance(filled, StoredCart):
        visit.remember(answer, filled.reference)
    return answer


_WITH_RECEIPT = frozenset(
    {
        CartOutcome.RECEIVED,
        CartOutcome.UNDER_WAY,
        CartOutcome.ALL_PAID,
        CartOutcome.SOME_PAID,
        CartOutcome.NONE_PAID,
    }
)


async def _bills(visit: PortalVisit, cart: StoredCart) -> list[Mapping[str, object]]:
    """Each bill with its own outcome, which there is once the money has come."""
    shown = bill_values(visit, cart)
    if cart.paid_up is not PaidUp.FUNDED:
        return shown
    outcomes = [bill_outcome(cart, stored) for stored in cart.bills]
    return [
        {
            **values,
            "outcome": outcome.value,
            "tokens": await _tokens(visit, cart, place) if outcome is BillOutcome.PAID else (),
            "refund": refund_of(cart, cart.bills[place]),
        }
        for place, (values, outcome) in enumerate(zip(shown, outcomes, strict=True))
    ]


async def _tokens(visit: PortalVisit, cart: StoredCart, place: int) -> Sequence[TokenLine]:
    """The lines to be typed into a prepaid meter."""
    stored, world = cart.bills[place], visit.portal.office.world
    biller = world.billers.by_id(stored.bill.biller_id)
    if stored.payment_id is None or biller is None or not biller.profile.gives_tokens:
        return ()
    return await world.payments.tokens(stored.payment_id)


def _receipt(visit: PortalVisit, payment: MerchantPayment | None) -> str:
    """Where the receipt of the whole payment is; empty where there is none."""
    path = visit.portal.receipt_path
    return path(payment.payment_id) if path is not None and payment is not None else ""


def _collector(visit: PortalVisit, payment: MerchantPayment | None) -> object:
    """Who took the money and gives it back; None where nobody did, or its manifest is gone."""
    if payment is None or payment.funding is None:
        return None
    connector = visit.portal.office.world.connectors.by_id(payment.funding.connector_id)
    return connector.profile if connector is not None else None
