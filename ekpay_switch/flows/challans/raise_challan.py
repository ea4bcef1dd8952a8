"""Raising treasury challans: set the money aside, then pay each line like any partner's payment.

The request and its money are durable before anything is sent to the treasury. Each line has a payment
reference of its own, made with the request, so a repeated call or the worker claims the same payments and
never others.
"""

import hashlib
from collections.abc import Mapping, Sequence

from ekpay_switch import telemetry
from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.challans import (
    BILLER,
    ChallanLine,
    ChallanOrder,
    ChallanRefusal,
    StoredChallan,
    lines_of,
)
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.bills.fetch_bill import PARTNER_INSTRUMENT, FetchOrder, ParameterFault, quote_for
from ekpay_switch.flows.payments.pay_bill import PartnerPayOrder, pay_bill
from ekpay_switch.ports.challans import ChallanPorts
from ekpay_switch.security.identifiers import uuid7

HOLD_SECONDS = 60.0
NO_QUOTE = "-"  # no quote has this id: a claim on it burns its reference
# A retry may succeed after these, so the line stays open.
_TEMPORARY = frozenset({Refusal.BILLER_UNAVAILABLE, Refusal.UNKNOWN_BILLER})


async def raise_challan(order: ChallanOrder, ports: ChallanPorts) -> StoredChallan | ChallanRefusal:
    """Store a request and pay its lines; a repeat finds the stored request and continues it.

    No money moves unless the treasury would accept every line.
    """
    standing = await ports.challans.by_request(order.partner_id, order.request_id)
    if standing is None:
        opened = await _open_challan(order, ports)
        if isinstance(opened, ChallanRefusal):
            return opened
        standing = opened
    if standing.fingerprint != order.fingerprint:
        return ChallanRefusal.OTHER_CONTENT
    return await continue_challan(standing, ports)


async def continue_challan(challan: StoredChallan, ports: ChallanPorts) -> StoredChallan:
    """Pay the lines that have no payment yet, record the ends of the others; the request afterwards."""
    if not challan.open_lines:
        return challan
    for standing in challan.open_lines:
        if standing.state is None:
            await _pay_line(challan, standing.line, ports)
        end = await ports.challans.end_line(challan, standing.line)
        telemetry.log("challan_line", reference=standing.line.reference, outcome=end)
    return await ports.challans.by_request(challan.partner_id, challan.request_id) or challan


async def _open_challan(order: ChallanOrder, ports: ChallanPorts) -> StoredChallan | ChallanRefusal:
    challan_id = uuid7()
    lines = lines_of(challan_id, order, ports.accounts)
    if isinstance(lines, ChallanRefusal):
        return lines
    refusal = await _refusal_of_lines(order, lines, ports)
    if refusal is not None:
        return refusal
    connectors = [connector.profile.id for connector in ports.world.connectors.all()]
    return await ports.challans.set_aside(order, challan_id, lines, connectors, HOLD_SECONDS)


async def _refusal_of_lines(
    order: ChallanOrder, lines: Sequence[ChallanLine], ports: ChallanPorts
) -> ChallanRefusal | None:
    for line in lines:
        quote = await _quote_line(order.partner_id, order.payer, line, ports)
        if isinstance(quote, Refusal):
            return ChallanRefusal.UNAVAILABLE if quote in _TEMPORARY else ChallanRefusal.NOT_TAKEN
    return None


async def _pay_line(challan: StoredChallan, line: ChallanLine, ports: ChallanPorts) -> None:
    """Claim the line's payment and deliver it; a line that can no longer be quoted burns its reference.

    Only a stored, refused payment lets its money move back, since it cannot be claimed later.
    """
    world = ports.world
    quote = await _quote_line(challan.partner_id, challan.payer, line, ports)
    if isinstance(quote, Refusal) and quote in _TEMPORARY:
        return
    if isinstance(quote, Quote):
        await world.payments.save_quote(quote)
    biller = world.billers.by_id(BILLER)
    assert biller is not None, "without it the quote was refused"
    order = PartnerPayOrder(
        partner_id=challan.partner_id,
        lane=challan.lane,
        reference=line.reference,
        fingerprint=hashlib.sha256(f"challan-line-1\x1f{line.reference}".encode()).digest(),
        quote_id=quote.quote_id if isinstance(quote, Quote) else NO_QUOTE,
        ekpay_biller_id=biller.profile.ekpay_id,
        paid=line.amount,
        stated_total=None,
        stated_fee=None,
        answer_before=world.clock.monotonic(),
    )
    await pay_bill(order, world)


async def _quote_line(
    partner_id: str, payer: Mapping[str, str], line: ChallanLine, ports: ChallanPorts
) -> Quote | Refusal:
    """The treasury's quote for the line; a refusal where it is not exactly the amount that is set aside."""
    biller = ports.world.billers.by_id(BILLER)
    if biller is None:
        return Refusal.UNKNOWN_BILLER
    values = {
        **payer,
        "economic_code": line.head.economic_code,
        "organization_code": line.head.organization_code,
        "amount": format_taka(line.amount.minor).removesuffix(".00"),
    }
    profile = biller.profile
    fields = {entry.wire_name: values[entry.name] for entry in profile.parameters if entry.name in values}
    fetch_order = FetchOrder(partner_id, line.reference, profile.ekpay_id, fields)
    quote = await quote_for(fetch_order, PARTNER_INSTRUMENT, ports.world)
    if isinstance(quote, Quote) and quote.sums.total != line.amount:
        telemetry.log_warning("challan_costs_more", reference=line.reference)
        return Refusal.AMOUNT_DIFFERS
    return Refusal.MALFORMED if isinstance(quote, ParameterFault) else quote
