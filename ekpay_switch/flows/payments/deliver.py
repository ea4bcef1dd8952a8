"""Sending a funded payment to its biller, and recording the answer.

A biller may have a second route. It is taken once, only where the first was unreached or gave one of the few
declines that its manifest names (ADR 0005), and its send is durable before it happens. From then on the
payment is pinned to it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError
from ekpay_switch.domain.ledger.posting_rules import prefund_account
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    Outcome,
    Unreached,
    may_try_another_route,
    outcome_name,
)
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.payments.delivery import (
    FINAL_RECEIPT,
    AttemptEnd,
    Delivery,
    DeliveryPlan,
    NextSend,
    PayOrder,
    RecordAnswer,
    Recorded,
    Recording,
    Stale,
    plan_outcome,
)
from ekpay_switch.domain.payments.inquiries import Timing
from ekpay_switch.domain.payments.sends import PrefundClaim, Send, SendKind, prefund_claim
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile
from ekpay_switch.ports.sends import NO_JOURNAL
from ekpay_switch.ports.world import World


async def deliver(
    started: StartedClaim, send_before: float, biller: BillerAdapter, world: World
) -> RecordAnswer:
    """Send the payment, then record one of the four outcomes; a doubt is left to the resolver."""
    claim, quote = started.claim, started.quote
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
    delivery = delivery_of(started, biller.profile)
    return await send_and_record(delivery, order, biller, world, prefund_claim(started))


def delivery_of(started: StartedClaim, profile: BillerProfile) -> Delivery:
    """The delivery that a claim has started, under its first epoch."""
    claim, quote = started.claim, started.quote
    return Delivery(
        payment_id=claim.payment_id,
        attempt_id=claim.attempt_id,
        partner_id=claim.partner_id,
        lane=claim.lane,
        epoch=1,
        biller_id=claim.biller_id,
        prefund=prefund_account(claim.partner_id, quote.bucket),
        sums=quote.sums,
        terms=profile.terms,
    )


async def send_and_record(
    delivery: Delivery,
    order: PayOrder,
    biller: BillerAdapter,
    world: World,
    claim: PrefundClaim | None = None,
) -> RecordAnswer:
    """Send the order's step and those after it, each durable before it is sent, then write the outcome.

    A step that is not approved ends the sequence: the resolver continues it by the biller's later answers.
    The sends journal keeps the `claim` with each step: where the payment was never claimed, as after a
    restore, it is booked again from there.
    """
    profile = biller.profile
    is_first_step = order.step in {profile.steps[0], profile.second_route}
    outcome = await _send(delivery, order, claim, biller, world)
    for step in _steps_after(order.step, profile, delivery.sends):
        if not _goes_on(outcome, step, profile):
            break
        is_first_step = step == profile.second_route
        send_before = await _begin(delivery, step, _evidence_of(outcome), profile, world)
        if isinstance(send_before, Stale):
            return send_before
        order = replace(order, step=step, send_before=send_before)
        outcome = await _send(delivery, order, claim, biller, world)
    plan = plan_outcome(delivery, outcome, is_first_step=is_first_step)
    return await record_plan(delivery, plan, biller, world)


async def record_plan(
    delivery: Delivery, plan: DeliveryPlan, biller: BillerAdapter, world: World
) -> RecordAnswer:
    """Write what an answer leads to, and raise the alarm of a receipt that was used before."""
    again = _ask_again_seconds(delivery, plan, biller.profile.timing)
    try:
        recorded = await world.payments.record(Recording(delivery, plan, again))
    except OverloadedError as error:
        # The biller was told already, so "nothing was done" would be a lie to who asks.
        raise CommitUnknownError from error
    if isinstance(recorded, Recorded) and recorded.receipt_was_taken:
        world.alarms.announce(Alarm.RECEIPT_USED_TWICE, delivery.payment_id)
    return recorded


def _steps_after(step: str, profile: BillerProfile, sends: int) -> tuple[str, ...]:
    """What may still be sent after a step: the later ones, or, once, the second route after the first.

    After a proven loss there is no second route: what was lost on the first may yet arrive there.
    """
    if step == profile.second_route:
        return ()
    if profile.second_route and sends == 1:
        return (profile.second_route,)
    return profile.steps[profile.steps.index(step) + 1 :]


def _goes_on(outcome: Outcome, step: str, profile: BillerProfile) -> bool:
    """A further step follows an approval, the second route an outcome after which no money can have moved."""
    if step == profile.second_route:
        return may_try_another_route(outcome)
    return isinstance(outcome, Approved)


def _evidence_of(outcome: Outcome) -> Mapping[str, str]:
    """What is kept of an answer before the next send: an approval's facts, else the outcome and why."""
    match outcome:
        case Approved(facts=facts):
            return facts
        case Declined(reason=reason, code=code):
            return {"outcome": outcome_name(outcome), "reason": reason, "code": code}
        case Unreached(why=why) | InDoubt(why=why):
            return {"outcome": outcome_name(outcome), "why": why}
        case _:
            assert_never(outcome)


async def _begin(
    delivery: Delivery, step: str, answered: Mapping[str, str], profile: BillerProfile, world: World
) -> float | Stale:
    """Make one more send durable; its monotonic send deadline, or Stale where it is no longer ours."""
    timing = profile.timing
    send_before = world.clock.monotonic() + timing.send_seconds
    following = NextSend(delivery, step, delivery.sends, timing.send_seconds, timing.hold_seconds, answered)
    answer = await world.payments.begin_send(following)
    return answer if isinstance(answer, Stale) else send_before


def _ask_again_seconds(delivery: Delivery, plan: DeliveryPlan, timing: Timing) -> float | None:
    """Seconds to the next inquiry or retry after an answer; None where nothing is left to do.

    Refunding a payer's money, or retrying an unreached biller, is also due then.
    """
    if plan.end == AttemptEnd.IN_DOUBT:
        return timing.next_ask_seconds(delivery.questions)
    if plan.end in {AttemptEnd.APPROVED, AttemptEnd.DISAGREED}:
        comes_later = delivery.terms.receipt_comes_later and FINAL_RECEIPT not in plan.facts
        return timing.next_ask_seconds(0) if comes_later and plan.end == AttemptEnd.APPROVED else None
    if delivery.collected_by:
        return 0.0 if plan.refusal is not None else timing.next_ask_seconds(0)
    # After a second send and a give-back, the first send may still arrive.
    is_watched = plan.refusal is not None and delivery.sends > 1
    return timing.ask_every_seconds if is_watched else None


async def _send(
    delivery: Delivery, order: PayOrder, claim: PrefundClaim | None, biller: BillerAdapter, world: World
) -> Outcome:
    """Send one step; not without its line in the sends journal, which is all that a restore leaves of it."""
    asked_at = world.clock.monotonic()
    if world.sends.write(_sent(delivery, order, claim, world)):
        outcome = await biller.pay(order)
    else:
        outcome = Unreached(NO_JOURNAL)
    end = outcome_name(outcome)
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


def _sent(delivery: Delivery, order: PayOrder, claim: PrefundClaim | None, world: World) -> Send:
    now = world.clock.now()
    return Send(
        kind=SendKind.PAY,
        far_side=delivery.biller_id,
        reference=order.reference,
        step=order.step,
        payment_id=delivery.payment_id,
        partner_id=delivery.partner_id,
        amount=order.sums.billed_amount,
        sent_at=now,
        send_until=now + timedelta(seconds=max(order.send_before - world.clock.monotonic(), 0.0)),
        sends=delivery.sends,
        order=order,
        claim=claim,
    )
