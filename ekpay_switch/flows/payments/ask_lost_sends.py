"""Asking far sides about the sends that a restored database has lost; moves no money.

Each answer is kept before the next question, so a check that was stopped is simply begun again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from ekpay_switch import telemetry
from ekpay_switch.domain.payments.lost_sends import LostFinding, LostSend, LostState, finding_of
from ekpay_switch.ports.sends import LostSends
from ekpay_switch.ports.world import World


async def ask_lost_sends(lost_sends: LostSends, world: World) -> None:
    """Ask about each once, the far sides side by side, within the budget of each."""
    by_far_side = defaultdict(list)
    for lost in await lost_sends.to_ask():
        by_far_side[lost.send.far_side].append(lost)
    await asyncio.gather(*(_ask_one_side(queue, lost_sends, world) for queue in by_far_side.values()))


async def _ask_one_side(queue: Sequence[LostSend], lost_sends: LostSends, world: World) -> None:
    for lost in queue:
        try:
            finding = await _ask(lost, world)
        except Exception as error:  # noqa: BLE001 - a line that one adapter cannot read must not hide the others
            telemetry.count_error("lost_send_not_asked", far_side=lost.send.far_side, error=error)
            finding = LostFinding(LostState.UNKNOWN, f"it could not be asked: {type(error).__name__}")
        telemetry.log(
            "lost_send_asked",
            payment_id=lost.send.payment_id,
            far_side=lost.send.far_side,
            state=finding.state,
        )
        await lost_sends.record(lost.lost_id, finding)


async def _ask(lost: LostSend, world: World) -> LostFinding:
    send = lost.send
    biller = world.billers.by_id(send.far_side)
    if biller is None or send.order is None:
        return LostFinding(LostState.UNKNOWN, "it cannot be asked here: its settlement file will tell")
    profile = biller.profile
    if not profile.safety.can_be_asked:
        return LostFinding(LostState.UNKNOWN, "the biller cannot be asked by our reference")
    while (wait_seconds := await world.budget.take(profile.id, profile.inquiries_per_second)) > 0:
        await world.clock.sleep(wait_seconds)
    inquiry = await biller.inquire(send.order)
    return finding_of(inquiry, send, profile.safety, profile.timing, world.clock.now())
