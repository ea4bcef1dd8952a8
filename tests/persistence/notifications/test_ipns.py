"""IPNs in real books: which there are, where they go, in which order, and what a dead address costs."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from ekpay_switch.domain.notifications import FAILURES_MAX, IPN_CODES, TRIES_MAX
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.merchants.merchant_document import instrument_lookup, payment_document
from ekpay_switch.persistence.notifications.endpoints import Endpoints, IpnEndpointError, rotate_key_within
from tests.persistence.notifications.ipn_setup import ALL_ENDS, Stand, a_stand, settled
from tests.persistence.notifications.notifier_setup import (
    DUE,
    LEASE_OVER,
    UNPAUSED,
    Post,
    a_receiver,
    answering,
)
from tests.persistence.own_transaction import in_transaction
from tests.wire.scripted_peer import Caller, rude_peer


@pytest.fixture
async def stand(post: Post) -> AsyncIterator[Stand]:
    async with a_stand(post) as stand:
        yield stand


# ---- which there are, and where they go


@pytest.mark.parametrize("notice", ALL_ENDS)
async def test_an_end_is_posted_to_the_address_of_its_order(stand: Stand, notice: str) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.sold(peer, "/ipn/abc?c=7", notice)
        await stand.post.round()
        (heard,) = peer.heard
    assert (heard.method, heard.path) == ("POST", "/ipn/abc?c=7")
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["webhook-id"].startswith("msg_")
    assert heard.headers["webhook-signature"].startswith("v1a,")
    assert json.loads(heard.body)["msg_code"] == IPN_CODES[notice].value
    assert await stand.deliveries(payment_id) == [(notice, "delivered")]


async def test_the_body_is_the_document_of_the_payment_as_it_stands(stand: Stand) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.sold(peer)
        await stand.post.round()
        merchants = stand.post.office().merchants
        payment = await merchants.payments.by_id(payment_id)
        assert payment is not None
        told = payment_document(payment, merchants.token_of(payment), instrument_lookup(merchants.connectors))
        assert json.loads(peer.heard[0].body) == told


@pytest.mark.parametrize(
    ("channel", "uri", "count"),
    [
        ("0", "{}", 0),
        ("1", "{}", 1),
        ("2", "{}", 0),
        ("3", "{}", 1),
        ("3", "", 0),
        ("1", "", 0),
        ("", "{}", 0),
    ],
)
async def test_an_ipn_is_sent_where_the_order_asks_for_it(
    stand: Stand, channel: str, uri: str, count: int
) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.ordered(uri.format(peer.url("/ipn")), channel)
        await stand.ends(payment_id, "completed")
        await stand.post.rounds(2)
        assert len(peer.heard) == count
    assert await stand.post.states() == ["delivered" if count else "unwanted"]


@pytest.mark.parametrize("notice", ["collected_mismatch", "refund_done", "refund_failed"])
async def test_what_is_no_end_is_no_ipn(stand: Stand, notice: str) -> None:
    async with rude_peer(answering(200)) as peer:
        await stand.ends(await stand.ordered(peer.url("/ipn")), notice)
        await stand.post.round()
        assert peer.heard == []
    assert await stand.post.states() == ["unwanted"]


async def test_webhooks_of_a_merchant_are_told_everything_as_before(stand: Stand) -> None:
    async with rude_peer(answering(200)) as peer, a_receiver(stand.post, "shop") as (receiver, _):
        payment_id = await stand.sold(peer)
        await stand.ends(payment_id, "refund_done", 6)
        await stand.reads(payment_id, State.COMPLETED)
        await stand.post.rounds(2)
        assert len(peer.heard) == 1
        assert [event["type"] for event in receiver.events.values()] == ["payment.completed", "refund.done"]


async def test_a_partner_that_is_no_merchant_has_no_ipns(stand: Stand) -> None:
    async with a_receiver(stand.post) as (receiver, _):
        await stand.post.completed()
        await stand.post.round()
        assert len(receiver.events) == 1
    assert await stand.books.value("SELECT count(*) FROM notification_deliveries") == 1


# ---- the first 2xx ends it


@pytest.mark.parametrize(
    "body",
    [b"", b"true", b"1", b"<html>Thank you</html>", b'{"success": false}', b"x" * (1 << 20)],
    ids=["empty", "true", "one", "html", "no success", "a megabyte"],
)
async def test_the_first_2xx_ends_it_whatever_it_says(stand: Stand, body: bytes) -> None:
    async def manners(caller: Caller) -> None:
        await caller.answer(body, 200)

    async with rude_peer(manners) as peer:
        payment_id = await stand.sold(peer)
        for _ in range(3):
            await stand.post.round()
            await stand.books.tell(DUE)
        assert len(peer.heard) == 1
    assert await stand.deliveries(payment_id) == [("completed", "delivered")]


async def test_a_later_try_has_the_same_code_and_id(stand: Stand) -> None:
    """Answers of a live client that fails by design (ekpay-merchant-api.md 2.6)."""
    async with rude_peer(answering(401, 403, 417, 500, 302, 201)) as peer:
        payment_id = await stand.sold(peer)
        for _ in range(7):
            await stand.post.round()
            await stand.books.tell(DUE)
            await stand.books.tell(UNPAUSED)
        assert len(peer.heard) == 6
    assert len({heard.headers["webhook-id"] for heard in peer.heard}) == 1
    assert {json.loads(heard.body)["msg_code"] for heard in peer.heard} == {"1020"}
    assert await stand.deliveries(payment_id) == [("completed", "delivered")]


# ---- one payment's IPNs, in order


async def test_an_older_ipn_never_follows_a_newer_one(stand: Stand) -> None:
    """Expired, and its IPN failed; then it turned out to be paid: the success alone is told."""
    async with rude_peer(answering(500, 200)) as peer:
        payment_id = await stand.sold(peer, notice="expired")
        await stand.post.round()
        await stand.ends(payment_id, "completed", 9)
        await stand.books.tell(DUE)
        for _ in range(3):
            await stand.post.round()
            await stand.books.tell(DUE)
        codes = [json.loads(heard.body)["msg_code"] for heard in peer.heard]
    assert codes == ["1021", "1020"]
    assert await stand.deliveries(payment_id) == [("expired", "given_up"), ("completed", "delivered")]
    assert (await stand.whys(payment_id))[0] == "a newer notice of the payment took its place"
    assert len(await stand.tries(payment_id)) == 2


async def test_two_ipns_of_one_payment_are_never_sent_side_by_side(stand: Stand) -> None:
    hold = asyncio.Event()
    codes: list[tuple[str, bool]] = []

    async def manners(caller: Caller) -> None:
        is_first = json.loads(caller.heard.body)["msg_code"] == "1021"
        if is_first:
            await hold.wait()
        codes.append((caller.heard.path, is_first))
        await caller.answer(b"", 500 if is_first else 200)

    async with rude_peer(manners) as peer:
        payment_id = await stand.sold(peer, notice="expired")
        other = await stand.ordered(peer.url("/other"))
        async with stand.post.notifier(), stand.post.notifier():
            await _until_heard(peer.heard, 1)
            await stand.ends(payment_id, "completed", 9)
            await stand.post.notifications.fan_out()
            # The merchant's second place is free, and the newer IPN of the same payment does not take it.
            for _ in range(10):
                assert await stand.post.notifications.lease_due(10, 30) == []
                await asyncio.sleep(0.02)
            assert len(peer.heard) == 1
            await stand.ends(other, "completed")
            await _until_heard(peer.heard, 2)
            hold.set()
            await settled(stand, payment_id)
            await settled(stand, other)
        await stand.books.tell(DUE)
        await stand.post.round()
    assert codes == [("/other", False), ("/ipn", True), ("/ipn", False)]
    assert await stand.deliveries(payment_id) == [("expired", "given_up"), ("completed", "delivered")]


async def test_the_same_end_after_a_review_is_not_told_again(stand: Stand) -> None:
    """A second success would be a second payment to some (ekpay-merchant-api.md 3.3)."""
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.sold(peer)
        await stand.post.round()
        await stand.ends(payment_id, "collected_mismatch", 6)
        await stand.ends(payment_id, "completed", 8)
        await stand.post.rounds(3)
        assert len(peer.heard) == 1
        await stand.ends(payment_id, "given_back", 12)
        await stand.post.round()
        assert [json.loads(heard.body)["msg_code"] for heard in peer.heard] == ["1020", "1021"]
    assert [state for _, state in await stand.deliveries(payment_id)] == ["delivered"] * 3
    assert (await stand.whys(payment_id))[1] == "the merchant took the same before"
    assert await stand.post.states() == ["delivered", "unwanted", "delivered", "delivered"]


async def test_a_payment_in_review_is_not_told_as_it_was(stand: Stand) -> None:
    async with rude_peer(answering(500, 200)) as peer:
        payment_id = await stand.sold(peer)
        await stand.post.round()
        await stand.reads(payment_id, State.IN_REVIEW)
        await stand.books.tell(DUE)
        await stand.post.rounds(2)
        assert len(peer.heard) == 1
        assert await stand.deliveries(payment_id) == [("completed", "given_up")]
        assert await stand.whys(payment_id) == ["the payment reads 1023 meanwhile"]
        await stand.ends(payment_id, "completed", 9)
        await stand.post.round()
        assert len(peer.heard) == 2
    assert stand.post.alarms.raised == []


async def test_a_process_that_died_while_it_sent_leaves_one_ipn_by_its_id(stand: Stand) -> None:
    async with rude_peer(answering(200)) as peer:
        payment_id = await stand.sold(peer)
        await stand.post.notifications.fan_out()
        await stand.post.notifications.lease_due(10, 30)
        await stand.books.tell(LEASE_OVER)
        await stand.post.round()
        assert len(peer.heard) == 1
    assert await stand.deliveries(payment_id) == [("completed", "delivered")]


# ---- dead and slow addresses


async def test_dead_addresses_pause_the_merchant_briefly_and_disable_nothing(stand: Stand) -> None:
    async with rude_peer(answering(500)) as dead, rude_peer(answering(200)) as alive:
        lost = [await stand.sold(dead, f"/{number}") for number in range(6)]
        await stand.post.notifications.fan_out()
        await stand.books.tell("UPDATE notification_deliveries SET tries = $1", TRIES_MAX - 1)
        for _ in range(8):
            await stand.post.round()
            await stand.books.tell(UNPAUSED)
        assert [await stand.deliveries(one) for one in lost] == [[("completed", "given_up")]] * 6
        assert [name for name, _ in stand.post.alarms.raised] == ["ipns_not_taken"]
        (line,) = await stand.post.endpoints.list("shop")
        assert (line.state, line.failures_in_a_row) == ("active", 6)
        good = await stand.sold(alive)
        await stand.post.round()
        assert await stand.deliveries(good) == [("completed", "delivered")]


async def test_five_failures_in_a_row_pause_the_queue_for_a_minute_at_most(stand: Stand) -> None:
    async with rude_peer(answering(500)) as dead:
        for number in range(FAILURES_MAX + 3):
            await stand.sold(dead, f"/{number}")
        for _ in range(FAILURES_MAX + 3):
            await stand.post.round()
        assert len(dead.heard) == FAILURES_MAX
        await stand.books.tell(
            "UPDATE notification_endpoints SET failures_in_a_row = 400, paused_until = NULL"
        )
        await stand.post.round()
    pause = "SELECT extract(epoch FROM paused_until - now())::float8 FROM notification_endpoints"
    assert 55 < await stand.books.value(pause) <= 60


@pytest.mark.parametrize("status", [410, 429, 503])
async def test_what_one_address_answers_concerns_its_own_order_alone(stand: Stand, status: int) -> None:
    async def manners(caller: Caller) -> None:
        await caller.answer(b"", status, "Retry-After: 86400\r\n")

    async with rude_peer(manners) as unwilling, rude_peer(answering(200)) as willing:
        first = await stand.sold(unwilling)
        await stand.post.round()
        second = await stand.sold(willing)
        await stand.post.round()
    ended = "given_up" if status == 410 else "waiting"
    assert await stand.deliveries(first) == [("completed", ended)]
    assert await stand.deliveries(second) == [("completed", "delivered")]
    (line,) = await stand.post.endpoints.list("shop")
    assert (line.state, line.paused_until) == ("active", None)


async def test_a_slow_merchant_holds_up_nobody_else(stand: Stand) -> None:
    await stand.shop.merchant("other")
    async with rude_peer(Caller.stay_silent) as silent, rude_peer(answering(200)) as quick:
        for number in range(5):
            await stand.sold(silent, f"/{number}")
        payment_id = await stand.ordered(quick.url("/ipn"), partner_id="other")
        async with stand.post.notifier(seconds=20):
            await _until_heard(silent.heard, 2)
            await stand.ends(payment_id, "completed")
            await settled(stand, payment_id)
        assert (len(silent.heard), len(quick.heard)) == (2, 1)


async def test_an_address_that_may_not_be_reached_is_a_failed_try_and_the_queue_goes_on(
    stand: Stand,
) -> None:
    async with rude_peer(answering(200)) as peer:
        near = await stand.ordered("https://127.0.0.1/ipn")
        await stand.ends(near, "completed")
        good = await stand.sold(peer)
        await stand.post.rounds(2)
    assert await stand.deliveries(near) == [("completed", "waiting")]
    assert await stand.whys(near) == ["the host has an address that is not public"]
    assert await stand.tries(near) == [(None, False)]
    assert await stand.deliveries(good) == [("completed", "delivered")]


async def test_an_end_without_money_is_told_six_times_at_most(stand: Stand) -> None:
    async with rude_peer(answering(400)) as peer:
        payment_id = await stand.sold(peer, notice="expired")
        for _ in range(12):
            await stand.post.round()
            await stand.books.tell(DUE)
        assert len(peer.heard) == 6
    assert await stand.deliveries(payment_id) == [("expired", "given_up")]
    assert [name for name, _ in stand.post.alarms.raised] == ["ipns_not_taken"]


# ---- what an operator may do with the place of a merchant's IPNs


async def test_the_place_of_a_merchants_ipns_cannot_be_disabled_and_its_key_can_be_changed(
    stand: Stand,
) -> None:
    (line,) = await stand.post.endpoints.list("shop")
    with pytest.raises(IpnEndpointError):
        await Endpoints(stand.post.engine).disable(line.id, "by mistake")
    rotated = await in_transaction(stand.post.engine, rotate_key_within, line.id, timedelta(hours=1))
    assert (rotated.kind, rotated.state, rotated.key_generations) == ("ipn", "active", (2, 1))
    async with rude_peer(answering(200)) as peer:
        await stand.sold(peer)
        await stand.post.round()
        assert peer.heard[0].headers["webhook-signature"].count("v1a,") == 2


async def _until_heard(heard: Sequence[object], count: int) -> None:
    async with asyncio.timeout(10):
        while len(heard) < count:  # noqa: ASYNC110 - what is waited for is a socket's doing
            await asyncio.sleep(0.01)
