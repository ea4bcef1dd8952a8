"""Undoing at its biller what two persons have decided that it shall not keep (ADR 0077).

The call may be repeated: a biller answers that the payment is void, by this call or by an earlier one. So a
lost answer is followed by the same call again, until the biller has undone it or says that it does not. A
refusal after a lost answer may come too late to mean anything ("that day is over"), so an inquiry settles it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NotFound, Outcome, Unreached
from ekpay_switch.domain.payments.after_give_back import plan_not_undone, plan_undone
from ekpay_switch.domain.payments.delivery import PayOrder, Recording
from ekpay_switch.flows.payments.inquiry_budget import may_ask
from ekpay_switch.ports.billers import UndoingBillerAdapter
from ekpay_switch.ports.world import LeasedPayment, World


async def undo_late_success(leased: LeasedPayment, world: World) -> None:
    """Call the biller once to undo a payment that was given back, and do what its answer allows."""
    biller = world.billers.by_id(leased.delivery.biller_id)
    if not isinstance(biller, UndoingBillerAdapter) or not biller.profile.safety.can_be_undone:
        await _keep_in_review(leased, "it takes no such call", world)
        return
    profile = biller.profile
    if not await may_ask(leased, profile, world):
        return
    order = replace(leased.order, send_before=world.clock.monotonic() + profile.timing.send_seconds)
    outcome = await biller.undo(order)
    telemetry.log(
        "undo_called",
        payment_id=leased.delivery.payment_id,
        biller_id=profile.id,
        outcome=type(outcome).__name__,
    )
    await _act_on_answer(leased, biller, order, outcome, world)


async def _act_on_answer(
    leased: LeasedPayment, biller: UndoingBillerAdapter, order: PayOrder, outcome: Outcome, world: World
) -> None:
    match outcome:
        case Approved(facts=facts):
            await _record_undone(leased, biller, facts, world)
        case Declined(reason=reason, code=code):
            if isinstance(await biller.inquire(order), NotFound):
                await _record_undone(leased, biller, {"refused": reason}, world)
            else:
                await _keep_in_review(leased, f"{reason} {code}".rstrip(), world)
        case Unreached(why=why) | InDoubt(why=why):
            again = biller.profile.timing.next_ask_seconds(leased.questions + 1)
            await world.payments.postpone(leased, again, f"undo without an answer: {why}", was_asked=True)
        case _:
            assert_never(outcome)


async def _record_undone(
    leased: LeasedPayment, biller: UndoingBillerAdapter, facts: Mapping[str, str], world: World
) -> None:
    delivery = replace(leased.delivery, terms=biller.profile.terms)
    await world.payments.record(Recording(delivery, plan_undone(delivery, leased.undo_wanted, facts)))


async def _keep_in_review(leased: LeasedPayment, why: str, world: World) -> None:
    await world.payments.record(Recording(leased.delivery, plan_not_undone(why)))
    world.alarms.announce(Alarm.LATE_SUCCESS, leased.delivery.payment_id)
