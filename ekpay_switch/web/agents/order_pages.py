"""`/agent/bills` and `/agent/orders`: a payer's bill at the counter, its payment and its slip.

The order's page tells from the books how it stands, so an operator who lost an answer looks there; the button
that pays may be pressed again and pays once.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from starlette.responses import Response

from ekpay_switch.domain.agents.counter import AgentOrder, OrderOutcome
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.edge_kit.background_tasks import StillRunningError
from ekpay_switch.flows.agents.serve_payer import CounterRefusal, fetch_for_payer, find_order, pay_order
from ekpay_switch.web.agents.counter_visits import DESK, CounterVisit
from ekpay_switch.web.agents.drawer_pages import biller_profile
from ekpay_switch.web.checkout.tiles import brand_of
from ekpay_switch.web.pages import Refresh
from ekpay_switch.web.portal.bill_forms import FilledForm
from ekpay_switch.web.portal.bill_pages import BillFormPages, noticed_form, tile_of
from ekpay_switch.web.portal.cart_bills import shown_bill
from ekpay_switch.web.portal.saved_bills import read_id
from ekpay_switch.web.portal.visits import PortalVisit

ORDERS = "/agent/orders"
_FORMS = BillFormPages("/agent/bills", is_counter=True)
_WAITING = frozenset({OrderOutcome.BEGUN, OrderOutcome.UNDER_WAY})
_REFRESH_SECONDS = 10


async def show_form(counter: CounterVisit) -> Response:
    """The form of a biller, empty or with what a bill notice names."""
    visit, tile = counter.visit, tile_of(counter.visit)
    if tile is None:
        return visit.notice("no_biller", 404, link=DESK)
    if counter.drawer_of_today is None:
        return visit.redirect(DESK)
    return _FORMS.page(visit, tile, await noticed_form(visit, tile) or FilledForm())


async def send_form(counter: CounterVisit) -> Response:
    """Fetch the bill that the form names, and show it as an order."""
    visit, tile, drawer = counter.visit, tile_of(counter.visit), counter.drawer_of_today
    if tile is None:
        return visit.notice("no_biller", 404, link=DESK)
    if drawer is None:
        return visit.redirect(DESK)
    filled = await _FORMS.read(visit, tile)
    if isinstance(filled, Response):
        return filled
    portal = visit.portal
    work = fetch_for_payer(counter.operator, drawer, tile.profile.id, filled.fields, counter.agents)
    try:
        answer = await portal.tasks.run_within(work, portal.answer_seconds)
    except StillRunningError:
        answer = Refusal.BILLER_UNAVAILABLE
    if isinstance(answer, UUID):
        return visit.redirect(f"{ORDERS}/{answer.hex}")
    return _FORMS.refusal_page(visit, tile, filled, answer)


async def show_order(counter: CounterVisit) -> Response:
    """The order as it stands: the bill to confirm, its outcome, or its slip."""
    order = await _order(counter)
    if order is None:
        return counter.visit.notice("no_order", 404, link=DESK)
    return await _order_page(counter, order)


async def pay(counter: CounterVisit, _: Mapping[str, str]) -> Response:
    """Pay the bill from the agent's prefund, for cash that is in the drawer."""
    visit, order, drawer = counter.visit, await _order(counter), counter.drawer_of_today
    if order is None:
        return visit.notice("no_order", 404, link=DESK)
    if drawer is None:
        return visit.redirect(DESK)
    portal = visit.portal
    work = pay_order(counter.operator, drawer, order, counter.agents)
    try:
        refusal = await portal.tasks.run_within(work, portal.answer_seconds)
    except StillRunningError:
        # Its page tells how it stands.
        refusal = None
    if refusal is CounterRefusal.DRAWER_CLOSED:
        return visit.notice("drawer_closed", 409, link=DESK)
    if isinstance(refusal, Refusal):
        return await _order_page(counter, order, is_refused=True)
    return visit.redirect(f"{ORDERS}/{order.order_id.hex}")


async def hand_back(counter: CounterVisit, _: Mapping[str, str]) -> Response:
    """Record that the payer has the cash back, out of the open drawer."""
    visit, order, drawer = counter.visit, await _order(counter), counter.drawer_of_today
    if order is None:
        return visit.notice("no_order", 404, link=DESK)
    if drawer is None:
        return visit.redirect(DESK)
    partner_id, order_id = counter.operator.partner_id, order.order_id
    await counter.agents.counter.hand_back(partner_id, order_id, drawer.drawer_id)
    return visit.redirect(f"{ORDERS}/{order_id.hex}")


async def _order(counter: CounterVisit) -> AgentOrder | None:
    order_id = read_id(counter.visit.request.path_params["order"])
    return None if order_id is None else await find_order(counter.operator, order_id, counter.agents)


async def _order_page(counter: CounterVisit, order: AgentOrder, *, is_refused: bool = False) -> Response:
    visit, outcome = counter.visit, order.outcome
    receipt = _receipt(visit, order) if outcome is OrderOutcome.PAID else ""
    profile = biller_profile(visit, order)
    values = {
        "operator": counter.operator,
        "order": order,
        "outcome": "refused" if is_refused else outcome.value,
        "is_here": counter.drawer_of_today is not None,
        "profile": profile,
        "brand": None if profile is None else brand_of(profile),
        "bill": shown_bill(order.bill, profile, order.read_at),
        "tokens": await _tokens(counter, order) if outcome is OrderOutcome.PAID else (),
        "receipt": receipt,
        "receipt_url": f"{visit.portal.agents.world.public_url}{receipt}" if receipt else "",
        "seconds": _REFRESH_SECONDS,
        "now": order.read_at,
    }
    if outcome is OrderOutcome.QUOTED or is_refused:
        return visit.form_page("agent/order.html", values, 503 if is_refused else 200)
    if outcome is OrderOutcome.TO_HAND_BACK or outcome is OrderOutcome.BEGUN:
        return visit.form_page("agent/order.html", values)
    refresh = Refresh(_REFRESH_SECONDS) if outcome in _WAITING else None
    return visit.page("agent/order.html", values, refresh=refresh)


def _receipt(visit: PortalVisit, order: AgentOrder) -> str:
    path = visit.portal.receipt_path
    return "" if path is None or order.payment_id is None else path(order.payment_id)


async def _tokens(counter: CounterVisit, order: AgentOrder) -> Sequence[TokenLine]:
    world = counter.agents.world
    biller = world.billers.by_id(order.bill.biller_id)
    if order.payment_id is None or biller is None or not biller.profile.gives_tokens:
        return ()
    return await world.payments.tokens(order.payment_id)
