"""The hosted checkout: a payer chooses an instrument for a merchant's payment, looks at it, or leaves.

Whatever comes twice, a double click, a second tab or a page from before, is told apart by which try of its
payment it asks for: only one order of a payer can begin the second try, and it is durable before anybody is
asked (docs/adr/0047).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import WAITS_FOR_MONEY, TryState
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.decision import Decision
from ekpay_switch.flows.offers import (
    WhyNot,
    instruments_of,
    is_priced_otherwise,
    route_request,
    why_nobody,
)
from ekpay_switch.flows.open_page import new_try, open_page, page_is_ours_after
from ekpay_switch.flows.payer_returned import come_back
from ekpay_switch.flows.route import route
from ekpay_switch.ports.collections import NoNewTry, RawCallback
from ekpay_switch.ports.merchants import MerchantPayment, TryLine
from ekpay_switch.ports.world import World


class NotChosen(StrEnum):
    """Why a choice opened no page; without a page no money can move."""

    UNKNOWN = "unknown"  # this merchant does not offer such an instrument
    PRICE_CHANGED = "price_changed"  # it costs something else by now than what was shown
    LIMITS = "limits"
    MAINTENANCE = "maintenance"
    UNAVAILABLE = "unavailable"
    MOVED_ON = "moved_on"  # the payment does not wait for this choice (any more): nothing was begun
    NO_PAGE = "no_page"  # it was asked for, and none came: the payment's tries say why


@dataclass(frozen=True, slots=True)
class PageChosen:
    """The page stands, and the payer can be sent there."""

    url: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What a payer chose: the instrument, as which try of the payment, at which total it was shown.

    `total` is None where the caller takes any price.
    """

    instrument: str
    nth: int
    total: Money | None = None


async def choose(payment: MerchantPayment, choice: Choice, world: World) -> PageChosen | NotChosen:
    """Price the try, route it, make it durable, ask for its page.

    Nobody pays more than was shown: where the routing would charge something else by now, nothing is begun.
    """
    if choice.nth != next_try(payment) or payment.state not in WAITS_FOR_MONEY:
        return NotChosen.MOVED_ON
    merchant = await world.merchants.by_partner(payment.partner_id)
    connectors = instruments_of(merchant, world).get(choice.instrument, ()) if merchant else ()
    if merchant is None or not connectors:
        return NotChosen.UNKNOWN
    request = route_request(choice.instrument, connectors, payment, merchant, world)
    if choice.total is not None:
        shown = choice.total - payment.amount - request.fee - request.vat
        request = replace(request, charge=shown)
    routed = await route(request, world)
    if isinstance(routed, Decision):
        is_other = is_priced_otherwise(routed, connectors)
        return NotChosen.PRICE_CHANGED if is_other else _NOBODY[why_nobody(routed, connectors)]
    verdict = routed.decision.verdict_on(routed.connector.profile.id)
    charges = Charges(Money(verdict.charge, payment.amount.currency), request.fee, request.vat)
    new = new_try(routed, charges, choice.nth)
    safe_after = _safe_after(payment, world)
    held = await world.collections.open_try(payment.partner_id, payment.payment_id, new, safe_after)
    if isinstance(held, NoNewTry):
        return NotChosen.MOVED_ON
    await open_page(held, routed, new, world)
    return await _page_of(payment, world)


_NOBODY = {
    WhyNot.LIMITS: NotChosen.LIMITS,
    WhyNot.MAINTENANCE: NotChosen.MAINTENANCE,
    WhyNot.UNAVAILABLE: NotChosen.UNAVAILABLE,
}


async def _page_of(payment: MerchantPayment, world: World) -> PageChosen | NotChosen:
    now = await world.merchant_payments.by_id(payment.payment_id)
    one = open_try_of(now) if now is not None else None
    return PageChosen(one.page_url) if one is not None and one.page_url else NotChosen.NO_PAGE


async def leave(payment: MerchantPayment, world: World) -> bool:
    """The payer gives up: the payment ends before its money was asked for; False where it cannot (any more).

    A page that moves money without our word may still be paid: that goes back to its payer.
    """
    refused = await world.collections.cancel(payment.partner_id, payment.payment_id)
    return refused is None


async def look(payment: MerchantPayment, world: World) -> None:
    """The payer asks to have it looked at now: as when the browser comes back, at most once in five seconds.

    The wish is kept like a hint that names the try, since it makes its question due; it claims nothing.
    """
    one = open_try_of(payment)
    if one is None or not one.page_url:
        return
    name = f"looked-for:{one.reference}"
    hint = CallbackHint(event_id=name, provider_reference="", claims="", reference=one.reference)
    await world.callbacks.keep(RawCallback(one.connector_id, name, {}, b""), hint)
    await come_back(one.reference, {}, b"", world)


def next_try(payment: MerchantPayment) -> int:
    """Which try of its payment a choice made now would be."""
    return len(payment.tries) + 1


def open_try_of(payment: MerchantPayment) -> TryLine | None:
    """The try that the payment waits for, or None."""
    return next((one for one in payment.tries if one.state is TryState.OPEN), None)


def may_leave(payment: MerchantPayment) -> bool:
    """Whether leaving is worth offering: nobody has asked for the payer's money yet."""
    is_asked = any(one.executes_begun for one in payment.tries if one.state is not TryState.CLOSED)
    return payment.state in WAITS_FOR_MONEY and not is_asked


def another_from(payment: MerchantPayment, world: World) -> datetime | None:
    """From when another instrument may be chosen, perhaps since long; None: not while its money is asked for.

    Where the payer's agreement alone moves money, the page that is open may be paid as long as it lives.
    """
    one = open_try_of(payment)
    if one is None or not one.page_url:
        return payment.created_at
    if one.executes_begun:
        return None
    return one.opened_at + timedelta(seconds=_safe_after(payment, world))


def _safe_after(payment: MerchantPayment, world: World) -> float:
    """Seconds after which a page that is open can be paid no more; of a connector we lost, nobody knows."""
    one = open_try_of(payment)
    older = world.connectors.by_id(one.connector_id) if one is not None else None
    if older is not None:
        return page_is_ours_after(older.profile)
    return 0.0 if one is None or one.page_until is None else (one.page_until - one.opened_at).total_seconds()
