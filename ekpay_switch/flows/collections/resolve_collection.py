"""Resolving a try: the only place where collected money is accepted.

It runs when the payer came back, a callback came, or an inquiry is due. Only an answer of the connector
counts (law 6). Delivery is a separate step, so that a slow biller never delays a connector.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import (
    TECHNICAL_DECLINES,
    AwaitingPayer,
    Collected,
    CollectOrder,
    ExecuteOutcome,
    HeldForRisk,
    NeverPaid,
    judge_collected,
)
from ekpay_switch.domain.collections.file_proofs import SAYS_DONE, SAYS_NOT_DONE, FileProof, proof_of
from ekpay_switch.domain.collections.funding import (
    LockedTry,
    MoneyCollected,
    NothingCollected,
    StillOpen,
    TryEnd,
    TryFinding,
    TryState,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.inquiries import send_date
from ekpay_switch.domain.payments.sends import SendKind, connector_send
from ekpay_switch.ports.connectors import Connector, ConnectorProfile
from ekpay_switch.ports.sends import NO_JOURNAL
from ekpay_switch.ports.world import World

ASK_AGAIN_WITHOUT_CONNECTOR_SECONDS = 3_600.0
# Added to intervals, so that a retry is never a moment too early.
_MARGIN_SECONDS = 0.001


async def resolve_collection(locked_try: LockedTry, world: World) -> State | None:
    """Inquire about one try that we hold under a fresh epoch, and do what the answer allows.

    The payment's new state, or None where another process had taken the try over.
    """
    connector = world.connectors.by_id(locked_try.connector_id)
    if connector is None:
        no_connector = StillOpen(ASK_AGAIN_WITHOUT_CONNECTOR_SECONDS, "no connector to ask", was_asked=False)
        return await record_finding(locked_try, no_connector, world)
    if not locked_try.order.provider_reference:
        # The process that asked for the page died: without a provider reference nothing can be paid.
        no_page = NothingCollected(TryEnd.NO_PAGE, "no page was opened", is_our_own=True)
        return await record_finding(locked_try, no_page, world)
    if (
        locked_try.is_agreed
        and locked_try.may_be_executed
        and connector.profile.executes
        and not locked_try.executes_begun
    ):
        return await _execute(locked_try, connector, world)
    return await _inquire(locked_try, connector, world)


async def _execute(locked_try: LockedTry, connector: Connector, world: World) -> State | None:
    """Take the money that the payer has agreed to; the execute is durable before it is sent."""
    timing = connector.profile.timing
    send_before = world.clock.monotonic() + timing.send_seconds
    if not await world.collections.begin_execute(locked_try, timing.send_seconds, timing.hold_seconds):
        return None
    order = replace(locked_try.order, send_before=send_before, executes_begun=locked_try.executes_begun + 1)
    outcome = await _send_execute(locked_try, order, connector, world)
    log_answer(locked_try, "executed", outcome)
    match outcome:
        case Collected():
            finding: TryFinding = _money_finding(locked_try, outcome, connector)
        case AwaitingPayer():
            finding = _awaiting_finding(locked_try, connector, has_executed=True)
        case Declined(reason=reason, code=code):
            is_technical = reason in TECHNICAL_DECLINES
            finding = NothingCollected(TryEnd.DECLINED, f"{reason} {code}".rstrip(), is_technical)
        case Unreached(why=why):
            again = timing.next_ask_seconds(0)
            finding = StillOpen(again, why, was_asked=False, is_execute_undone=True)
        case InDoubt(why=why):
            finding = StillOpen(timing.next_ask_seconds(0), why, was_asked=False, is_new_doubt=True)
        case _:
            assert_never(outcome)
    return await record_finding(locked_try, finding, world)


async def _send_execute(
    locked_try: LockedTry, order: CollectOrder, connector: Connector, world: World
) -> ExecuteOutcome:
    """Send an execute; not without its line in the sends journal."""
    send = connector_send(
        SendKind.EXECUTE,
        order,
        payment_id=order.payment_id,
        partner_id=locked_try.partner_id,
        sends=order.executes_begun,
        sent_at=world.clock.now(),
        send_seconds=connector.profile.timing.send_seconds,
    )
    return await connector.execute(order) if world.sends.write(send) else Unreached(NO_JOURNAL)


async def _inquire(locked_try: LockedTry, connector: Connector, world: World) -> State | None:
    profile = connector.profile
    wait_seconds = await world.budget.take(profile.id, profile.inquiries_per_second)
    if wait_seconds > 0:
        used_up = StillOpen(wait_seconds, "inquiry budget is used up", was_asked=False)
        return await record_finding(locked_try, used_up, world)
    inquiry = await connector.inquire(locked_try.order)
    telemetry.INQUIRIES.labels(profile.id, type(inquiry).__name__).inc()
    log_answer(locked_try, "inquired", inquiry)
    if not isinstance(inquiry, NoAnswer):
        await world.routing.record_answer(profile.id)
    if isinstance(inquiry, HeldForRisk):
        return await _hold(locked_try, inquiry, connector, world)
    if isinstance(inquiry, AwaitingPayer):
        if _proof(locked_try, connector) in SAYS_DONE:
            return await _leave_to_a_person(locked_try, connector, world)
        may_execute = inquiry.may_execute and not inquiry.is_execute_undone
        if may_execute and locked_try.may_be_executed and profile.executes:
            return await _execute(locked_try, connector, world)
    return await record_finding(locked_try, _finding_of(locked_try, inquiry, connector), world)


def _finding_of(
    locked_try: LockedTry, inquiry: Collected | AwaitingPayer | NeverPaid | NoAnswer, connector: Connector
) -> TryFinding:
    match inquiry:
        case Collected():
            return _money_finding(locked_try, inquiry, connector)
        case AwaitingPayer() if locked_try.held_at is not None:
            # It took the money: only its word that the payment failed ends the try, never the page's time.
            return StillOpen(connector.profile.timing.ask_every_seconds, "held before, and not paid now")
        case AwaitingPayer(is_execute_undone=is_undone):
            return _awaiting_finding(
                locked_try, connector, has_executed=is_undone and locked_try.executes_begun > 0
            )
        case NeverPaid(why=why):
            return NothingCollected(TryEnd.NEVER_PAID, why)
        case NoAnswer(why=why, was_asked=was_asked):
            timing, asked = connector.profile.timing, locked_try.questions + was_asked
            again = timing.next_ask_seconds(asked) if locked_try.held_at is None else timing.ask_every_seconds
            return StillOpen(again, why, was_asked)
        case _:
            assert_never(inquiry)


async def _hold(
    locked_try: LockedTry, inquiry: HeldForRisk, connector: Connector, world: World
) -> State | None:
    """The connector holds the payer's money for its risk: the try waits for its word, or for two persons.

    People decide there, so it is asked rarely; a callback or a settlement file wakes the try before. A file
    that has the money, and was read since, raises an alarm.
    """
    profile = connector.profile
    again = profile.timing.ask_every_seconds
    is_named = locked_try.files.is_news and _proof(locked_try, connector) in SAYS_DONE
    alarm = Alarm.FILE_NEEDS_A_PERSON if is_named else None
    held = MoneyHeld(inquiry.money, profile.charge_basis_points, again, inquiry.why, alarm)
    return await record_finding(locked_try, held, world)


async def _leave_to_a_person(locked_try: LockedTry, connector: Connector, world: World) -> State | None:
    """The connector's settlement file has the money, and the connector says "not yet": they contradict.

    The try is neither executed nor ended; the connector is asked until its answer agrees with its file, and
    the first time an alarm is raised.
    """
    why = "its settlement file has the money, and it says that it does not"
    again = connector.profile.timing.next_ask_seconds(locked_try.questions + 1)
    alarm = Alarm.FILE_NEEDS_A_PERSON if locked_try.files.is_news else None
    return await record_finding(locked_try, StillOpen(again, why, alarm=alarm), world)


def _proof(locked_try: LockedTry, connector: Connector) -> FileProof:
    return proof_of(locked_try.files, send_date(locked_try.send_until, connector.profile.timing))


async def record_finding(locked_try: LockedTry, finding: TryFinding, world: World) -> State | None:
    """Record a finding and raise its alarm; the payment's state, or None where the try is no longer ours."""
    recorded = await world.collections.record(locked_try, finding)
    if recorded is None:
        return None
    for alarm in (recorded.alarm, recorded.further_alarm):
        if alarm is not None:
            world.alarms.announce(alarm, locked_try.payment_id, connector_id=locked_try.connector_id)
    return recorded.state


def _money_finding(locked_try: LockedTry, collected: Collected, connector: Connector) -> MoneyCollected:
    return MoneyCollected(judge_collected(locked_try.order, collected), connector.profile.charge_basis_points)


def _awaiting_finding(
    locked_try: LockedTry, connector: Connector, *, has_executed: bool = False
) -> StillOpen | NothingCollected:
    """Not paid yet: when to inquire again, or that no money will ever be taken here.

    `has_executed` says that our execute, now or before, provably moved no money.
    """
    profile = connector.profile
    if locked_try.executes_begun:
        return _unexecuted_finding(locked_try, connector, is_undone=has_executed)
    if profile.executes and locked_try.state is not TryState.OPEN:
        return NothingCollected(TryEnd.LAPSED, "another try was begun")
    if profile.executes and locked_try.now >= locked_try.pay_until:
        return NothingCollected(TryEnd.LAPSED, "the time to pay was over")
    if locked_try.page_until is not None and locked_try.now > locked_try.page_until:
        return _lapsed_finding(profile, (locked_try.now - locked_try.page_until).total_seconds())
    again = _next_look_seconds(locked_try, connector)
    return StillOpen(again, "the payer has not agreed yet", is_execute_undone=has_executed)


def _unexecuted_finding(
    locked_try: LockedTry, connector: Connector, *, is_undone: bool
) -> StillOpen | NothingCollected:
    """An earlier execute may still take effect: a "not yet" does not prove that it never will.

    Absence from a settlement file makes it final, since only our execute moves money there.
    """
    if not is_undone and _proof(locked_try, connector) in SAYS_NOT_DONE:
        return NothingCollected(TryEnd.NEVER_PAID, "not executed, and its settlement file has none of it")
    again = connector.profile.timing.next_ask_seconds(locked_try.questions + 1)
    return StillOpen(again, "not executed yet", is_execute_undone=is_undone)


def _lapsed_finding(profile: ConnectorProfile, since_seconds: float) -> StillOpen | NothingCollected:
    """The page has lapsed, and the provider says neither that it was paid nor that it never will be.

    Where the payer's agreement alone moves money, it may have come at the last moment: the provider is asked
    once more before the try ends, and a few times after, on the schedule of a doubt. Money that is found then
    belongs to no payment and goes back to the payer (law 15).
    """
    ask_after_seconds = () if profile.executes else profile.timing.ask_after_seconds
    remaining = [
        moment - since_seconds + _MARGIN_SECONDS for moment in ask_after_seconds if moment > since_seconds
    ]
    if remaining and len(remaining) == len(ask_after_seconds):
        return StillOpen(remaining[0], "the page has lapsed, and may have been paid at the last moment")
    return NothingCollected(
        TryEnd.NEVER_PAID, "the page has lapsed", look_again_seconds=min(remaining, default=None)
    )


def _next_look_seconds(locked_try: LockedTry, connector: Connector) -> float:
    """Seconds until the manifest's next inquiry, the end of the quote, or of the page (architecture.md 5)."""
    profile, age = connector.profile, (locked_try.now - locked_try.opened_at).total_seconds()
    moments = [seconds - age for seconds in profile.page_ask_after_seconds]
    if profile.executes:
        moments.append(_seconds(locked_try.now, locked_try.pay_until))
    if locked_try.page_until is not None:
        moments.append(_seconds(locked_try.now, locked_try.page_until))
    return min((moment for moment in moments if moment > 0), default=profile.timing.ask_every_seconds)


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() + _MARGIN_SECONDS


def log_answer(locked_try: LockedTry, event: str, answer: object) -> None:
    """Log the type of an answer, and nothing of its content."""
    telemetry.log(
        event,
        payment_id=locked_try.payment_id,
        connector_id=locked_try.connector_id,
        outcome=type(answer).__name__,
        asked=locked_try.questions,
    )
