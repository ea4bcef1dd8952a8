"""Collecting a payment from a payer: the bill, the payment, the page (architecture.md 4).

What happens once the payer is on the page is `follow_up`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from ekpay_switch.biller_ports import BillerAdapter
from ekpay_switch.collect_ports import (
    AlreadyOpened,
    BillHeld,
    Client,
    NoNewTry,
    Opened,
    OtherContent,
    PaymentView,
)
from ekpay_switch.connector_ports import Connector
from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.collecting import Created
from ekpay_switch.domain.funding import (
    CameToNothing,
    Finding,
    HeldTry,
    NewCollection,
    NewTry,
    PageOpened,
    TryEnd,
)
from ekpay_switch.domain.money import Money, percent_half_up
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.fetch_bill import FetchOrder, quote_for
from ekpay_switch.flows.follow_up import log_answer, record_finding
from ekpay_switch.ports import World
from ekpay_switch.security.identifiers import unguessable, uuid7

RETURN_PATH = "/pay/return"
CALLBACK_PATH = "/callbacks"


class CollectRefusal(StrEnum):
    """Why a payment was not made; nothing was written. The words are the codes of REST v1."""

    UNKNOWN_BILLER = "unknown_biller"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    MALFORMED_PARAMETERS = "validation_failed"
    BILL_NOT_FOUND = "bill_not_found"
    BILL_ALREADY_PAID = "bill_already_paid"
    AMOUNT_MISMATCH = "amount_mismatch"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    BILLER_UNAVAILABLE = "biller_unavailable"
    KEY_REUSED = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class CollectOrderOfClient:
    """A client's order to collect a bill from a payer, as read from its request.

    `reference` is its idempotency key in our name space, `fingerprint` covers what a repeat must equal.
    `amount` is what the biller is to be paid. The return URL was checked against the client's hosts.
    """

    client: Client
    reference: str
    fingerprint: bytes
    ekpay_biller_id: str
    parameters: Mapping[str, str]
    amount: Money
    instrument: str
    return_url: str


@dataclass(frozen=True, slots=True)
class Collecting:
    """The payment as it stands now; `is_repeat` where the same order came before."""

    view: PaymentView
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What a payment would come to: the priced bill, and who would collect it."""

    quote: Quote
    connector: Connector


async def collect(order: CollectOrderOfClient, world: World) -> Collecting | CollectRefusal | BillHeld:
    """Fetch the bill, record the payment with its first try, ask the connector for a page.

    Whoever comes with the same key gets this payment's truth. The try is durable before the connector is
    asked; without a page no money can move, so a payment whose page was lost simply waits for another try.
    """
    known = await world.collections.by_reference(order.client.partner_id, order.reference)
    if known is not None:
        return _repeated(order, known)
    terms = await _terms(order, world)
    if isinstance(terms, CollectRefusal):
        return terms
    opened = await world.collections.open(_new_collection(order, terms))
    if not isinstance(opened, Opened):
        return _not_opened(order, opened)
    await _open_page(opened.held, terms.connector, world)
    return Collecting(await _now(order.client.partner_id, opened.held.payment_id, world))


def _not_opened(
    order: CollectOrderOfClient, answer: AlreadyOpened | OtherContent | BillHeld
) -> Collecting | CollectRefusal | BillHeld:
    match answer:
        case AlreadyOpened(view=view):
            return _repeated(order, view)
        case OtherContent():
            return CollectRefusal.KEY_REUSED
        case BillHeld():
            return answer
        case _:
            assert_never(answer)


async def try_again(
    client: Client, payment_id: UUID, instrument: str, world: World
) -> PaymentView | NoNewTry | CollectRefusal:
    """Another try of a payment that waits for money: the same or another instrument, always a new page."""
    connector = _usable(instrument, world)
    if connector is None:
        return CollectRefusal.UNKNOWN_INSTRUMENT
    view = await world.collections.view(client.partner_id, payment_id)
    if view is None:
        return NoNewTry(None)
    # Where the payer's agreement alone moves money, an older page could still be paid beside the new one.
    older = world.connectors.by_id(view.connector_id)
    is_our_word_missing = older is not None and older.profile.executes
    is_safe_after = 0.0 if is_our_word_missing else (older or connector).profile.page_life_seconds
    held = await world.collections.open_try(client.partner_id, payment_id, _new_try(connector), is_safe_after)
    if isinstance(held, NoNewTry):
        return held
    await _open_page(held, connector, world)
    return await _now(client.partner_id, payment_id, world)


async def _open_page(held: HeldTry, connector: Connector, world: World) -> None:
    profile = connector.profile
    send_before = world.clock.monotonic() + profile.timing.send_seconds
    order = replace(
        held.order,
        return_url=f"{world.public_url}{RETURN_PATH}/{held.order.reference}",
        notify_url=f"{world.public_url}{CALLBACK_PATH}/{profile.id}",
        send_before=send_before,
    )
    outcome = await connector.create(order)
    log_answer(held, "page_asked_for", outcome)
    match outcome:
        case Created():
            first_ask = (*profile.page_ask_after_seconds, profile.page_life_seconds)[0]
            finding: Finding = PageOpened(outcome, first_ask, profile.page_life_seconds)
        case Declined(reason=reason, code=code):
            finding = CameToNothing(TryEnd.DECLINED, f"{reason} {code}".rstrip())
        case Unreached(why=why):
            finding = CameToNothing(TryEnd.UNREACHED, why)
        case InDoubt(why=why):
            finding = CameToNothing(TryEnd.NO_PAGE, why)
        case _:
            assert_never(outcome)
    await record_finding(held, finding, world)


def _usable(instrument: str, world: World) -> Connector | None:
    connector = world.connectors.by_id(instrument)
    return connector if connector is not None and connector.profile.status == "active" else None


async def _terms(order: CollectOrderOfClient, world: World) -> Terms | CollectRefusal:
    """The bill with all that is added to it for this instrument, or why it cannot be collected so."""
    connector = _usable(order.instrument, world)
    if connector is None:
        return CollectRefusal.UNKNOWN_INSTRUMENT
    quote = await _quoted(order, connector.profile.instrument, world)
    if isinstance(quote, CollectRefusal):
        return quote
    profile = connector.profile
    charge = percent_half_up(quote.sums.billed.minor, profile.payer_charge_basis_points)
    charged = replace(quote, charge=Money(charge, quote.bill.total.currency))
    is_in_range = profile.amount_min <= charged.sums.total <= profile.amount_max
    checks = (
        (CollectRefusal.BILL_ALREADY_PAID, quote.bill.is_paid or quote.bill.total.minor == 0),
        (CollectRefusal.AMOUNT_MISMATCH, order.amount != quote.sums.billed),
        (CollectRefusal.AMOUNT_OUT_OF_RANGE, not is_in_range),
    )
    refusal = next((refusal for refusal, applies in checks if applies), None)
    return Terms(charged, connector) if refusal is None else refusal


async def _quoted(order: CollectOrderOfClient, instrument: str, world: World) -> Quote | CollectRefusal:
    biller = world.billers.by_ekpay_id(order.ekpay_biller_id)
    if biller is None:
        return CollectRefusal.UNKNOWN_BILLER
    fields = _by_wire_name(biller, order.parameters)
    if fields is None:
        return CollectRefusal.MALFORMED_PARAMETERS
    fetch = FetchOrder(order.client.partner_id, order.reference, order.ekpay_biller_id, fields)
    quote = await quote_for(fetch, instrument, world)
    if isinstance(quote, Refusal):
        return _WHY.get(quote, CollectRefusal.BILLER_UNAVAILABLE)
    return quote


_WHY = {
    Refusal.MALFORMED: CollectRefusal.MALFORMED_PARAMETERS,
    Refusal.NO_SUCH_BILL: CollectRefusal.BILL_NOT_FOUND,
}


def _by_wire_name(biller: BillerAdapter, parameters: Mapping[str, str]) -> dict[str, str] | None:
    """The parameters as a fetch takes them; None where one is none of this biller's."""
    wire_names = {parameter.name: parameter.wire_name for parameter in biller.profile.parameters}
    if not parameters.keys() <= wire_names.keys():
        return None
    return {wire_names[name]: text for name, text in parameters.items()}


def _new_collection(order: CollectOrderOfClient, terms: Terms) -> NewCollection:
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
        first=_new_try(terms.connector),
    )


def shown_bill(quote: Quote) -> dict[str, object]:
    """What the bill's payer may be shown of it: text and whole paisa."""
    bill = quote.bill
    return {
        "number": bill.bill_number,
        "account": bill.account,
        "amount": bill.amount.minor,
        "vat": bill.vat.minor,
        "late_fee": bill.late_fee.minor,
        "rounding": bill.rounding.minor,
        "due_on": None if bill.due_on is None else bill.due_on.isoformat(),
        "lines": [{"label": line.label, "amount": line.amount.minor} for line in bill.charges],
    }


def _new_try(connector: Connector) -> NewTry:
    profile = connector.profile
    reference = unguessable(profile.reference_length)
    return NewTry(uuid7(), reference, profile.id, profile.timing.send_seconds, profile.timing.lease_seconds)


def _repeated(order: CollectOrderOfClient, view: PaymentView) -> Collecting | CollectRefusal:
    if view.fingerprint != order.fingerprint:
        return CollectRefusal.KEY_REUSED
    return Collecting(view, is_repeat=True)


async def _now(partner_id: str, payment_id: UUID, world: World) -> PaymentView:
    view = await world.collections.view(partner_id, payment_id)
    assert view is not None, "a payment that was just written stands"
    return view
