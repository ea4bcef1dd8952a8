"""Serving a payer at an agent's counter: show the bill, take the cash, pay from the agent's prefund.

The operator sees the bill first, which is stored with its quote. Confirming it is durable before the payment
is claimed, and the payment has a reference made with the order, so a repeated press pays once. Whatever
answer is lost, the order's page tells from the books how it stands.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.agents.counter import AgentOperator, AgentOrder, CashDrawer, OrderOutcome
from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.carts.bill_cart import CartRefusal
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.bills.fetch_bill import FetchOrder, ParameterFault, fields_by_wire_name, quote_for
from ekpay_switch.flows.carts.fill_cart import ACTIVE, cart_bill
from ekpay_switch.flows.payments.pay_bill import PartnerPayOrder, pay_bill
from ekpay_switch.ports.agents import AgentPorts, NewAgentOrder
from ekpay_switch.security.identifiers import uuid7

AGENT_INSTRUMENT = "agent"
"""What a payment at a counter is priced by in config/fees.toml."""
_PAYABLE = frozenset({OrderOutcome.QUOTED, OrderOutcome.BEGUN})


class CounterRefusal(StrEnum):
    """Why an order was not paid; nothing was claimed."""

    OLD = "old"  # its quote is over: the bill is fetched anew
    DRAWER_CLOSED = "drawer_closed"  # or it was taken at another drawer


async def fetch_for_payer(
    operator: AgentOperator, drawer: CashDrawer, biller_id: str, fields: Mapping[str, str], ports: AgentPorts
) -> UUID | CartRefusal | Refusal | ParameterFault:
    """Fetch a bill by the manifest's parameters, price it and store it as an order; the id of the order."""
    world = ports.world
    biller = world.billers.by_id(biller_id)
    if biller is None or biller.profile.status != ACTIVE:
        return Refusal.UNKNOWN_BILLER
    wire_fields = fields_by_wire_name(biller, fields)
    if wire_fields is None:
        return ParameterFault("", "is no parameter of this biller")
    fetch = FetchOrder(
        operator.partner_id, f"agent-fetch:{uuid7().hex}", biller.profile.ekpay_id, wire_fields
    )
    quote = await quote_for(fetch, AGENT_INSTRUMENT, world)
    if not isinstance(quote, Quote):
        return quote
    if quote.bill.is_paid or quote.bill.total.minor <= 0:
        return CartRefusal.ALREADY_PAID
    await world.payments.save_quote(quote)
    bill = cart_bill(quote, fields, world.clock.now())
    charges = quote.sums.fee + quote.sums.vat
    new = NewAgentOrder(uuid7(), drawer.drawer_id, operator.partner_id, bill, charges)
    await ports.counter.put_order(new)
    return new.order_id


async def find_order(operator: AgentOperator, order_id: UUID, ports: AgentPorts) -> AgentOrder | None:
    """An order of the operator's agent as it stands.

    One whose payment a restore of the database has lost is under way until that is known.
    """
    order = await ports.counter.order(operator.partner_id, order_id)
    if order is None or order.begun_at is None or order.state is not None:
        return order
    is_lost = await ports.world.lost_payments.is_lost(operator.partner_id, order.reference)
    return replace(order, state=State.DELIVERING) if is_lost else order


async def pay_order(
    operator: AgentOperator, drawer: CashDrawer, order: AgentOrder, ports: AgentPorts
) -> CounterRefusal | Refusal | None:
    """Confirm an order whose cash is in the drawer, and pay its bill from the agent's prefund.

    None once its payment is in the books, whatever becomes of it; a repeat pays nothing again. An order that
    a refusal answers has no payment, and the same order may be paid while its quote is alive.
    """
    if order.outcome not in _PAYABLE:
        return CounterRefusal.OLD if order.outcome is OrderOutcome.OLD else None
    world = ports.world
    biller = world.billers.by_id(order.bill.biller_id)
    if biller is None:
        return Refusal.UNKNOWN_BILLER
    if not await ports.counter.confirm(order.order_id, drawer.drawer_id):
        return CounterRefusal.DRAWER_CLOSED
    pay = PartnerPayOrder(
        partner_id=operator.partner_id,
        lane=operator.lane,
        reference=order.reference,
        fingerprint=hashlib.sha256(f"agent-order-1\x1f{order.reference}".encode()).digest(),
        quote_id=order.bill.quote_id,
        ekpay_biller_id=biller.profile.ekpay_id,
        paid=order.bill.amount,
        stated_total=None,
        stated_fee=None,
        answer_before=world.clock.monotonic(),
    )
    answer = await pay_bill(pay, world)
    outcome = answer if isinstance(answer, Refusal) else answer.state
    telemetry.log("agent_order", reference=order.reference, outcome=outcome)
    return answer if isinstance(answer, Refusal) else None
