"""The job behind carts: what is paid is taken up, a few at a time, each by itself."""

import asyncio

from ekpay_switch.domain.carts.bill_cart import BillEnd, StoredCart
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.carts.fill_cart import add_bill
from ekpay_switch.flows.carts.order_cart import order_cart
from ekpay_switch.jobs.carts import CartWorker, run_carts
from ekpay_switch.jobs.slots import Pace, Slots
from tests.fakes.carts import NUMBERS, CartScene

PACE = Pace(poll_seconds=0.001, lease_seconds=45.0, leave_seconds=0.01)
CARTS = tuple(NUMBERS)


async def paid_carts(scene: CartScene) -> list[str]:
    """A paid cart with one bill of each biller; their references."""
    return [(await scene.paid(name)).reference for name in CARTS]


def ends(scene: CartScene) -> list[BillEnd | None]:
    return [one.end for cart in scene.carts.carts.values() for one in cart.bills]


async def test_carts_that_were_paid_are_seen_through() -> None:
    scene = CartScene()
    await paid_carts(scene)
    stop = asyncio.Event()
    job = asyncio.create_task(run_carts(scene.office, PACE, stop))
    async with asyncio.timeout(60):
        while None in ends(scene):  # noqa: ASYNC110 - the job has no event
            await asyncio.sleep(0.001)
    stop.set()
    await job
    assert scene.book() == dict.fromkeys(CARTS, 105_000)


async def test_a_biller_that_hangs_keeps_its_own_cart_and_no_other() -> None:
    scene = CartScene()
    await paid_carts(scene)
    scene.billers["titas"].gate = asyncio.Event()
    worker = CartWorker(scene.office, 45.0)
    assert await worker.take_up() == 3
    async with asyncio.timeout(60):
        while ends(scene).count(None) > 1:  # noqa: ASYNC110 - the job has no event
            await asyncio.sleep(0)
    assert await worker.take_up() == 0
    scene.billers["titas"].gate.set()
    await worker.slots.settle(60)
    assert ends(scene) == [BillEnd.PAID] * 3


async def test_carts_of_a_biller_that_hangs_take_no_slot_of_another() -> None:
    scene = CartScene()
    for number in range(3):
        scene.bill("titas", f"09251234500{number}", 5_000)
        cart = await add_bill("", "titas", {"bill_no": f"09251234500{number}"}, scene.office)
        assert isinstance(cart, StoredCart)
        await order_cart(cart, PayerLanguage.BANGLA, scene.office)
        scene.checkout_says(scene.carts.standing(cart.cart_id), State.COMPLETED)
    await scene.paid("wasa")
    scene.billers["titas"].gate = asyncio.Event()
    worker = CartWorker(scene.office, 45.0, Slots(per_far_side=2))
    assert await worker.take_up() == 4
    assert worker.slots.counts == {"titas": 2, "wasa": 1}
    async with asyncio.timeout(60):
        while scene.book() != {"wasa": 105_000, "titas": 10_000}:  # noqa: ASYNC110 - the job has no event
            await asyncio.sleep(0)
    scene.billers["titas"].gate.set()
    await worker.slots.settle(60)
    scene.small.clock.pass_by(46)
    assert await worker.take_up() == 1
    await worker.slots.settle(60)
    assert ends(scene) == [BillEnd.PAID] * 4


async def test_a_cart_that_breaks_keeps_nobody_else_waiting() -> None:
    scene = CartScene()
    await paid_carts(scene)
    scene.small.books.trouble.append(RuntimeError("a bug"))
    worker = CartWorker(scene.office, 45.0)
    await worker.take_up()
    await worker.slots.settle(60)
    assert ends(scene).count(None) == 1
    scene.small.clock.pass_by(46)
    assert await worker.take_up() == 1
    await worker.slots.settle(60)
    assert ends(scene) == [BillEnd.PAID] * 3
