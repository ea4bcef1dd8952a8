"""The hosted checkout: a payer chooses an instrument for a merchant's payment, looks at it, or cancels.

Repeated requests (a double click, a second tab, an old page) are recognised by the number of the try that
they ask for: only one request of a payer can begin the second try, and the try is durable before any
connector is asked (docs/adr/0047).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import INSTRUMENT_REFUSALS, WAITS_FOR_MONEY, TryState
from ekpay_switch.domain.collections.payer_page import PageContent, PayerLanguage
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.routing.decision import Decision
from ekpay_switch.flows.collections.open_page import new_try, open_page, seconds_until_page_expiry
from ekpay_switch.flows.collections.payer_returned import payer_returned
from ekpay_switch.flows.merchants.offers import (
    UnavailableReason,
    instruments_of,
    is_priced_otherwise,
    route_request,
    unavailable_reason,
)
from ekpay_switch.flows.routing.route import route
from ekpay_switch.ports.collections import NoNewTry, RawCallback
from ekpay_switch.ports.merchants import MerchantPayment, TryLine
from ekpay_switch.ports.world import World


class ChoiceRefusal(StrEnum):
    """Why a choice opened no page; without a page no money can move."""

    UNKNOWN = "unknown"  # this merchant does not offer this instrument
    PRICE_CHANGED = "price_changed"  # the price is no longer the one that was shown
    LIMITS = "limits"
    MAINTENANCE = "maintenance"
    UNAVAILABLE = "unavailable"
    MOVED_ON = "moved_on"  # the payment does not wait for this choice (any more); no try was begun
    NO_PAGE = "no_page"  # the connector opened none: the payment's tries say why


@dataclass(frozen=True, slots=True)
class ChosenPage:
    """The page is open, and the payer can be redirected to it."""

    url: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A payer's choice: the instrument, the number of the try, and the total that was shown.

    `total` is None where the caller accepts any price. `language` is that of the page with the button.
    """

    instrument: str
    nth: int
    total: Money | None = None
    language: PayerLanguage | None = None


async def choose_instrument(
    payment: MerchantPayment, choice: Choice, world: World
) -> ChosenPage | ChoiceRefusal:
    """Price the try, route it, make it durable, ask for its page.

    The payer pays exactly what was shown: where routing would charge something else by now, no try is begun.
    """
    if choice.nth != next_try(payment) or payment.state not in WAITS_FOR_MONEY:
        return ChoiceRefusal.MOVED_ON
    merchant = await world.merchants.by_partner(payment.partner_id)
    connectors = instruments_of(merchant, world).get(choice.instrument, ()) if merchant else ()
    if merchant is None or not connectors:
        return ChoiceRefusal.UNKNOWN
    request = route_request(choice.instrument, connectors, payment, merchant, world)
    if choice.total is not None:
        shown_charge = choice.total - payment.amount - request.fee - request.vat
        request = replace(request, charge=shown_charge)
    routed = await route(request, world)
    if isinstance(routed, Decision):
        is_price_changed = is_priced_otherwise(routed, connectors)
        return (
            ChoiceRefusal.PRICE_CHANGED
            if is_price_changed
            else _NOT_CHOSEN[unavailable_reason(routed, connectors)]
        )
    verdict = routed.decision.verdict_on(routed.connector.profile.id)
    charges = Charges(Money(verdict.charge, payment.amount.currency), request.fee, request.vat)
    new = new_try(routed, charges, choice.nth)
    page_expiry_seconds = _page_expiry_seconds(payment, world)
    opened = await world.collections.open_try(
        payment.partner_id, payment.payment_id, new, page_expiry_seconds
    )
    if isinstance(opened, NoNewTry):
        return ChoiceRefusal.MOVED_ON
    page = PageContent(payment.merchant_en, payment.merchant_bn, choice.language)
    await open_page(opened, routed, new, page, world)
    return await _opened_page(payment, world)


_NOT_CHOSEN = {
    UnavailableReason.LIMITS: ChoiceRefusal.LIMITS,
    UnavailableReason.MAINTENANCE: ChoiceRefusal.MAINTENANCE,
    UnavailableReason.UNAVAILABLE: ChoiceRefusal.UNAVAILABLE,
}


async def _opened_page(payment: MerchantPayment, world: World) -> ChosenPage | ChoiceRefusal:
    current = await world.merchant_payments.by_id(payment.payment_id)
    open_try = open_try_of(current) if current is not None else None
    return (
        ChosenPage(open_try.page_url) if open_try is not None and open_try.page_url else ChoiceRefusal.NO_PAGE
    )


async def cancel_by_payer(payment: MerchantPayment, world: World) -> bool:
    """End the payment for the payer before an execute; False where that is not possible (any more).

    A payer who gives up after an instrument has refused did not cancel: to the merchant the payment failed.
    A page that moves money without our execute may still be paid: that money goes back to the payer.
    """
    why = Refusal.INSTRUMENT_REFUSED if has_just_been_refused(payment) else Refusal.CANCELLED
    not_ended = await world.collections.cancel(payment.partner_id, payment.payment_id, why)
    return not_ended is None


async def inquire_now(payment: MerchantPayment, world: World) -> None:
    """Inquire now at the payer's request, as when the browser comes back; at most once in five seconds.

    The request is stored like a callback that names the try, which makes its inquiry due; it states nothing.
    """
    open_try = open_try_of(payment)
    if open_try is None or not open_try.page_url:
        return
    name = f"looked-for:{open_try.reference}"
    hint = CallbackHint(event_id=name, provider_reference="", claims="", reference=open_try.reference)
    await world.callbacks.keep(RawCallback(open_try.connector_id, name, {}, b""), hint)
    await payer_returned(open_try.reference, {}, b"", world)


def next_try(payment: MerchantPayment) -> int:
    """The number of the try that a choice made now would begin."""
    return len(payment.tries) + 1


def open_try_of(payment: MerchantPayment) -> TryLine | None:
    """The try that the payment waits for, or None."""
    return next((payment_try for payment_try in payment.tries if payment_try.state is TryState.OPEN), None)


def has_just_been_refused(payment: MerchantPayment) -> bool:
    """Whether the newest try ended with a refusal at its instrument."""
    return bool(payment.tries) and payment.tries[-1].end in INSTRUMENT_REFUSALS


def may_cancel(payment: MerchantPayment) -> bool:
    """Whether the payer may still cancel: no execute was begun, and no connector holds the money."""
    is_executed = any(
        payment_try.executes_begun
        for payment_try in payment.tries
        if payment_try.state is not TryState.CLOSED
    )
    is_held = any(payment_try.is_held for payment_try in payment.tries)
    return payment.state in WAITS_FOR_MONEY and not is_executed and not is_held


def another_try_from(payment: MerchantPayment, world: World) -> datetime | None:
    """From when another instrument may be chosen, maybe in the past; None while money may be ours.

    That is while an execute may be running, or a connector holds the payer's money for its risk.
    Where the payer's agreement alone moves money, the open page may be paid until it lapses.
    """
    open_try = open_try_of(payment)
    is_held = any(payment_try.is_held for payment_try in payment.tries)
    if is_held or (open_try is not None and open_try.executes_begun):
        return None
    if open_try is None or not open_try.page_url:
        return payment.created_at
    return open_try.opened_at + timedelta(seconds=_page_expiry_seconds(payment, world))


def _page_expiry_seconds(payment: MerchantPayment, world: World) -> float:
    """Seconds after which the open page can no longer be paid; its whole life where its connector is gone."""
    open_try = open_try_of(payment)
    older = world.connectors.by_id(open_try.connector_id) if open_try is not None else None
    if older is not None:
        return seconds_until_page_expiry(older.profile)
    return (
        0.0
        if open_try is None or open_try.page_until is None
        else (open_try.page_until - open_try.opened_at).total_seconds()
    )
