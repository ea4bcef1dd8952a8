"""T67 over real books: the money of one order is no other order's, whatever its provider says of it."""

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.merchants.merchant import Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.ports.collections import TryRecorded
from tests.persistence.collections.collection_setup import agreed
from tests.persistence.collections.merchant_money_setup import SPLIT, Stall

TRANSACTION = "7BC90XYZ12"
CHEAP = 1_000


async def test_a_movement_that_paid_one_order_pays_no_other(stall: Stall) -> None:
    cheap = await stall.on_page(await stall.ordered((Share("", None, Money(CHEAP)),)))
    dear = await stall.on_page(await stall.ordered(SPLIT))
    held = await stall.till.leased(cheap)
    await stall.till.record(held, agreed(held, TRANSACTION))
    assert await stall.owed() == CHEAP

    held = await stall.till.leased(dear)
    recorded = await stall.till.record(held, agreed(held, TRANSACTION))

    assert recorded == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert (await stall.owed(), await stall.moments(dear)) == (CHEAP, [])
    assert "completed" not in [notice for notice, _ in await stall.till.notices(dear)]


async def test_the_cheaper_sum_of_a_genuine_payment_credits_no_dear_order(stall: Stall) -> None:
    """The provider names the dear order and the cheap one's amount: it stands in suspense for two persons."""
    dear = await stall.on_page(await stall.ordered(SPLIT))
    held = await stall.till.leased(dear)
    recorded = await stall.till.record(held, agreed(held, TRANSACTION, amount=Money(CHEAP)))
    assert (recorded.state, recorded.alarm) == (State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert await stall.owed() == 0
    assert "delivered" not in await stall.moments(dear)
