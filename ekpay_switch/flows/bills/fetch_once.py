"""Fetching a bill that its biller locks at a fetch: one fetch serves all callers.

A second fetch of such a bill is answered "a payment was begun" and nothing else (billers.md 2.4), so the bill
is stored until its lock ends, and the right to ask is durable before the biller is asked.
"""

from ekpay_switch.domain.bill import BillerSilent, BillFound, BillQuery, FetchReply, LockedBill
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import World

_LOOK_AGAIN_SECONDS = 0.1


async def fetch_once(query: BillQuery, biller: BillerAdapter, world: World) -> FetchReply | LockedBill:
    """The bill that is locked already, or the biller's answer to the one caller that may ask."""
    timing, bills = biller.profile.timing, world.locked_bills
    give_up_at = world.clock.monotonic() + timing.answer_seconds
    while (locked_bill := await bills.current(query.biller_id, query.bill_name)) is None:
        epoch = await bills.lease(query.biller_id, query.bill_name, timing.answer_seconds)
        if epoch is not None:
            return await _fetch_and_lock(query, epoch, biller, world)
        if world.clock.monotonic() >= give_up_at:
            return BillerSilent("this bill is being fetched already")
        await world.clock.sleep(_LOOK_AGAIN_SECONDS)
    return locked_bill


async def _fetch_and_lock(
    query: BillQuery, epoch: int, biller: BillerAdapter, world: World
) -> FetchReply | LockedBill:
    reply = await biller.fetch(query)
    if isinstance(reply, BillFound) and not reply.bill.is_paid:
        return await world.locked_bills.keep(
            query, epoch, reply.bill, biller.profile.timing.quote_life_seconds
        )
    await world.locked_bills.release(query.biller_id, query.bill_name, epoch)
    return reply
