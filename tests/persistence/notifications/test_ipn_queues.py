"""The two queues of a merchant's IPNs: successes, and other ends."""

import json
from collections.abc import AsyncIterator

import pytest

from ekpay_switch.domain.notifications import FAILURES_MAX
from tests.persistence.notifications.ipn_setup import Stand, a_stand
from tests.persistence.notifications.notifier_setup import Post, answering
from tests.wire.scripted_peer import Caller, rude_peer


@pytest.fixture
async def stand(post: Post) -> AsyncIterator[Stand]:
    async with a_stand(post) as stand:
        yield stand


async def test_a_merchant_that_refuses_cancelled_orders_hears_of_a_success_at_once(stand: Stand) -> None:
    """Some live clients answer 400 to whatever is no success."""
    codes: list[str] = []

    async def manners(caller: Caller) -> None:
        codes.append(json.loads(caller.heard.body)["msg_code"])
        await caller.answer(b"", 200 if codes[-1] == "1020" else 400)

    async with rude_peer(manners) as peer:
        for number in range(FAILURES_MAX + 5):
            await stand.sold(peer, f"/{number}", "cancelled")
        paid = await stand.sold(peer, "/paid")
        await stand.post.notifications.fan_out()
        # As if the worker had been away for an hour: the success is due last of all.
        await stand.books.tell(
            "UPDATE notification_deliveries SET next_try_at = next_try_at - interval '1 h'"
        )
        await stand.post.round()
        assert await stand.deliveries(paid) == [("completed", "delivered")]
        assert "1020" in codes[:2]
        for _ in range(FAILURES_MAX + 5):
            await stand.post.round()
    assert sorted(codes) == ["1020", *["1022"] * (FAILURES_MAX + 5)]
    (line,) = await stand.post.endpoints.list("shop")
    assert (line.failures_in_a_row, line.paused_until) == (0, None)


async def test_a_payer_who_left_does_not_wait_behind_successes_without_end(stand: Stand) -> None:
    """Its payer waits at the checkout until the shop was notified: one of the two places is for it."""
    async with rude_peer(answering(200)) as peer:
        for number in range(6):
            await stand.sold(peer, f"/{number}")
        await stand.post.notifications.fan_out()
        await stand.books.tell("UPDATE notification_deliveries SET next_try_at = now() - interval '1 h'")
        left = await stand.sold(peer, "/left", "cancelled")
        await stand.post.round()
        assert await stand.deliveries(left) == [("cancelled", "delivered")]


@pytest.mark.parametrize(
    ("failures", "under_way", "leased"),
    [
        (0, [], ["completed", "cancelled"]),
        (0, ["completed"], ["cancelled"]),
        (0, ["cancelled"], ["completed"]),
        (0, ["completed", "cancelled"], []),
        (1, [], ["completed"]),
        (1, ["cancelled"], []),
    ],
)
async def test_a_success_and_another_end_have_a_place_each(
    stand: Stand, failures: int, under_way: list[str], leased: list[str]
) -> None:
    async def lease(*notices: str) -> list[str]:
        for notice in notices:
            await stand.ends(await stand.ordered("https://shop.example/ipn"), notice)
        await stand.post.notifications.fan_out()
        found = await stand.post.notifications.lease_due(10, 30)
        return sorted((each.notice for each in found), reverse=True)

    for notice in under_way:
        assert await lease(notice) == [notice]
    await stand.books.tell("UPDATE notification_endpoints SET failures_in_a_row = $1", failures)
    assert await lease("cancelled", "cancelled", "completed", "completed") == leased
