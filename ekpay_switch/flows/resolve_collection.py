"""Finding out about a try and doing what the answer allows: the one place where collected money is believed.

It runs whenever there is reason to look: the payer came back, a callback came, or the clock says so. Only an
answer of the connector counts (law 6). Delivering what was paid for is the next step and somebody else's, so
that a slow biller never holds up a connector.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.asking import begun_on
from ekpay_switch.domain.collections.connector_calls import (
    TECHNICAL_DECLINES,
    AwaitingPayer,
    Collected,
    CollectInquiry,
    NeverPaid,
    judge,
)
from ekpay_switch.domain.collections.file_proofs import SAYS_DONE, SAYS_NOT_DONE, FileProof, proof_of
from ekpay_switch.domain.collections.funding import (
    CameToNothing,
    Finding,
    HeldTry,
    MoneyCame,
    StillOpen,
    TryEnd,
    TryState,
)
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.ports.connectors import Connector, ConnectorProfile
from ekpay_switch.ports.world import World

ASK_AGAIN_WITHOUT_CONNECTOR_SECONDS = 3_600.0
# Past the moment, not just before it.
_A_MOMENT = 0.001


async def follow_up(held: HeldTry, world: World) -> State | None:
    """Find out about one try that we hold under a fresh epoch, and do what the answer allows.

    The state that the payment was led to, or None where somebody else had taken the try over.
    """
    connector = world.connectors.by_id(held.connector_id)
    if connector is None:
        nobody = StillOpen(ASK_AGAIN_WITHOUT_CONNECTOR_SECONDS, "nobody to ask", was_asked=False)
        return await record_finding(held, nobody, world)
    if not held.order.provider_reference:
        # Whoever asked for the page is gone: without a name over there nothing can be paid.
        nothing = CameToNothing(TryEnd.NO_PAGE, "no page was told", is_our_own=True)
        return await record_finding(held, nothing, world)
    if held.is_agreed and held.may_be_executed and connector.profile.executes and not held.executes_begun:
        return await _execute(held, connector, world)
    return await _inquire(held, connector, world)


async def _execute(held: HeldTry, connector: Connector, world: World) -> State | None:
    """Take the money that the payer has agreed to; asking for it is durable before it happens."""
    timing = connector.profile.timing
    send_before = world.clock.monotonic() + timing.send_seconds
    if not await world.collections.begin_execute(held, timing.send_seconds, timing.hold_seconds):
        return None
    order = replace(held.order, send_before=send_before, executes_begun=held.executes_begun + 1)
    outcome = await connector.execute(order)
    log_answer(held, "executed", outcome)
    match outcome:
        case Collected():
            finding: Finding = _money_came(held, outcome, connector)
        case AwaitingPayer():
            finding = _awaiting(held, connector, has_executed=True)
        case Declined(reason=reason, code=code):
            is_technical = reason in TECHNICAL_DECLINES
            finding = CameToNothing(TryEnd.DECLINED, f"{reason} {code}".rstrip(), is_technical)
        case Unreached(why=why):
            again = timing.next_ask_seconds(0)
            finding = StillOpen(again, why, was_asked=False, is_execute_undone=True)
        case InDoubt(why=why):
            finding = StillOpen(timing.next_ask_seconds(0), why, was_asked=False, is_new_doubt=True)
        case _:
            assert_never(outcome)
    return await record_finding(held, finding, world)


async def _inquire(held: HeldTry, connector: Connector, world: World) -> State | None:
    profile = connector.profile
    wait_seconds = await world.budget.take(profile.id, profile.inquiries_per_second)
    if wait_seconds > 0:
        used_up = StillOpen(wait_seconds, "inquiry budget is used up", was_asked=False)
        return await record_finding(held, used_up, world)
    inquiry = await connector.inquire(held.order)
    telemetry.QUESTIONS.labels(profile.id, type(inquiry).__name__).inc()
    log_answer(held, "inquired", inquiry)
    if not isinstance(inquiry, NoAnswer):
        await world.routing.answered(profile.id)
    if isinstance(inquiry, AwaitingPayer):
        if _proof(held, connector) in SAYS_DONE:
            return await _leave_to_a_person(held, connector, world)
        is_wanted = inquiry.may_execute and not inquiry.is_execute_undone
        if is_wanted and held.may_be_executed and profile.executes:
            return await _execute(held, connector, world)
    return await record_finding(held, _found(held, inquiry, connector), world)


def _found(held: HeldTry, inquiry: CollectInquiry, connector: Connector) -> Finding:
    match inquiry:
        case Collected():
            return _money_came(held, inquiry, connector)
        case AwaitingPayer(is_execute_undone=is_undone):
            return _awaiting(held, connector, has_executed=is_undone and held.executes_begun > 0)
        case NeverPaid(why=why):
            return CameToNothing(TryEnd.NEVER_PAID, why)
        case NoAnswer(why=why, was_asked=was_asked):
            again = connector.profile.timing.next_ask_seconds(held.asked + was_asked)
            return StillOpen(again, why, was_asked)
        case _:
            assert_never(inquiry)


async def _leave_to_a_person(held: HeldTry, connector: Connector, world: World) -> State | None:
    """The connector's settlement file has the money, and the connector says "not yet": one of them is wrong.

    The try is neither executed nor ended; the connector is asked until it says what its file says, and the
    first time a person is told.
    """
    why = "its settlement file has the money, and it says that it does not"
    again = connector.profile.timing.next_ask_seconds(held.asked + 1)
    state = await record_finding(held, StillOpen(again, why), world)
    if state is not None and held.files.is_news:
        facts = {"connector_id": held.connector_id, "why": why}
        world.alarms.raise_alarm(Alarm.FILE_NEEDS_A_PERSON, held.payment_id, **facts)
    return state


def _proof(held: HeldTry, connector: Connector) -> FileProof:
    return proof_of(held.files, begun_on(held.send_until, connector.profile.timing))


async def record_finding(held: HeldTry, finding: Finding, world: World) -> State | None:
    """Write what was found, and say what a person must know; the payment's state, or None if it came late."""
    recorded = await world.collections.record(held, finding)
    if recorded is None:
        return None
    if recorded.alarm is not None:
        world.alarms.raise_alarm(recorded.alarm, held.payment_id, connector_id=held.connector_id)
    return recorded.state


def _money_came(held: HeldTry, collected: Collected, connector: Connector) -> MoneyCame:
    return MoneyCame(judge(held.order, collected), connector.profile.charge_basis_points)


def _awaiting(
    held: HeldTry, connector: Connector, *, has_executed: bool = False
) -> StillOpen | CameToNothing:
    """Not paid yet: when to look again, or that nobody will ever take money here.

    `has_executed` says that our own word, given now or before, provably came to nothing.
    """
    profile = connector.profile
    if held.executes_begun:
        return _not_executed(held, connector, is_undone=has_executed)
    if profile.executes and held.state is not TryState.OPEN:
        return CameToNothing(TryEnd.LAPSED, "another try was begun")
    if profile.executes and held.now >= held.pay_until:
        return CameToNothing(TryEnd.LAPSED, "the time to pay was over")
    if held.page_until is not None and held.now > held.page_until:
        return _lapsed(profile, (held.now - held.page_until).total_seconds())
    again = _next_look_seconds(held, connector)
    return StillOpen(again, "the payer has not agreed yet", is_execute_undone=has_executed)


def _not_executed(held: HeldTry, connector: Connector, *, is_undone: bool) -> StillOpen | CameToNothing:
    """Our word was given before and may still be heard: that it never will takes more than a "not yet".

    A settlement file that has none of it makes this one final, since only our word moves money there.
    """
    if not is_undone and _proof(held, connector) in SAYS_NOT_DONE:
        return CameToNothing(TryEnd.NEVER_PAID, "not executed, and its settlement file has none of it")
    again = connector.profile.timing.next_ask_seconds(held.asked + 1)
    return StillOpen(again, "not executed yet", is_execute_undone=is_undone)


def _lapsed(profile: ConnectorProfile, since_seconds: float) -> StillOpen | CameToNothing:
    """The page is over, and the provider says neither that it was paid nor that it never will be.

    Where the payer's agreement alone moves money, it may still be deciding about one that came at the last
    moment: it is asked once more before the try ends, and a few times after, at the times of a doubt. What
    it finds then belongs to no payment any more and goes back to the payer (law 15).
    """
    looks = () if profile.executes else profile.timing.ask_after_seconds
    left = [moment - since_seconds + _A_MOMENT for moment in looks if moment > since_seconds]
    if left and len(left) == len(looks):
        return StillOpen(left[0], "the page has lapsed, and may have been paid at the last moment")
    return CameToNothing(TryEnd.NEVER_PAID, "the page has lapsed", look_again_seconds=min(left, default=None))


def _next_look_seconds(held: HeldTry, connector: Connector) -> float:
    """Until the next moment of the manifest, the end of the quote, or the page's own (architecture.md 5)."""
    profile, age = connector.profile, (held.now - held.opened_at).total_seconds()
    moments = [seconds - age for seconds in profile.page_ask_after_seconds]
    if profile.executes:
        moments.append(_seconds(held.now, held.pay_until))
    if held.page_until is not None:
        moments.append(_seconds(held.now, held.page_until))
    return min((moment for moment in moments if moment > 0), default=profile.timing.ask_every_seconds)


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() + _A_MOMENT


def log_answer(held: HeldTry, event: str, answer: object) -> None:
    """Say which kind of answer came, and nothing of what stands in it."""
    telemetry.log(
        event,
        payment_id=held.payment_id,
        connector_id=held.connector_id,
        outcome=type(answer).__name__,
        asked=held.asked,
    )
