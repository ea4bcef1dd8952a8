"""Refunding a payer through the connector that collected the money."""

from dataclasses import replace

from ekpay_switch import telemetry
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundOrder, RefundOutcome
from ekpay_switch.domain.collections.file_proofs import SAYS_DONE, found_refund, proof_of, refund_by_file
from ekpay_switch.domain.outcome import InDoubt, Unreached
from ekpay_switch.domain.payments.sends import SendKind, connector_send
from ekpay_switch.domain.refunds.refund import (
    LockedRefund,
    NoRefundRoute,
    RefundAnswer,
    RefundFinding,
    RefundState,
)
from ekpay_switch.ports.connectors import Connector
from ekpay_switch.ports.sends import NO_JOURNAL
from ekpay_switch.ports.world import World

ASK_AGAIN_WITHOUT_CONNECTOR_SECONDS = 3_600.0
ASK_AGAIN_BY_HAND_SECONDS = 3_600.0
DAY_SECONDS = 86_400.0


async def send_refund(locked_refund: LockedRefund, world: World) -> None:
    """Send one leased refund, inquiring first where an earlier send may have arrived.

    The send is durable before it happens. A connector that keeps no reference of ours for refunds gets one at
    a time, with the names of those already done, so that it recognises the new one. A refund that its
    settlement file names as done is never sent again, and one that is left to finance is only asked about. A
    further movement is left to finance at once.
    """
    connector = world.connectors.by_id(locked_refund.order.connector_id)
    if connector is None and not locked_refund.is_of_further_movement:
        await world.refunds.postpone(locked_refund, ASK_AGAIN_WITHOUT_CONNECTOR_SECONDS)
        return
    why = _why_no_route(locked_refund, connector)
    if connector is None or why:
        await _record(locked_refund, NoRefundRoute(why), world)
        return
    if locked_refund.state is RefundState.BY_HAND:
        await _ask_while_by_hand(locked_refund, connector, world)
        return
    timing = connector.profile.timing
    if not await _has_budget(locked_refund, connector, world):
        return
    send_before = world.clock.monotonic() + timing.send_seconds
    if not await world.refunds.begin_send(locked_refund, timing.hold_seconds):
        return
    outcome = await _send_or_inquire(
        replace(locked_refund, order=replace(locked_refund.order, send_before=send_before)), connector, world
    )
    telemetry.log(
        "refund_answered",
        payment_id=locked_refund.payment_id,
        refund_id=locked_refund.refund_id,
        connector_id=connector.profile.id,
        outcome=type(outcome).__name__,
        sends=locked_refund.sends + 1,
    )
    await _record(
        locked_refund, RefundAnswer(outcome, timing.next_ask_seconds(locked_refund.questions)), world
    )


def _why_no_route(locked_refund: LockedRefund, connector: Connector | None) -> str:
    """Why the connector cannot give it back, or nothing."""
    name = locked_refund.order.provider_transaction
    if locked_refund.is_of_further_movement:
        return f"{name} came beside other money of the same page, which the connector would give back"
    if connector is None or locked_refund.state is RefundState.BY_HAND:
        return ""
    rules = connector.profile.refunds
    age_seconds = (locked_refund.now - locked_refund.collected_at).total_seconds()
    is_over = rules is None or age_seconds > rules.days_max * DAY_SECONDS
    if not locked_refund.sends and (is_over or not name):
        return "the connector gives nothing back, or not any more, or never named what it collected"
    return ""


async def _has_budget(locked_refund: LockedRefund, connector: Connector, world: World) -> bool:
    """Whether the connector may be called now; else the refund is postponed."""
    wait_seconds = await world.budget.take(connector.profile.id, connector.profile.inquiries_per_second)
    if wait_seconds > 0:
        await world.refunds.postpone(locked_refund, wait_seconds)
    return wait_seconds <= 0


async def _ask_while_by_hand(locked_refund: LockedRefund, connector: Connector, world: World) -> None:
    """Ask whether the connector has paid what is left to finance; it is never sent again.

    Only that it is paid changes anything, so nothing else is recorded.
    """
    rules, order = connector.profile.refunds, locked_refund.order
    if rules is None or not rules.can_be_asked:
        unasked = InDoubt("the connector cannot be asked about refunds")
        begun_on = business_date(locked_refund.collected_at)
        outcome = refund_by_file(unasked, order, locked_refund.files, begun_on)
    elif await _has_budget(locked_refund, connector, world):
        send_before = world.clock.monotonic() + connector.profile.timing.send_seconds
        outcome = found_refund(
            order, await connector.inquire_refunds(replace(order, send_before=send_before))
        )
    else:
        return
    if isinstance(outcome, RefundLine) and outcome.is_done and outcome.amount == order.amount:
        await _record(locked_refund, RefundAnswer(outcome, ASK_AGAIN_BY_HAND_SECONDS), world)
    else:
        await world.refunds.postpone(locked_refund, ASK_AGAIN_BY_HAND_SECONDS)


async def _send_or_inquire(locked_refund: LockedRefund, connector: Connector, world: World) -> RefundOutcome:
    """Send the refund, or only inquire where the connector's settlement file names it as done.

    Where the connector cannot be asked about refunds, the file replaces its answer.
    """
    begun_on = business_date(locked_refund.collected_at)
    rules, is_named = connector.profile.refunds, proof_of(locked_refund.files, begun_on) in SAYS_DONE
    if rules is not None and rules.can_be_asked:
        if is_named:
            return found_refund(locked_refund.order, await connector.inquire_refunds(locked_refund.order))
        return await _send(locked_refund, locked_refund.order, connector, world)
    # There, a refund that may have arrived is never sent again.
    may_have_been_heard = locked_refund.order.may_have_been_heard or is_named
    order = replace(locked_refund.order, may_have_been_heard=may_have_been_heard)
    outcome = await _send(locked_refund, order, connector, world)
    return refund_by_file(outcome, locked_refund.order, locked_refund.files, begun_on)


async def _send(
    locked_refund: LockedRefund, order: RefundOrder, connector: Connector, world: World
) -> RefundOutcome:
    """Send a refund; not without its line in the sends journal."""
    send = connector_send(
        SendKind.REFUND,
        order,
        payment_id=locked_refund.payment_id,
        partner_id=locked_refund.partner_id,
        sends=locked_refund.sends + 1,
        sent_at=world.clock.now(),
        send_seconds=connector.profile.timing.send_seconds,
    )
    return await connector.refund(order) if world.sends.write(send) else Unreached(NO_JOURNAL)


async def _record(locked_refund: LockedRefund, finding: RefundFinding, world: World) -> None:
    recorded = await world.refunds.record(locked_refund, finding)
    if recorded is not None and recorded.alarm is not None:
        refund_id = str(locked_refund.refund_id)
        world.alarms.announce(recorded.alarm, locked_refund.payment_id, refund_id=refund_id)
