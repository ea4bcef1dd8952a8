"""Raising treasury challans: set the money aside, then pay each line like any partner's payment.

The request and the money it spends are durable before the treasury hears of it. Each line has a payment
reference of its own, made with the request, so whoever takes a request up again, a repeated call or the
worker, claims the same payments and never others.
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
    ChallanStanding,
    lines_of,
)
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.fetch_bill import PARTNER_INSTRUMENT, FetchOrder, quote_for
from ekpay_switch.flows.pay_bill import PayOrderOfPartner, pay_bill
from ekpay_switch.ports.challans import TreasuryOffice
from ekpay_switch.security.identifiers import uuid7

HOLD_SECONDS = 60.0
NO_QUOTE = "-"  # no quote has this id: a claim on it burns its reference
# Nobody knows whether the next asking ends alike, so the line stays open.
_PASSING = frozenset({Refusal.BILLER_UNAVAILABLE, Refusal.UNKNOWN_BILLER})


async def raise_challan(order: ChallanOrder, office: TreasuryOffice) -> ChallanStanding | ChallanRefusal:
    """Take a request on and see its lines through; a repeat finds its request and goes on with it.

    Nothing moves for a request of which the treasury would not take every line.
    """
    standing = await office.challans.by_request(order.partner_id, order.request_id)
    if standing is None:
        taken = await _take_on(order, office)
        if isinstance(taken, ChallanRefusal):
            return taken
        standing = taken
    if standing.fingerprint != order.fingerprint:
        return ChallanRefusal.OTHER_CONTENT
    return await take_up_challan(standing, office)


async def take_up_challan(challan: ChallanStanding, office: TreasuryOffice) -> ChallanStanding:
    """Pay the lines that were not paid yet, write down how others ended; the request as it stands then."""
    if not challan.open_lines:
        return challan
    for standing in challan.open_lines:
        if standing.state is None:
            await _pay(challan, standing.line, office)
        end = await office.challans.end_line(challan, standing.line)
        telemetry.log("challan_line", reference=standing.line.reference, outcome=end)
    return await office.challans.by_request(challan.partner_id, challan.request_id) or challan


async def _take_on(order: ChallanOrder, office: TreasuryOffice) -> ChallanStanding | ChallanRefusal:
    challan_id = uuid7()
    lines = lines_of(challan_id, order, office.accounts)
    if isinstance(lines, ChallanRefusal):
        return lines
    refusal = await _why_not_taken(order, lines, office)
    if refusal is not None:
        return refusal
    connectors = [connector.profile.id for connector in office.world.connectors.all()]
    return await office.challans.set_aside(order, challan_id, lines, connectors, HOLD_SECONDS)


async def _why_not_taken(
    order: ChallanOrder, lines: Sequence[ChallanLine], office: TreasuryOffice
) -> ChallanRefusal | None:
    for line in lines:
        quote = await _quote(order.partner_id, order.payer, line, office)
        if isinstance(quote, Refusal):
            return ChallanRefusal.UNAVAILABLE if quote in _PASSING else ChallanRefusal.NOT_TAKEN
    return None


async def _pay(challan: ChallanStanding, line: ChallanLine, office: TreasuryOffice) -> None:
    """Claim the line's payment and deliver it; one that cannot be quoted any more burns its reference.

    Only a payment that stands, and stands refused, lets its money move back: nobody can claim it later.
    """
    world = office.world
    quote = await _quote(challan.partner_id, challan.payer, line, office)
    if isinstance(quote, Refusal) and quote in _PASSING:
        return
    if isinstance(quote, Quote):
        await world.payments.save_quote(quote)
    biller = world.billers.by_id(BILLER)
    assert biller is not None, "without it the quote was refused"
    order = PayOrderOfPartner(
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


async def _quote(
    partner_id: str, payer: Mapping[str, str], line: ChallanLine, office: TreasuryOffice
) -> Quote | Refusal:
    """What the treasury would take for the line: exactly its amount, since exactly that is set aside."""
    biller = office.world.billers.by_id(BILLER)
    if biller is None:
        return Refusal.UNKNOWN_BILLER
    told = {
        **payer,
        "economic_code": line.head.economic_code,
        "organization_code": line.head.organization_code,
        "amount": format_taka(line.amount.minor).removesuffix(".00"),
    }
    profile = biller.profile
    fields = {entry.wire_name: told[entry.name] for entry in profile.parameters if entry.name in told}
    asked = FetchOrder(partner_id, line.reference, profile.ekpay_id, fields)
    quote = await quote_for(asked, PARTNER_INSTRUMENT, office.world)
    if isinstance(quote, Quote) and quote.sums.total != line.amount:
        telemetry.log_warning("challan_costs_more", reference=line.reference)
        return Refusal.AMOUNT_DIFFERS
    return quote
