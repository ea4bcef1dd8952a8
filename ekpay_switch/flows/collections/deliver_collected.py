"""Delivering a collected payment: like a delivery from a prefund, begun once the payment is funded."""

import base64
from dataclasses import replace
from uuid import UUID

from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.flows.payments.deliver import send_and_record
from ekpay_switch.ports.collections import DeliveryStart
from ekpay_switch.ports.world import World
from ekpay_switch.security.identifiers import uuid7


async def deliver_collected(payment_id: UUID, biller_id: str, world: World) -> None:
    """Send a funded payment to its biller; does nothing where another process did, or its quote has expired.

    A merchant is credited instead: its payment comes here only where a review decided to deliver it.
    """
    if is_merchant(biller_id):
        await world.collections.credit_merchant(payment_id)
        return
    biller = world.billers.by_id(biller_id)
    if biller is None:
        return
    profile, attempt_id = biller.profile, uuid7()
    send_before = world.clock.monotonic() + profile.timing.send_seconds
    start = DeliveryStart(
        payment_id=payment_id,
        attempt_id=attempt_id,
        attempt_reference=base64.b32encode(attempt_id.bytes).decode().rstrip("="),
        step=profile.steps[0],
        scroll_series=profile.id if profile.has_scroll else "",
        send_seconds=profile.timing.send_seconds,
        hold_seconds=profile.timing.hold_seconds,
    )
    started = await world.collections.start_delivery(start)
    if started is not None:
        order = replace(started.order, send_before=send_before)
        delivery = replace(started.delivery, terms=profile.terms)
        await send_and_record(delivery, order, biller, world)
