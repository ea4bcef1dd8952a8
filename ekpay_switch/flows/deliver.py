"""Telling a biller about a payment whose money is held, and recording what it answered."""

from ekpay_switch import telemetry
from ekpay_switch.domain.claims import Started
from ekpay_switch.domain.delivery import (
    AttemptEnd,
    Delivery,
    PayOrder,
    RecordAnswer,
    Recording,
    plan_outcome,
)
from ekpay_switch.domain.posting_rules import prefund_account
from ekpay_switch.ports import BillerAdapter, World


async def deliver(started: Started, send_before: float, biller: BillerAdapter, world: World) -> RecordAnswer:
    """Send once, then write one of the four outcomes; a doubt leaves the payment open for the resolver."""
    claim, quote = started.claim, started.quote
    delivery = Delivery(
        payment_id=claim.payment_id,
        attempt_id=claim.attempt_id,
        partner_id=claim.partner_id,
        lane=claim.lane,
        epoch=1,
        biller_id=claim.biller_id,
        prefund=prefund_account(claim.partner_id, quote.bucket),
        sums=quote.sums,
    )
    order = PayOrder(
        payment_id=claim.payment_id,
        biller_id=claim.biller_id,
        reference=claim.attempt_reference,
        sums=quote.sums,
        biller_quote=quote.biller_quote,
        scroll_no=started.scroll_no,
        business_date=started.business_date,
        send_before=send_before,
    )
    return await send_and_record(delivery, order, biller, world)


async def send_and_record(
    delivery: Delivery, order: PayOrder, biller: BillerAdapter, world: World
) -> RecordAnswer:
    """One send of one attempt and its durable outcome, the first time or again."""
    asked_at = world.clock.monotonic()
    outcome = await biller.pay(order)
    plan = plan_outcome(delivery, outcome)
    telemetry.WIRE_SECONDS.labels(delivery.biller_id).observe(world.clock.monotonic() - asked_at)
    telemetry.WIRE_CALLS.labels(delivery.biller_id, plan.end).inc()
    telemetry.log(
        "biller_answered", payment_id=delivery.payment_id, biller_id=delivery.biller_id, outcome=plan.end
    )
    is_open = plan.end == AttemptEnd.IN_DOUBT
    ask_again = biller.profile.timing.next_ask_seconds(0) if is_open else None
    return await world.payments.record(Recording(delivery, plan, ask_again))
