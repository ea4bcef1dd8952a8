"""Giving a payer's money back through the connector that brought it."""

from dataclasses import replace

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.connector_calls import RefundOutcome
from ekpay_switch.domain.collections.file_proofs import SAYS_DONE, found_refund, proof_of, refund_by_file
from ekpay_switch.domain.refunds.refund import Answered, HeldRefund, NoRoute, RefundFinding, RefundState
from ekpay_switch.ports.connectors import Connector
from ekpay_switch.ports.world import World

ASK_AGAIN_WITHOUT_CONNECTOR_SECONDS = 3_600.0
DAY_SECONDS = 86_400.0


async def refund(held: HeldRefund, world: World) -> None:
    """Send one refund that we hold, asking first where an earlier send may have been heard.

    The sending is durable before it happens. A connector that knows no reference of ours for refunds is told
    of one at a time, and the names of those it has done already, so that it can tell what is new. What its
    settlement file names as done is never sent again.
    """
    connector = world.connectors.by_id(held.order.connector_id)
    if connector is None:
        await world.refunds.postpone(held, ASK_AGAIN_WITHOUT_CONNECTOR_SECONDS)
        return
    rules, timing = connector.profile.refunds, connector.profile.timing
    age_seconds = (held.now - held.collected_at).total_seconds()
    is_over = rules is None or age_seconds > rules.days_max * DAY_SECONDS
    if not held.sends and (is_over or not held.order.provider_transaction):
        why = "the connector gives nothing back, or not any more, or never named what it collected"
        await _record(held, NoRoute(why), world)
        return
    wait_seconds = await world.budget.take(connector.profile.id, connector.profile.inquiries_per_second)
    if wait_seconds > 0:
        await world.refunds.postpone(held, wait_seconds)
        return
    send_before = world.clock.monotonic() + timing.send_seconds
    if not await world.refunds.begin_send(held, timing.hold_seconds):
        return
    outcome = await _tell(replace(held, order=replace(held.order, send_before=send_before)), connector)
    telemetry.log(
        "refund_answered",
        payment_id=held.payment_id,
        refund_id=held.refund_id,
        connector_id=connector.profile.id,
        outcome=type(outcome).__name__,
        sends=held.sends + 1,
    )
    await _record(held, Answered(outcome, timing.next_ask_seconds(held.asked)), world)


async def _tell(held: HeldRefund, connector: Connector) -> RefundOutcome:
    """Tell the connector, or only ask it where its settlement file names the refund as done.

    Where it cannot be asked about refunds the file stands in for its answer.
    """
    begun_on = business_date(held.collected_at)
    rules, is_named = connector.profile.refunds, proof_of(held.files, begun_on) in SAYS_DONE
    if rules is not None and rules.can_be_asked:
        if is_named:
            return found_refund(held.order, await connector.inquire_refunds(held.order))
        return await connector.refund(held.order)
    # What may have been heard is never sent again there.
    may_have_been_heard = held.order.may_have_been_heard or is_named
    outcome = await connector.refund(replace(held.order, may_have_been_heard=may_have_been_heard))
    return refund_by_file(outcome, held.order, held.files, begun_on)


async def _record(held: HeldRefund, finding: RefundFinding, world: World) -> None:
    recorded = await world.refunds.record(held, finding)
    if recorded is None:
        return
    refund_id = str(held.refund_id)
    if recorded.alarm is not None:
        world.alarms.raise_alarm(recorded.alarm, held.payment_id, refund_id=refund_id)
    if held.files.is_news and recorded.state is RefundState.IN_DOUBT:
        why = "the connector does not say what its settlement file says of a refund"
        world.alarms.raise_alarm(Alarm.FILE_NEEDS_A_PERSON, held.payment_id, refund_id=refund_id, why=why)
