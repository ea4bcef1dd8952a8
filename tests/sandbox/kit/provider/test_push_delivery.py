"""What is sent to the merchant's server, and how often."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.callers.payer.payer import PayerDecision
from sandbox.kit.institution.clock import Clock
from tests.sandbox.caller import SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.provider.sample_family import Merchant, Sample, Shop, a_shop, gateway_settings


@pytest.fixture
async def shop(merchant: Merchant) -> AsyncIterator[Shop]:
    async with a_shop() as shop:
        merchant.return_url, merchant.push_url = f"{shop.url}/return", f"{shop.url}/push"
        yield shop


async def pushes_of(merchant: Merchant) -> list[tuple[str, int, int | None, bool]]:
    pushes = (await merchant.admin("GET", "pushes?house=getpay"))["pushes"]
    return [(one["kind"], one["tries"], one["status"], one["over_at"] != "") for one in pushes]


@pytest.mark.parametrize(
    ("kind", "behaviour", "told"),
    [
        ("normal", PayerDecision.APPROVE, [("notice", "paid")]),
        ("declined", PayerDecision.APPROVE, [("notice", "declined")]),
        ("normal", PayerDecision.CANCEL, [("notice", "cancelled")]),
        ("push_twice", PayerDecision.APPROVE, [("again", "paid"), ("notice", "paid")]),
        ("push_forged", PayerDecision.APPROVE, [("forged", "paid")]),
        ("push_unfounded", PayerDecision.APPROVE, [("unfounded", "paid")]),
    ],
)
async def test_each_end_is_told_as_its_payer_says(
    merchant: Merchant, shop: Shop, kind: str, behaviour: PayerDecision, told: list[tuple[str, str]]
) -> None:
    reference, _ = await merchant.a_visited(kind, behaviour)
    await shop.until(pushes=len(told))
    assert sorted((push["kind"], push["status"]) for push in shop.pushes) == told
    assert {push["order"] for push in shop.pushes} == {reference}


async def test_a_forged_push_is_signed_in_another_way(merchant: Merchant, shop: Shop) -> None:
    reference, _ = await merchant.a_visited()
    for kind in ("again", "forged", "unfounded", "week_late"):
        await merchant.admin("POST", "push", {"house": "getpay", "reference": reference, "kind": kind})
    signs = dict(zip([push["kind"] for push in shop.pushes], shop.signs, strict=True))
    assert signs["notice"] == signs["again"] == signs["unfounded"] == signs["week_late"] != signs["forged"]
    dated = {push["kind"]: push["at"] for push in shop.pushes}
    assert (dated["notice"], dated["week_late"]) == ("2026-03-10T06:00:00+00:00", "2026-03-03T06:00:00+00:00")


async def test_a_push_is_repeated_until_it_is_taken(merchant: Merchant, shop: Shop) -> None:
    shop.refusals = 2
    await merchant.a_visited()
    await shop.until(pushes=3)
    async for _ in _until_over(merchant):
        pass
    assert await pushes_of(merchant) == [("notice", 3, 200, True)]


async def test_a_push_that_nobody_takes_is_given_up_and_sent_again_after_a_restart(
    tmp_path: Path, clock: SetClock
) -> None:
    async with a_shop(refusals=4) as shop:
        for tries in (4, 1):
            async with served(Sample.open(gateway_settings(tmp_path), Clock(clock.now))) as (session, origin):
                merchant = Merchant(session, origin, push_url=f"{shop.url}/push")
                if tries == 4:
                    await merchant.log_in()
                    await merchant.a_visited()
                await shop.until(pushes=4 if tries == 4 else 5)
                if tries == 1:
                    async for _ in _until_over(merchant):
                        pass
                assert (await pushes_of(merchant))[0][:2] == ("notice", tries)
        assert len(shop.pushes) == 5


async def test_pushes_that_never_come_by_themselves_come_on_demand(merchant: Merchant, shop: Shop) -> None:
    reference, _ = await merchant.a_visited("push_never")
    assert await pushes_of(merchant) == []
    answer = await merchant.admin("POST", "push", {"house": "getpay", "reference": reference, "times": 2})
    assert answer == {"sent": 2, "kind": "notice"}
    assert len(shop.pushes) == 2


async def test_a_push_can_come_before_the_browser(merchant: Merchant, shop: Shop) -> None:
    await merchant.a_visited("push_first", follow=True)
    assert shop.order == ["push", "return"]


async def test_a_return_can_come_twice(merchant: Merchant, shop: Shop) -> None:
    await merchant.a_visited("return_twice", follow=True)
    await shop.until(returns=2)
    assert shop.returns[0] == shop.returns[1]
    assert shop.returns[0][0] == "GET"


async def test_a_return_by_form_can_come_twice(by_card: Merchant, merchant: Merchant, shop: Shop) -> None:
    by_card.return_url = merchant.return_url
    await by_card.a_visited("return_twice", follow=True)
    await shop.until(returns=2)
    assert shop.returns[0] == shop.returns[1]
    assert shop.returns[0][0] == "POST"


async def test_what_was_pending_is_told_once_it_is_decided(
    merchant: Merchant, shop: Shop, clock: SetClock
) -> None:
    await merchant.a_visited("pending_then_paid")
    assert shop.pushes == []
    clock.advance(seconds=120)
    await shop.until(pushes=1)
    assert shop.pushes[0]["status"] == "paid"


async def test_refunds_are_told_where_the_family_wants_it(merchant: Merchant, shop: Shop) -> None:
    reference, _ = await merchant.a_visited()
    refund = await merchant.refund(reference, "20.00", "RF1")
    await shop.until(pushes=2)
    assert {push["refund"] for push in shop.pushes} == {"", refund["refund"]}


async def test_without_an_address_nothing_is_sent_nor_owed(merchant: Merchant) -> None:
    await merchant.a_visited()
    async for _ in _until_over(merchant):
        pass
    assert await pushes_of(merchant) == [("notice", 0, None, True)]


async def _until_over(merchant: Merchant) -> AsyncIterator[None]:
    while not all(is_over for *_, is_over in await pushes_of(merchant)):
        yield
