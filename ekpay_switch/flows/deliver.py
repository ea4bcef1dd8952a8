"""Telling a biller about a payment whose money is held, and recording what it answered."""

from dataclasses import replace

from ekpay_switch import telemetry
from ekpay_switch.domain.asking import Timing
from ekpay_switch.domain.claims import Started
from ekpay_switch.domain.delivery import (
    AttemptEnd,
    Delivery,
    NextSend,
    PayOrder,
    Plan,
    RecordAnswer,
    Recording,
    Stale,
    plan_outcome,
)
from ekpay_switch.domain.outcome import Approved, Outcome, named
from ekpay_switch.domain.posting_rules import prefund_account
from ekpay_switch.ports import BillerAdapter, World


async def deliver(started: Started, send_before: float, biller: BillerAdapter, world: World) -> RecordAnswer:
    """Tell the biller, then write one of the four outcomes; a doubt leaves the payment to the resolver."""
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
        step=claim.step,
    )
    return await send_and_record(delivery, order, biller, world)


async def send_and_record(
    delivery: Delivery, order: PayOrder, biller: BillerAdapter, world: World
) -> RecordAnswer:
    """Send the order's step and those after it, each durable before it is sent, then write the outcome.

    A step that is not approved ends the row: the resolver takes it up from what the biller then says.
    """
    steps, timing = biller.profile.steps, biller.profile.timing
    outcome = await _send(delivery, order, biller, world)
    for step in steps[steps.index(order.step) + 1 :]:
        if not isinstance(outcome, Approved):
            break
        send_before = world.clock.monotonic() + timing.send_seconds
        following = NextSend(
            delivery, step, delivery.sends, timing.send_seconds, timing.hold_seconds, outcome.facts
        )
        begun = await world.payments.begin_send(following)
        if isinstance(begun, Stale):
            return begun
        order = replace(order, step=step, send_before=send_before)
        outcome = await _send(delivery, order, biller, world)
    plan = plan_outcome(delivery, outcome, is_first_step=order.step == steps[0])
    return await world.payments.record(Recording(delivery, plan, _ask_again_seconds(delivery, plan, timing)))


def _ask_again_seconds(delivery: Delivery, plan: Plan, timing: Timing) -> float | None:
    """When the biller is asked about what it answered: never, where the answer is the end of it.

    A payer's money that is to go back, or a biller that could not be reached, is somebody's work as well.
    """
    if plan.end == AttemptEnd.IN_DOUBT:
        return timing.next_ask_seconds(delivery.asked)
    if delivery.collected_by and plan.end != AttemptEnd.APPROVED:
        return 0.0 if plan.refusal is not None else timing.next_ask_seconds(0)
    # Given back after a second sending, the first may still arrive.
    is_watched = plan.refusal is not None and delivery.sends > 1
    return timing.ask_every_seconds if is_watched else None


async def _send(delivery: Delivery, order: PayOrder, biller: BillerAdapter, world: World) -> Outcome:
    asked_at = world.clock.monotonic()
    outcome = await biller.pay(order)
    end = named(outcome)
    telemetry.WIRE_SECONDS.labels(delivery.biller_id).observe(world.clock.monotonic() - asked_at)
    telemetry.WIRE_CALLS.labels(delivery.biller_id, end).inc()
    telemetry.log(
        "biller_answered",
        payment_id=delivery.payment_id,
        biller_id=delivery.biller_id,
        step=order.step,
        outcome=end,
    )
    return outcome
