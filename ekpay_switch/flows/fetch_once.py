"""Fetching a bill whose biller locks it for whoever looks: asked once, told to everybody.

A second look at such a bill is answered "a payment was begun" and nothing else (billers.md 2.4), so the bill
is kept for as long as its lock lives, and what we are about to ask is durable before we ask it.
"""

from ekpay_switch.domain.bill import BillerSilent, BillFound, BillQuery, FetchReply, HeldBill
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import World

_LOOK_AGAIN_SECONDS = 0.1


async def fetch_once(query: BillQuery, biller: BillerAdapter, world: World) -> FetchReply | HeldBill:
    """The bill that is held already, or what the biller answers to the one of us that may ask."""
    timing, bills = biller.profile.timing, world.held_bills
    give_up_at = world.clock.monotonic() + timing.answer_seconds
    while (held := await bills.current(query.biller_id, query.bill_name)) is None:
        epoch = await bills.lease(query.biller_id, query.bill_name, timing.answer_seconds)
        if epoch is not None:
            return await _ask(query, epoch, biller, world)
        if world.clock.monotonic() >= give_up_at:
            return BillerSilent("this bill is being fetched already")
        await world.clock.sleep(_LOOK_AGAIN_SECONDS)
    return held


async def _ask(query: BillQuery, epoch: int, biller: BillerAdapter, world: World) -> FetchReply | HeldBill:
    reply = await biller.fetch(query)
    if isinstance(reply, BillFound) and not reply.bill.is_paid:
        return await world.held_bills.keep(query, epoch, reply.bill, biller.profile.timing.quote_life_seconds)
    await world.held_bills.release(query.biller_id, query.bill_name, epoch)
    return reply
