"""Collecting a payment from a payer: the bill, the payment, the page (architecture.md 4).

`resolve_collection` goes on once the payer is on the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.collections.new_tries import NewCollection
from ekpay_switch.domain.collections.payer_page import PageContent, PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.routing.decision import Decision
from ekpay_switch.domain.routing.rules import RouteRequest
from ekpay_switch.flows.bills.fetch_bill import FetchOrder, ParameterFault, fields_by_wire_name, quote_for
from ekpay_switch.flows.collections.open_page import new_try, open_page, seconds_until_page_expiry
from ekpay_switch.flows.routing.route import RoutedConnector, active_connectors, is_excluded_by_amount, route
from ekpay_switch.ports.collections import (
    AlreadyOpened,
    BillTaken,
    Client,
    CollectionOpened,
    NoNewTry,
    OtherContent,
    PaymentView,
)
from ekpay_switch.ports.world import World
from ekpay_switch.security.identifiers import uuid7


class CollectRefusal(StrEnum):
    """Why a payment was refused; nothing was written. The values are the codes of REST v1."""

    UNKNOWN_BILLER = "unknown_biller"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    MALFORMED_PARAMETERS = "validation_failed"
    BILL_NOT_FOUND = "bill_not_found"
    BILL_ALREADY_PAID = "bill_already_paid"
    AMOUNT_MISMATCH = "amount_mismatch"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    BILLER_UNAVAILABLE = "biller_unavailable"
    INSTRUMENT_UNAVAILABLE = "instrument_unavailable"
    KEY_REUSED = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class ClientCollectOrder:
    """A client's order to collect a bill from a payer, as read from its request.

    `reference` is its idempotency key in our name space, `fingerprint` covers what a repeat must equal.
    `amount` is what the biller is to be paid. `instrument` is a routable one, or the id of a connector. The
    return URL was checked against the client's hosts. `language` is the payer's, where the client names it.
    """

    client: Client
    reference: str
    fingerprint: bytes
    ekpay_biller_id: str
    parameters: Mapping[str, str]
    amount: Money
    instrument: str
    return_url: str
    language: PayerLanguage | None = None


@dataclass(frozen=True, slots=True)
class CollectionAnswer:
    """The payment as it is now; `is_repeat` where the same order came before."""

    view: PaymentView
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class CollectionTerms:
    """The priced bill, and the connector that would collect it."""

    quote: Quote
    routed: RoutedConnector


async def collect(order: ClientCollectOrder, world: World) -> CollectionAnswer | CollectRefusal | BillTaken:
    """Fetch the bill, choose a connector, record the payment with its first try, ask for a page.

    A repeat with the same key gets the stored payment. The try is durable before the connector is asked;
    without a page no money can move, so a payment whose page was lost waits for another try.
    """
    known = await world.collections.by_reference(order.client.partner_id, order.reference)
    if known is not None:
        return _answer_repeat(order, known)
    terms = await _work_out_terms(order, world)
    if isinstance(terms, CollectRefusal):
        return terms
    new = _new_collection(order, terms)
    opened = await world.collections.open(new)
    if not isinstance(opened, CollectionOpened):
        return _answer_not_opened(order, opened)
    page = _page_content(new.biller_id, order.language, world)
    await open_page(opened.locked_try, terms.routed, new.first, page, world)
    return CollectionAnswer(await _current_view(order.client.partner_id, opened.locked_try.payment_id, world))


def _answer_not_opened(
    order: ClientCollectOrder, answer: AlreadyOpened | OtherContent | BillTaken
) -> CollectionAnswer | CollectRefusal | BillTaken:
    match answer:
        case AlreadyOpened(view=view):
            return _answer_repeat(order, view)
        case OtherContent():
            return CollectRefusal.KEY_REUSED
        case BillTaken():
            return answer
        case _:
            assert_never(answer)


async def try_again(
    client: Client, payment_id: UUID, instrument: str, world: World, language: PayerLanguage | None = None
) -> PaymentView | NoNewTry | CollectRefusal:
    """Another try of a payment that waits for money: the same or another instrument, always a new page.

    `language` is the payer's, where the client names it.
    """
    if not active_connectors(instrument, world):
        return CollectRefusal.UNKNOWN_INSTRUMENT
    view = await world.collections.view(client.partner_id, payment_id)
    if view is None:
        return NoNewTry(None)
    routed = await route(_request_for_next_try(view, instrument, world), world)
    if isinstance(routed, Decision):
        return _routing_refusal(routed)
    new, older = new_try(routed), world.connectors.by_id(view.connector_id)
    page_expiry_seconds = seconds_until_page_expiry((older or routed.connector).profile)
    opened = await world.collections.open_try(client.partner_id, payment_id, new, page_expiry_seconds)
    if isinstance(opened, NoNewTry):
        return opened
    await open_page(opened, routed, new, _page_content(view.biller_id, language, world), world)
    return await _current_view(client.partner_id, payment_id, world)


async def _work_out_terms(order: ClientCollectOrder, world: World) -> CollectionTerms | CollectRefusal:
    """The priced bill and its connector for this instrument, or why it cannot be collected."""
    connectors = active_connectors(order.instrument, world)
    if not connectors:
        return CollectRefusal.UNKNOWN_INSTRUMENT
    # The connectors of one instrument are of one kind, so the fee is the same for all of them.
    quote = await _quote_bill(order, connectors[0].profile.instrument, world)
    if isinstance(quote, CollectRefusal):
        return quote
    if quote.bill.is_paid or quote.bill.total.minor == 0:
        return CollectRefusal.BILL_ALREADY_PAID
    if order.amount != quote.sums.billed_amount:
        return CollectRefusal.AMOUNT_MISMATCH
    return await _route_quote(order, quote, world)


async def _route_quote(
    order: ClientCollectOrder, quote: Quote, world: World
) -> CollectionTerms | CollectRefusal:
    """The quote with what the chosen connector charges the payer."""
    sums = quote.sums
    request = RouteRequest(
        instrument=order.instrument,
        billed=sums.billed_amount,
        fee=sums.fee,
        vat=sums.vat,
        biller_id=quote.biller_id,
        partner_id=order.client.partner_id,
        at=world.clock.now(),
    )
    routed = await route(request, world)
    if isinstance(routed, Decision):
        return _routing_refusal(routed)
    charge = routed.decision.verdict_on(routed.connector.profile.id).charge
    return CollectionTerms(replace(quote, charge=Money(charge, sums.billed_amount.currency)), routed)


def _request_for_next_try(view: PaymentView, instrument: str, world: World) -> RouteRequest:
    """A route request for a further try; the sums are frozen, and a named connector takes them as is."""
    is_routed = instrument in world.routing.rules.instruments
    return RouteRequest(
        instrument=instrument,
        billed=view.sums.billed_amount,
        fee=view.sums.fee,
        vat=view.sums.vat,
        biller_id=view.biller_id,
        partner_id=view.partner_id,
        at=world.clock.now(),
        charge=view.sums.charge if is_routed else None,
    )


def _routing_refusal(decision: Decision) -> CollectRefusal:
    """Why no connector was left to ask."""
    if is_excluded_by_amount(decision):
        return CollectRefusal.AMOUNT_OUT_OF_RANGE
    return CollectRefusal.INSTRUMENT_UNAVAILABLE


async def _quote_bill(order: ClientCollectOrder, instrument: str, world: World) -> Quote | CollectRefusal:
    biller = world.billers.by_ekpay_id(order.ekpay_biller_id)
    if biller is None:
        return CollectRefusal.UNKNOWN_BILLER
    fields = fields_by_wire_name(biller, order.parameters)
    if fields is None:
        return CollectRefusal.MALFORMED_PARAMETERS
    fetch = FetchOrder(order.client.partner_id, order.reference, order.ekpay_biller_id, fields)
    quote = await quote_for(fetch, instrument, world)
    return quote if isinstance(quote, Quote) else _refusal_of(quote)


def _refusal_of(refusal: Refusal | ParameterFault) -> CollectRefusal:
    if isinstance(refusal, ParameterFault):
        return CollectRefusal.MALFORMED_PARAMETERS
    missing = refusal is Refusal.NO_SUCH_BILL
    return CollectRefusal.BILL_NOT_FOUND if missing else CollectRefusal.BILLER_UNAVAILABLE


def _new_collection(order: ClientCollectOrder, terms: CollectionTerms) -> NewCollection:
    quote = terms.quote
    return NewCollection(
        payment_id=uuid7(),
        partner_id=order.client.partner_id,
        lane=order.client.lane,
        reference=order.reference,
        fingerprint=order.fingerprint,
        biller_id=quote.biller_id,
        bill_key=quote.bill_key,
        bucket=quote.bucket,
        sums=quote.sums,
        biller_quote=quote.bill.biller_quote,
        bill=shown_bill(quote),
        pay_until=quote.expires_at,
        return_url=order.return_url,
        first=new_try(terms.routed),
    )


def _page_content(biller_id: str, language: PayerLanguage | None, world: World) -> PageContent:
    """What the provider's page is told of a bill: the biller's names, and the payer's language."""
    biller = world.billers.by_id(biller_id)
    if biller is None:
        return PageContent(language=language)
    return PageContent(biller.profile.name_en, biller.profile.name_bn, language)


def shown_bill(quote: Quote) -> dict[str, object]:
    """What of the bill its payer may be shown, as text and whole paisa."""
    bill = quote.bill
    return {
        "number": bill.bill_number,
        "account": bill.account,
        "amount": bill.amount.minor,
        "vat": bill.vat.minor,
        "late_fee": bill.late_fee.minor,
        "rounding": bill.rounding.minor,
        "due_on": None if bill.due_on is None else bill.due_on.isoformat(),
        "lines": [line.as_json() for line in bill.charges],
    }


def _answer_repeat(order: ClientCollectOrder, view: PaymentView) -> CollectionAnswer | CollectRefusal:
    if view.fingerprint != order.fingerprint:
        return CollectRefusal.KEY_REUSED
    return CollectionAnswer(view, is_repeat=True)


async def _current_view(partner_id: str, payment_id: UUID, world: World) -> PaymentView:
    view = await world.collections.view(partner_id, payment_id)
    assert view is not None, "a payment that was just written exists"
    return view
