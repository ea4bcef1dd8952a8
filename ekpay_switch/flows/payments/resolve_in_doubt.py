"""Resolving payments in doubt (architecture.md 5).

The resolver inquires on schedule and within the far side's budget, and only a proof ends the doubt. A
statement of a settlement file triggers an inquiry at once and counts beside the answer; alone it counts only
where the far side cannot be asked.
"""

from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.collections.file_proofs import (
    SAYS_DONE,
    FileProof,
    FileStep,
    proof_of,
    step_without_inquiry,
)
from ekpay_switch.domain.outcome import HalfDone, Inquiry, NoAnswer, NotFound, Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.after_give_back import KnownHolding, is_known_holding
from ekpay_switch.domain.payments.delivery import (
    FINAL_RECEIPT,
    Delivery,
    NextSend,
    PayOrder,
    Recording,
    Stale,
    plan_half_done,
    plan_posted,
    plan_receipt,
)
from ekpay_switch.domain.payments.inquiries import (
    NextStep,
    final_not_found_at,
    is_watched,
    next_step_after_not_found,
    send_date,
)
from ekpay_switch.flows.payments.deliver import record_plan, send_and_record
from ekpay_switch.flows.payments.give_back import give_back
from ekpay_switch.flows.payments.inquiry_budget import may_ask
from ekpay_switch.flows.payments.undo import undo_late_success
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import LeasedPayment, World

LOOK_AGAIN_SECONDS = 3_600.0
_DECIDED = "two persons have decided about what the biller holds"


async def resolve_in_doubt(leased: LeasedPayment, world: World) -> None:
    """Inquire once about one payment that we hold under a fresh epoch, and do what the answer allows."""
    if leased.undo_wanted and leased.state is State.REFUNDED:
        await undo_late_success(leased, world)
        return
    biller = world.billers.by_id(leased.delivery.biller_id)
    if biller is None or not biller.profile.safety.can_be_asked:
        await _resolve_by_files(leased, biller, world)
        return
    if not await may_ask(leased, biller.profile, world):
        return
    leased = _with_terms(leased, biller)
    inquiry = await biller.inquire(leased.order)
    telemetry.INQUIRIES.labels(biller.profile.id, type(inquiry).__name__).inc()
    telemetry.log(
        "inquired",
        payment_id=leased.delivery.payment_id,
        biller_id=biller.profile.id,
        outcome=type(inquiry).__name__,
        asked=leased.questions + 1,
    )
    if leased.state is State.COMPLETED:
        await _look_for_receipt(leased, inquiry, biller, world)
    elif is_known_holding(leased.known_to_hold, inquiry):
        await world.payments.postpone(leased, None, _DECIDED, was_asked=True)
    else:
        await _act_on_inquiry(leased, inquiry, biller, world)


async def _act_on_inquiry(
    leased: LeasedPayment, inquiry: Inquiry, biller: BillerAdapter, world: World
) -> None:
    match inquiry:
        case Posted():
            await _record_posted(leased, inquiry, biller, world)
        case HalfDone(next_step=step):
            await _send_next_step(leased, step, biller, world)
        case NotFound():
            await _act_on_not_found(leased, biller, world)
        case NoAnswer():
            await _ask_later(leased, inquiry, biller, world)
        case _:
            assert_never(inquiry)


def _with_terms(leased: LeasedPayment, biller: BillerAdapter) -> LeasedPayment:
    return replace(leased, delivery=replace(leased.delivery, terms=biller.profile.terms))


async def _resolve_by_files(leased: LeasedPayment, biller: BillerAdapter | None, world: World) -> None:
    """Do what settlement files allow where the biller cannot be asked; mostly that is to wait for one."""
    step = FileStep.WAIT
    if biller is not None:
        profile, leased = biller.profile, _with_terms(leased, biller)
        # No file contains a token or a final receipt.
        owes_us = profile.gives_tokens or profile.has_unique_receipt or profile.receipt_comes_later
        step = step_without_inquiry(_proof(leased, biller), leased.state, owes_us=owes_us)
    if step is FileStep.BELIEVE and leased.known_to_hold == KnownHolding.WHOLE:
        await world.payments.postpone(leased, None, _DECIDED, was_asked=False)
    elif biller is None or step is FileStep.WAIT:
        # A payment that was given back needs no inquiry; a file that names it as done wakes it.
        again = None if leased.state is State.REFUNDED else LOOK_AGAIN_SECONDS
        await world.payments.postpone(leased, again, "the biller cannot be asked", was_asked=False)
    elif step is FileStep.BELIEVE:
        facts = {"their_reference": leased.files.their_reference, "proven_by": "settlement file"}
        posted = Posted(leased.order.reference, min(leased.files.amounts), facts)
        await _record_posted(leased, posted, biller, world)
    elif step is FileStep.GIVE_BACK:
        await give_back(leased.delivery, biller.profile.timing.ask_every_seconds, world)
    else:
        await _leave_to_a_person(leased, biller, world)


async def _leave_to_a_person(leased: LeasedPayment, biller: BillerAdapter, world: World) -> None:
    why = f"settlement files come to {_proof(leased, biller)}, and the biller cannot be asked"
    if leased.files.is_news:
        await _raise_for_file(leased, why, world)
    # Counted like an inquiry, so that the statements are no longer news.
    await world.payments.postpone(leased, LOOK_AGAIN_SECONDS, why, was_asked=leased.files.is_news)


def _proof(leased: LeasedPayment, biller: BillerAdapter) -> FileProof:
    return proof_of(leased.files, send_date(leased.send.send_until, biller.profile.timing))


async def _alarm_for_file(leased: LeasedPayment, why: str, biller: BillerAdapter, world: World) -> None:
    """Raise an alarm where the biller's file contradicts its answer; once for each new statement."""
    if leased.files.is_news and _proof(leased, biller) in SAYS_DONE:
        await _raise_for_file(leased, why, world)


async def _raise_for_file(leased: LeasedPayment, why: str, world: World) -> None:
    payment_id = leased.delivery.payment_id
    await world.alarms.raise_alarm(
        RaisedAlarm.of_payment(Alarm.FILE_NEEDS_A_PERSON, payment_id, {"why": why})
    )


async def _ask_later(leased: LeasedPayment, answer: NoAnswer, biller: BillerAdapter, world: World) -> None:
    if answer.was_asked and biller.profile.gives_tokens:
        await _alarm_for_file(
            leased, "its settlement file holds a vend whose token it does not give", biller, world
        )
    # Where our login is refused, the inquiry does not count: the schedule stops, and a retry is due soon.
    questions = 0 if answer.is_shut_out else leased.questions + answer.was_asked
    if answer.is_shut_out:
        # All payments of a biller that does not take our login are one alarm.
        subject, facts = f"biller {biller.profile.id}", {"biller_id": biller.profile.id, "why": answer.why}
        await world.alarms.raise_alarm(
            RaisedAlarm(Alarm.SHUT_OUT, subject, leased.delivery.payment_id, facts=facts)
        )
    again = biller.profile.timing.next_ask_seconds(questions)
    await world.payments.postpone(leased, again, answer.why, was_asked=answer.was_asked)


async def _look_for_receipt(
    leased: LeasedPayment, inquiry: Inquiry, biller: BillerAdapter, world: World
) -> None:
    """Record the final receipt of a completed payment, or inquire again; nothing else can change here.

    A receipt that never comes ends in an alarm, not in questions without end.
    """
    receipt = inquiry.facts.get(FINAL_RECEIPT, "") if isinstance(inquiry, Posted) else ""
    if receipt:
        await world.payments.record(Recording(leased.delivery, plan_receipt(receipt)))
        return
    timing = biller.profile.timing
    if leased.now >= leased.send.send_until + timedelta(seconds=timing.receipt_seconds):
        payment_id, biller_id = leased.delivery.payment_id, biller.profile.id
        facts = {"biller_id": biller_id}
        await world.alarms.raise_alarm(RaisedAlarm.of_payment(Alarm.RECEIPT_MISSING, payment_id, facts))
        await world.payments.postpone(leased, None, "the final receipt never came", was_asked=True)
        return
    again = timing.next_ask_seconds(leased.questions + 1)
    await world.payments.postpone(leased, again, "the final receipt is not there yet", was_asked=True)


async def _record_posted(leased: LeasedPayment, posted: Posted, biller: BillerAdapter, world: World) -> None:
    plan = plan_posted(leased.delivery, leased.state, posted)
    await record_plan(leased.delivery, plan, biller, world)
    if plan.notice != "completed":
        world.alarms.announce(Alarm(plan.notice), leased.delivery.payment_id)


async def _send_next_step(leased: LeasedPayment, step: str, biller: BillerAdapter, world: World) -> None:
    """Send the step that the biller waits for; not for a payment that was given back."""
    if leased.state is State.REFUNDED:
        plan = plan_half_done(step)
        await world.payments.record(Recording(leased.delivery, plan))
        world.alarms.announce(Alarm(plan.notice), leased.delivery.payment_id)
        return
    # The doubt goes on, so the next inquiry is scheduled as after one without an answer.
    delivery = replace(leased.delivery, questions=leased.questions + 1)
    await _send_step(delivery, replace(leased.order, step=step), biller, world)


async def _send_step(delivery: Delivery, order: PayOrder, biller: BillerAdapter, world: World) -> None:
    timing = biller.profile.timing
    send_before = world.clock.monotonic() + timing.send_seconds
    send = NextSend(delivery, order.step, delivery.sends, timing.send_seconds, timing.hold_seconds)
    if isinstance(await world.payments.begin_send(send), Stale):
        return
    await send_and_record(delivery, replace(order, send_before=send_before), biller, world)


async def _act_on_not_found(leased: LeasedPayment, biller: BillerAdapter, world: World) -> None:
    """Wait until "not found" is final; then send once more where that is safe, else give the money back."""
    profile, timing, safety = biller.profile, biller.profile.timing, biller.profile.safety
    if leased.state is State.REFUNDED:
        await _alarm_for_file(leased, "its settlement file holds what was given back", biller, world)
        again = timing.ask_every_seconds if is_watched(leased.send, leased.now, timing) else None
        await world.payments.postpone(leased, again, "not found, as given back", was_asked=True)
        return
    next_step = next_step_after_not_found(leased.send, leased.now, safety, timing, leased.files)
    match next_step:
        case NextStep.WAIT:
            again = _seconds_until_final(leased, biller)
            await world.payments.postpone(leased, again, "not found, too early to be final", was_asked=True)
        case NextStep.SEND_AGAIN:
            delivery = replace(leased.delivery, sends=leased.send.sends + 1)
            is_pinned = leased.order.step == profile.second_route
            step = profile.second_route if is_pinned else profile.steps[0]
            await _send_step(delivery, replace(leased.order, step=step), biller, world)
        case NextStep.GIVE_BACK:
            await give_back(leased.delivery, timing.ask_every_seconds, world)
        case NextStep.ASK_A_PERSON:
            why = 'its settlement file names the payment that it answers "not found" about'
            await _alarm_for_file(leased, why, biller, world)
            await world.payments.postpone(
                leased, timing.next_ask_seconds(leased.questions + 1), why, was_asked=True
            )
        case _:
            assert_never(next_step)


def _seconds_until_final(leased: LeasedPayment, biller: BillerAdapter) -> float:
    """Seconds to the next inquiry on schedule, but not before its answer could be final."""
    scheduled = biller.profile.timing.next_ask_seconds(leased.questions + 1)
    profile = biller.profile
    final_at = final_not_found_at(leased.send, profile.safety, profile.timing, leased.files)
    if final_at is None:
        return scheduled
    return max(scheduled, (final_at - leased.now).total_seconds())
