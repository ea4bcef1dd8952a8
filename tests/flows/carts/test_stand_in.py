"""Stand-in: a bill whose biller could not be reached is paid there later, once, or its money goes back."""

from dataclasses import replace
from typing import Any

import pytest

from ekpay_switch.domain.bill import BillerSilent
from ekpay_switch.domain.carts.bill_cart import BillEnd, StoredCart
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Unreached
from ekpay_switch.flows.carts.pay_cart import stand_in_of
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.fakes.carts import NUMBERS, CartScene
from tests.fakes.crash_points import CrashError
from tests.flows.carts.test_pay_cart import POINTS, a_while_later, assert_the_money_adds_up

AWAY = Deed(Unreached("connection refused"))
HOURS = 24
TITAS = 1


def scene_of_pardon() -> CartScene:
    """Titas takes payments a day later, where it could not be reached."""
    scene = CartScene()
    titas = scene.billers["titas"]
    titas.profile = replace(titas.profile, stand_in_seconds=HOURS * 3_600.0)
    return scene


async def waiting(scene: CartScene) -> StoredCart:
    """A paid cart whose bill of Titas waits for Titas."""
    scene.billers["titas"].deeds.append(AWAY)
    cart = await scene.worked(await scene.paid())
    assert [one.end for one in cart.bills] == [BillEnd.PAID, None, BillEnd.PAID]
    assert cart.bills[TITAS].stand_in_until is not None
    return cart


async def test_it_is_paid_by_a_payment_of_its_own_once_its_biller_is_back() -> None:
    scene = scene_of_pardon()
    cart = await waiting(scene)
    scene.billers["titas"].deeds += [AWAY, AWAY]
    later = await a_while_later(scene, cart)
    assert later.bills[TITAS].end is BillEnd.PAID
    assert later.bills[TITAS].reference.endswith(":2:4")
    assert later.bills[TITAS].stand_in_until == cart.bills[TITAS].stand_in_until
    assert scene.book()["titas"] == 105_000
    assert_the_money_adds_up(scene, cart)


async def test_its_biller_is_asked_for_the_bill_before_it_is_paid() -> None:
    """Silence costs no payment, and the money waits until the promise is over."""
    scene = scene_of_pardon()
    cart = await waiting(scene)
    titas = scene.billers["titas"]
    titas.replies += [BillerSilent("down")] * 6
    payments = len(scene.small.books.payments)
    await a_while_later(scene, cart, 5)
    assert len(scene.small.books.payments) == payments
    titas.replies.extend([BillerSilent("down")] * 400)
    later = await a_while_later(scene, cart, HOURS * 6 + 6)
    assert later.bills[TITAS].end is BillEnd.GIVEN_BACK
    assert_the_money_adds_up(scene, cart)


@pytest.mark.parametrize(
    "change",
    [{"total": Money(110_000)}, {"is_paid": True}, {"bill_key": "that of the next month"}],
    ids=["another amount", "paid elsewhere", "the next bill of the account"],
)
async def test_a_bill_that_has_changed_meanwhile_goes_back(change: dict[str, Any]) -> None:
    scene = scene_of_pardon()
    cart = await waiting(scene)
    bills, number = scene.billers["titas"].bills, NUMBERS["titas"]
    bills[number] = replace(bills[number], **change)
    later = await a_while_later(scene, cart)
    assert later.bills[TITAS].end is BillEnd.GIVEN_BACK
    assert "titas" not in scene.book()
    assert_the_money_adds_up(scene, cart)


async def test_an_answer_that_is_lost_in_stand_in_ends_by_its_billers_word() -> None:
    scene = scene_of_pardon()
    cart = await waiting(scene)
    scene.billers["titas"].deeds.append(LOSES_ANSWER)
    later = await a_while_later(scene, cart)
    assert later.bills[TITAS].end is BillEnd.PAID
    assert_the_money_adds_up(scene, cart)


async def test_turned_off_a_bill_goes_back_at_once_and_a_promise_is_kept() -> None:
    scene = scene_of_pardon()
    promised = await waiting(scene)
    scene.stand_in_stops.billers.add("titas")
    assert not await stand_in_of("titas", scene.office)
    later = await a_while_later(scene, promised)
    assert later.bills[TITAS].end is BillEnd.PAID
    refused = scene_of_pardon()
    refused.stand_in_stops.billers.add("titas")
    refused.billers["titas"].deeds.append(AWAY)
    cart = await refused.worked(await refused.paid())
    assert cart.bills[TITAS].end is BillEnd.GIVEN_BACK


async def test_a_biller_without_a_pardon_or_a_manifest_has_no_stand_in() -> None:
    scene = scene_of_pardon()
    assert await stand_in_of("titas", scene.office)
    assert not await stand_in_of("wasa", scene.office)
    assert not await stand_in_of("gone", scene.office)


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_that_is_killed_in_stand_in_pays_once_or_gives_back(point: str) -> None:
    scene = scene_of_pardon()
    scene.billers["titas"].deeds += [AWAY, AWAY]
    cart = await scene.paid()
    for _ in range(3):
        scene.small.steps.crash_at = point
        try:
            await scene.worked(cart)
        except CrashError:
            continue
    scene.small.steps.crash_at = ""
    await a_while_later(scene, cart)
    assert_the_money_adds_up(scene, cart)
    assert scene.book() == dict.fromkeys(NUMBERS, 105_000)
