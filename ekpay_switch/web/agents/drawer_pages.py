"""`/agent`: the desk of an operator, opening the drawer, counting it, and the sheet of a day.

The count is blind: what the drawer should hold is shown once it was counted.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from starlette.responses import Response

from ekpay_switch.domain.agents.counter import AgentOrder, CashDrawer, OrderOutcome
from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import Money, parse_taka, total
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.web.agents.counter_visits import DESK, SIGN_IN, CounterVisit
from ekpay_switch.web.portal.home_page import QUERY, TYPED_MAX
from ekpay_switch.web.portal.saved_bills import read_id
from ekpay_switch.web.portal.visits import LANGUAGE_BUTTON, PortalVisit

CLOSE, DAYS = "/agent/close", "/agent/days"
_OPENING, _COUNTED = "opening", "counted"
_AMOUNT = "amount"
_DAYS_MAX = 7
# More than any drawer holds; a sum with a slip of a digit is asked again.
_CASH_MAX = Money(1_000_000_000)


async def show_desk(counter: CounterVisit) -> Response:
    """The search for a biller and what was taken today; without a drawer of today, what comes before."""
    return await _desk_page(counter)


async def open_drawer(counter: CounterVisit, sent: Mapping[str, str]) -> Response:
    """Open a drawer with the typed float; without a fresh code, send one first."""
    visit, typed = counter.visit, sent.get(_OPENING, "")
    if LANGUAGE_BUTTON in sent:
        return await _desk_page(counter, typed)
    opening = read_cash(typed)
    if opening is None:
        return await _desk_page(counter, typed, _AMOUNT)
    if not counter.who.is_fresh:
        return await SIGN_IN.request_code(visit, counter.citizens, counter.who.number)
    await counter.agents.counter.open_drawer(uuid7(), counter.operator, opening)
    return visit.redirect(DESK)


async def show_close(counter: CounterVisit) -> Response:
    """The form that asks for the count."""
    return counter.visit.redirect(DESK) if counter.drawer is None else _close_page(counter)


async def close_drawer(counter: CounterVisit, sent: Mapping[str, str]) -> Response:
    """Close the drawer with the typed count, and show the sheet of the day."""
    visit, drawer, typed = counter.visit, counter.drawer, sent.get(_COUNTED, "")
    # A form of an older drawer counts that one, which stays as it was closed.
    if drawer is None or sent.get("drawer") != drawer.drawer_id.hex:
        return visit.redirect(DESK)
    if LANGUAGE_BUTTON in sent:
        return _close_page(counter, typed)
    counted = read_cash(typed)
    if counted is None:
        return _close_page(counter, typed, _AMOUNT)
    closed = await counter.agents.counter.close_drawer(drawer.drawer_id, counted)
    return visit.redirect(f"{DAYS}/{closed.drawer_id.hex}")


async def show_day(counter: CounterVisit) -> Response:
    """The sheet of a closed drawer of the agent, to be printed and signed."""
    visit, agents = counter.visit, counter.agents
    drawer_id = read_id(visit.request.path_params["drawer"])
    drawer = None if drawer_id is None else await _closed_drawer(counter, drawer_id)
    if drawer is None:
        return visit.notice("no_order", 404, link=DESK)
    orders = await agents.counter.orders(drawer.drawer_id)
    values = {
        "operator": counter.operator,
        "drawer": drawer,
        "lines": order_lines(visit, orders),
        "paid": len([order for order in orders if order.outcome is OrderOutcome.PAID]),
        "commission": total(order.commission for order in orders if order.commission is not None),
        "now": counter.who.now,
    }
    return visit.page("agent/day.html", values)


def read_cash(typed: str) -> Money | None:
    """A typed sum of taka, zero or more; None for anything else."""
    text = "".join(fold_bangla_digits(typed).replace(",", "").replace("৳", "").split())
    try:
        cash = parse_taka(text)
    except MalformedAmountError:
        return None
    return cash if 0 <= cash.minor <= _CASH_MAX.minor else None


def order_lines(visit: PortalVisit, orders: Sequence[AgentOrder]) -> list[Mapping[str, object]]:
    """A line for each order: whose bill, its outcome and its sum."""
    return [{"order": order, "profile": biller_profile(visit, order)} for order in orders]


def biller_profile(visit: PortalVisit, order: AgentOrder) -> BillerProfile | None:
    """The biller of an order, None where its manifest is gone."""
    biller = visit.portal.agents.world.billers.by_id(order.bill.biller_id)
    return None if biller is None else biller.profile


async def _closed_drawer(counter: CounterVisit, drawer_id: UUID) -> CashDrawer | None:
    drawer = await counter.agents.counter.drawer(counter.operator.partner_id, drawer_id)
    return drawer if drawer is not None and drawer.closed_at is not None else None


async def _desk_page(counter: CounterVisit, opening: str = "", fault: str = "") -> Response:
    visit, ports = counter.visit, counter.agents.counter
    typed = visit.request.query_params.get(QUERY, "").strip()[:TYPED_MAX]
    catalogue, today = visit.portal.catalogue, counter.drawer_of_today
    orders = [] if today is None else await ports.orders(today.drawer_id)
    values = {
        "operator": counter.operator,
        "drawer": counter.drawer,
        "is_of_today": today is not None,
        "opening": opening,
        "fault": fault,
        "typed": typed,
        "found": catalogue.search(typed) if typed else [],
        "most_used": catalogue.most_used,
        "groups": catalogue.groups,
        "lines": order_lines(visit, orders[::-1]),
        "days": await ports.drawers(counter.operator, _DAYS_MAX),
        "now": counter.who.now,
    }
    template = "opening" if counter.drawer is None else "desk"
    return visit.form_page(f"agent/{template}.html", values, 422 if fault else 200)


def _close_page(counter: CounterVisit, typed: str = "", fault: str = "") -> Response:
    values = {"drawer": counter.drawer, "typed": typed, "fault": fault, "now": counter.who.now}
    return counter.visit.form_page("agent/close.html", values, 422 if fault else 200)
