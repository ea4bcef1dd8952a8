"""The bills of a paid cart: each is paid once, or its payer has its money back once, whatever befalls us."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.bill import BillerSilent
from ekpay_switch.domain.carts.bill_cart import BillEnd, PaidUp, StoredCart
from ekpay_switch.domain.merchants.shares import apportion
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.flows.carts.pay_cart import pay_cart
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from tests.fakes.billers import LOSES_ANSWER, LOSES_ORDER, Deed
from tests.fakes.carts import CHARGES, NUMBERS, CartScene
from tests.fakes.crash_points import CrashError

REFUSES = Deed(Declined("refused", "328"))
AWAY = Deed(Unreached("connection refused"))
PRICE, BILL = 315_000, 105_000
WHOLE = PRICE + sum(part.minor for part in CHARGES.values())
POINTS = [
    f"{side} {step}"
    for step in ("fund", "claim", "pay", "record", "end_bill", "plan_refund", "request_refund")
    for side in ("before", "after")
]


def refunds(scene: CartScene) -> dict[str, int]:
    return {name.rpartition(":")[2]: new.amount.minor for name, new in scene.refunds.requested.items()}


async def a_while_later(scene: CartScene, cart: StoredCart, rounds: int = 12) -> StoredCart:
    """The worker and the resolver look every ten minutes; either may be killed, and comes back."""
    for _ in range(rounds):
        scene.small.clock.pass_by(600)
        try:
            for leased in await scene.small.books.lease_due(16, 60.0):
                await resolve_in_doubt(leased, scene.world)
            for due in await scene.carts.lease_due(8, 60.0):
                await pay_cart(due, scene.office)
        except CrashError:
            continue
    return scene.carts.standing(cart.cart_id)


def assert_the_money_adds_up(scene: CartScene, cart: StoredCart) -> None:
    """What billers do not have is refunded to the paisa; each bill has one payment at most."""
    standing = scene.carts.standing(cart.cart_id)
    assert all(one.end is not None for one in standing.bills)
    paid = sum(one.bill.amount.minor for one in standing.bills if one.end is BillEnd.PAID)
    assert sum(scene.book().values()) == paid
    assert scene.balances() == (0, 0, PRICE - paid)
    back = sum(new.amount.minor for new in scene.refunds.requested.values())
    shares = apportion(back, [PRICE, *(part.minor for part in CHARGES.values())])
    assert shares[0] == PRICE - paid
    assert (back == WHOLE) == (paid == 0)
    assert cart.cart_id not in scene.carts.due_at


async def test_each_bill_of_a_paid_cart_is_paid_to_its_biller() -> None:
    scene = CartScene()
    cart = await scene.worked(await scene.paid())
    assert [one.end for one in cart.bills] == [BillEnd.PAID] * 3
    assert cart.bills[0].receipts is not None
    assert scene.book() == dict.fromkeys(NUMBERS, BILL)
    assert refunds(scene) == {}
    assert_the_money_adds_up(scene, cart)


async def test_the_money_is_in_the_prefund_before_a_biller_is_asked() -> None:
    scene = CartScene()
    cart = await scene.paid("titas")
    scene.small.steps.taken.clear()
    await scene.worked(cart)
    assert scene.small.steps.taken == ["fund", "claim", "pay", "record", "end_bill", "plan_refund"]


@pytest.mark.parametrize(
    "state", [State.CREATED, State.COLLECTING, State.EXPIRED, State.DECLINED, State.REFUNDED, State.IN_REVIEW]
)
async def test_a_cart_that_is_not_paid_pays_nothing(state: State) -> None:
    scene = CartScene()
    cart = await scene.ordered()
    scene.checkout_says(cart, state)
    standing = await scene.worked(cart)
    assert standing.paid_up is not PaidUp.FUNDED
    assert (scene.book(), scene.balances()) == ({}, (0, 0, 0))


async def test_a_cart_without_an_order_pays_nothing() -> None:
    scene = CartScene()
    assert (await scene.worked(await scene.filled())).paid_up is PaidUp.WAITS


@pytest.mark.parametrize("deed", [REFUSES, AWAY])
async def test_what_one_biller_does_not_take_is_given_back_alone(deed: Deed) -> None:
    scene = CartScene()
    scene.billers["titas"].deeds.append(deed)
    cart = await scene.worked(await scene.paid())
    assert [one.end for one in cart.bills] == [BillEnd.PAID, BillEnd.GIVEN_BACK, BillEnd.PAID]
    assert refunds(scene) == {"1": 105_833}
    (new,) = scene.refunds.requested.values()
    assert (new.partner_id, new.needs_approval) == ("portal", False)
    await scene.worked(cart)
    assert_the_money_adds_up(scene, cart)


async def test_a_cart_of_which_nothing_was_paid_comes_back_whole_with_its_charges() -> None:
    scene = CartScene()
    for biller in scene.billers.values():
        biller.deeds.append(REFUSES)
    cart = await scene.worked(await scene.paid())
    assert refunds(scene) == {"1": WHOLE}
    await scene.worked(cart)
    assert_the_money_adds_up(scene, cart)


async def test_a_bill_in_doubt_keeps_the_others_from_nothing_and_ends_by_its_billers_word() -> None:
    scene = CartScene()
    scene.billers["desco_postpaid"].deeds.append(LOSES_ANSWER)
    scene.billers["titas"].deeds.append(REFUSES)
    cart = await scene.worked(await scene.paid())
    assert [one.end for one in cart.bills] == [None, BillEnd.GIVEN_BACK, BillEnd.PAID]
    assert refunds(scene) == {"1": 105_833}
    later = await a_while_later(scene, cart)
    assert [one.end for one in later.bills] == [BillEnd.PAID, BillEnd.GIVEN_BACK, BillEnd.PAID]
    assert_the_money_adds_up(scene, cart)


async def test_a_bill_that_was_never_heard_of_is_sent_again_or_given_back_and_never_both() -> None:
    scene = CartScene()
    scene.billers["desco_postpaid"].deeds += [LOSES_ORDER, LOSES_ORDER]
    cart = await scene.worked(await scene.paid())
    await a_while_later(scene, cart)
    assert_the_money_adds_up(scene, cart)


@pytest.mark.parametrize("point", POINTS)
async def test_whatever_step_we_die_at_each_bill_ends_once(point: str) -> None:
    scene = CartScene()
    scene.billers["titas"].deeds.append(REFUSES)
    cart = await scene.paid()
    scene.small.steps.crash_at = point
    with pytest.raises(CrashError):
        await scene.worked(cart)
    await a_while_later(scene, cart)
    assert_the_money_adds_up(scene, cart)


async def test_an_old_quote_is_renewed_where_the_bill_still_costs_the_same() -> None:
    scene = CartScene()
    cart = await scene.paid("titas")
    scene.small.clock.pass_by(20 * 60)
    assert [one.end for one in (await scene.worked(cart)).bills] == [BillEnd.PAID]


@pytest.mark.parametrize("how", ["dearer", "gone", "paid"])
async def test_a_bill_that_is_another_by_now_is_given_back(how: str) -> None:
    scene = CartScene()
    cart = await scene.paid("titas")
    scene.small.clock.pass_by(20 * 60)
    if how == "dearer":
        scene.bill("titas", NUMBERS["titas"], BILL + 1)
    elif how == "gone":
        scene.billers["titas"].bills.clear()
    else:
        scene.bill("titas", NUMBERS["titas"], BILL, is_paid=True)
    assert [one.end for one in (await scene.worked(cart)).bills] == [BillEnd.GIVEN_BACK]
    assert scene.book() == {}


async def test_a_silent_biller_is_waited_for_an_hour_and_then_given_up() -> None:
    scene = CartScene()
    cart = await scene.paid("titas")
    scene.small.clock.pass_by(20 * 60)
    scene.billers["titas"].replies += [BillerSilent("no answer")] * 2
    waiting = await scene.worked(cart)
    assert (waiting.bills[0].state, waiting.bills[0].end) == (None, None)
    assert cart.cart_id in scene.carts.due_at
    scene.small.clock.pass_by(3_600)
    assert [one.end for one in (await scene.worked(cart)).bills] == [BillEnd.GIVEN_BACK]
    assert scene.book() == {}


async def test_a_biller_that_is_no_longer_configured_waits_for_a_person() -> None:
    scene = CartScene()
    cart = await scene.paid("titas")
    scene.small.billers.known.clear()
    assert [one.end for one in (await scene.worked(cart)).bills] == [None]
    assert cart.cart_id in scene.carts.due_at


async def test_a_refund_that_is_refused_stays_planned_and_is_requested_again() -> None:
    scene = CartScene()
    scene.billers["titas"].deeds.append(REFUSES)
    scene.refunds.refusal = RefundRefusal.EXCEEDS_REMAINING
    cart = await scene.worked(await scene.paid())
    assert [refund.state for refund in cart.refunds] == [None]
    assert cart.cart_id in scene.carts.due_at
    scene.refunds.refusal = None
    await a_while_later(scene, cart)
    assert_the_money_adds_up(scene, cart)


async def test_a_connector_that_gives_back_once_is_asked_once_for_all() -> None:
    scene = CartScene()
    profile = scene.small.connector.profile
    assert profile.refunds is not None
    scene.small.connector.profile = replace(profile, refunds=replace(profile.refunds, parts_max=1))
    scene.billers["desco_postpaid"].deeds.append(LOSES_ORDER)
    scene.billers["titas"].deeds.append(REFUSES)
    cart = await scene.worked(await scene.paid())
    assert refunds(scene) == {}
    scene.billers["desco_postpaid"].deeds.append(REFUSES)
    await a_while_later(scene, cart)
    assert list(refunds(scene)) == ["1"]
    assert_the_money_adds_up(scene, cart)


async def test_without_a_funding_finance_gives_back_by_hand() -> None:
    """The connector is gone: the refund is requested all the same, and people pay it."""
    scene = CartScene()
    scene.billers["titas"].deeds.append(REFUSES)
    cart = await scene.paid()
    scene.small.connectors.known.clear()
    await scene.worked(cart)
    assert refunds(scene) == {"1": 105_833}
    order = scene.order_of(cart)
    scene.small.merchant_payments.payments[order.payment_id] = replace(order, funding=None)
    await scene.worked(cart)
    assert Money(BILL) == cart.bills[0].bill.amount


async def test_a_cart_whose_payment_is_not_found_requests_no_refund() -> None:
    scene = CartScene()
    scene.billers["titas"].deeds.append(REFUSES)
    cart = await scene.worked(await scene.paid())
    scene.refunds.requested.clear()
    order = scene.order_of(cart)
    known = scene.carts.standing(cart.cart_id)
    del scene.small.merchant_payments.payments[order.payment_id]
    await pay_cart(replace(known, is_funded=True), scene.office)
    assert refunds(scene) == {}
