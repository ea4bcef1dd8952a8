"""Telling a merchant again, one payment or a range: listed, counted first, and logged as such."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.notifications import EndpointKind
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.merchants.directory import UnknownMerchantError, partner_of_merchant
from ekpay_switch.persistence.notifications.delivery_log import (
    IpnNotReplayedError,
    RangeCount,
    ReplayRange,
    UnknownNotificationError,
    count_range,
    replay_ipn_of,
    replay_notification,
    replay_range,
)
from ekpay_switch.persistence.notifications.ipn_log import (
    UNWANTED,
    IpnFilter,
    NoSuchIpnError,
    list_ipns,
    payment_of_ipn,
)
from ekpay_switch.persistence.payments.payment_details import read_payment_details
from tests.persistence.notifications.ipn_setup import Stand, a_stand
from tests.persistence.notifications.notifier_setup import DUE, UNPAUSED, Post, a_receiver, answering
from tests.wire.scripted_peer import rude_peer

HOUR = timedelta(hours=1)
USED_UP = "UPDATE notification_deliveries SET tries = 9 WHERE state = 'waiting'"


@pytest.fixture
async def stand(post: Post) -> AsyncIterator[Stand]:
    async with a_stand(post) as stand:
        yield stand


def the_last_hour(**more: object) -> ReplayRange:
    now = datetime.now(UTC)
    chosen = {"kind": EndpointKind.IPN, **more}
    return ReplayRange("shop", now - HOUR, now + HOUR, **chosen)  # type: ignore[arg-type]


async def given_up(stand: Stand, count: int, url: str) -> list[UUID]:
    """Payments whose IPNs used up their tries."""
    sold = [await stand.ordered(f"{url}/{number}") for number in range(count)]
    for payment_id in sold:
        await stand.ends(payment_id, "completed")
    await stand.post.notifications.fan_out()
    await stand.books.tell(USED_UP)
    for _ in range(count):
        await stand.post.round()
        await stand.books.tell(UNPAUSED)
    return sold


# ---- one


async def test_a_delivered_ipn_is_sent_again_with_the_document_of_now_and_logged_as_a_replay(
    stand: Stand,
) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.sold(peer)
        await stand.post.round()
        assert await replay_ipn_of(stand.post.engine, payment_id) == 1
        await stand.post.round()
        first, second = peer.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert json.loads(first.body) == json.loads(second.body)
    assert await stand.tries(payment_id) == [(200, False), (200, True)]
    assert await stand.post.states() == ["delivered"]


async def test_one_notification_is_replayed_by_its_own_id(stand: Stand) -> None:
    async with rude_peer(answering(200)) as peer, a_receiver(stand.post, "shop") as (receiver, line):
        payment_id = await stand.ordered(peer.url("/ipn"))
        notification_id = await stand.ends(payment_id, "completed")
        await stand.post.round()
        engine = stand.post.engine
        assert await replay_notification(engine, notification_id, kind=EndpointKind.IPN) == 1
        await stand.post.round()
        assert (len(peer.heard), len(receiver.received_ids)) == (2, 1)
        assert await replay_notification(engine, notification_id, line.id) == 1
        assert await replay_notification(engine, notification_id) == 2


async def test_only_the_newest_ipn_of_a_payment_is_sent_again(stand: Stand) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.ordered(peer.url("/ipn"))
        older = await stand.ends(payment_id, "expired")
        await stand.post.round()
        await stand.ends(payment_id, "completed", 9)
        await stand.post.round()
        with pytest.raises(IpnNotReplayedError):
            await replay_notification(stand.post.engine, older)
        assert await replay_ipn_of(stand.post.engine, payment_id) == 1
        await stand.post.round()
        assert [json.loads(heard.body)["msg_code"] for heard in peer.heard] == ["1021", "1020", "1020"]


async def test_an_ipn_on_its_way_is_not_sent_beside_itself(stand: Stand) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.sold(peer)
        await stand.post.notifications.fan_out()
        (leased,) = await stand.post.notifications.lease_due(10, 30)
        with pytest.raises(IpnNotReplayedError):
            await replay_ipn_of(stand.post.engine, payment_id)
        assert (await count_range(stand.post.engine, the_last_hour())).deliveries == 0
        assert await stand.post.notifications.lease_due(10, 30) == []
        assert leased.payment_id == payment_id


async def test_what_no_order_asked_for_is_not_replayed(stand: Stand) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.ordered(peer.url("/ipn"), "0")
        with pytest.raises(UnknownNotificationError):
            await replay_ipn_of(stand.post.engine, payment_id)
        await stand.ends(payment_id, "completed")
        await stand.post.round()
        with pytest.raises(IpnNotReplayedError):
            await replay_ipn_of(stand.post.engine, payment_id)
        assert peer.heard == []


async def test_a_replay_says_nothing_that_is_not_so(stand: Stand) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.sold(peer)
        await stand.post.round()
        await stand.reads(payment_id, State.IN_REVIEW)
        assert await replay_ipn_of(stand.post.engine, payment_id) == 1
        await stand.post.round()
        assert len(peer.heard) == 1
    assert await stand.whys(payment_id) == ["the payment reads 1023 meanwhile"]


# ---- a range


async def test_a_range_of_what_was_given_up_is_counted_first_and_then_sent(stand: Stand) -> None:
    async with rude_peer(answering(500, 500, 500, 200)) as peer:
        lost = await given_up(stand, 3, peer.url(""))
        taken = await stand.sold(peer)
        await stand.books.tell(UNPAUSED)
        await stand.post.round()
        engine, wanted = stand.post.engine, the_last_hour(is_failed_only=True)
        assert await count_range(engine, wanted) == RangeCount(4, 3)
        assert [await stand.deliveries(one) for one in lost] == [[("completed", "given_up")]] * 3
        looked_at: list[int] = []
        assert await replay_range(engine, wanted, looked_at.append) == 3
        assert looked_at == [4]
        await stand.post.rounds(2)
        assert len(peer.heard) == 7
    assert {await _last_try(stand, one) for one in lost} == {(200, True)}
    assert await stand.tries(taken) == [(200, False)]
    assert await count_range(stand.post.engine, the_last_hour()) == RangeCount(4, 4)


async def test_a_range_is_of_one_merchant_and_one_kind(stand: Stand) -> None:
    await stand.shop.merchant("other")
    async with rude_peer(answering(200)) as peer, a_receiver(stand.post, "shop") as (receiver, _):
        await stand.sold(peer)
        await stand.ends(await stand.ordered(peer.url("/o"), partner_id="other"), "completed")
        await stand.post.round()
        assert await replay_range(stand.post.engine, the_last_hour()) == 1
        await stand.post.round()
        assert len(peer.heard) == 3
        assert await replay_range(stand.post.engine, the_last_hour(kind=EndpointKind.WEBHOOK)) == 1
        await stand.post.round()
        assert (len(peer.heard), len(receiver.received_ids)) == (3, 2)


# ---- the list


async def test_the_list_says_how_each_ipn_stands_and_why_one_is_not_sent(stand: Stand) -> None:
    async with rude_peer(answering(500, 200)) as peer:
        failed = await stand.ordered(peer.url("/a"))
        await stand.ends(failed, "cancelled")
        await stand.post.round()
        for channel, uri in (("0", peer.url("/b")), ("2", peer.url("/b")), ("3", "")):
            await stand.ends(await stand.ordered(uri, channel), "completed")
        await stand.post.rounds(2)
        await stand.ends(await stand.ordered(peer.url("/c"), trnx_id="T-9"), "completed")
        found = list(await list_ipns(stand.post.engine, IpnFilter("shop")))
    shown = [(line["code"], line["state"], line["why"], line["tries"]) for line in reversed(found)]
    assert shown == [
        ("1022", "waiting", "HTTP 500", 1),
        ("1020", UNWANTED, "ipn_channel is 0", 0),
        ("1020", UNWANTED, "ipn_channel 2 asks for mail alone, and no mail is sent", 0),
        ("1020", UNWANTED, "ipn_uri is empty", 0),
        ("1020", "waiting", "", 0),
    ]
    assert (found[0]["trnx_id"], found[0]["mer_reg_id"], found[0]["url"]) == (
        "T-9",
        "shop_test",
        peer.url("/c"),
    )
    some = await list_ipns(stand.post.engine, IpnFilter("shop", None, [UNWANTED], 2))
    assert [line["why"] for line in some] == [
        "ipn_uri is empty",
        "ipn_channel 2 asks for mail alone, and no mail is sent",
    ]
    assert [
        line["payment_id"] for line in await list_ipns(stand.post.engine, IpnFilter(payment_id=failed))
    ] == [failed]
    assert await list_ipns(stand.post.engine, IpnFilter("bank1")) == []


async def test_a_merchant_is_found_by_either_name_and_an_ipn_by_either_id(stand: Stand) -> None:
    engine = stand.post.engine
    assert await partner_of_merchant(engine, "shop") == "shop"
    assert await partner_of_merchant(engine, "shop_test") == "shop"
    with pytest.raises(UnknownMerchantError):
        await partner_of_merchant(engine, "bank1")
    payment_id = await stand.ordered("https://shop.example/ipn")
    notification_id = await stand.ends(payment_id, "completed")
    assert await payment_of_ipn(engine, payment_id) == (payment_id, None)
    assert await payment_of_ipn(engine, notification_id) == (payment_id, notification_id)
    (of_a_bank,) = await stand.post.completed()
    with pytest.raises(NoSuchIpnError):
        await payment_of_ipn(engine, of_a_bank)


async def test_the_story_of_a_payment_names_the_address_of_its_order(stand: Stand) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.sold(peer, "/ipn/7")
        await stand.post.round()
        await stand.books.tell(DUE)
        story = await read_payment_details(stand.post.engine, payment_id)
    assert story is not None
    assert [delivery["url"] for delivery in story.deliveries] == [peer.url("/ipn/7")]


async def _last_try(stand: Stand, payment_id: UUID) -> tuple[int | None, bool]:
    return (await stand.tries(payment_id))[-1]
