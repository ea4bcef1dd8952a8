"""Endpoints of partners, the log of what was sent to them, and sending it again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.notifications import EventType
from ekpay_switch.persistence.notifications.delivery_log import (
    REPLAYED_AT_ONCE,
    NoActiveEndpointError,
    ReplayRange,
    TryFilter,
    UnknownNotificationError,
    list_tries,
    replay_notification,
    replay_range,
)
from ekpay_switch.persistence.notifications.endpoints import (
    EndpointExistsError,
    UnknownEndpointError,
    rotate_key_within,
)
from ekpay_switch.persistence.parties.partners import UnknownPartnerError
from tests.persistence.notifications.notifier_setup import DUE, UNPAUSED, Post, a_receiver, answering
from tests.persistence.own_transaction import in_transaction
from tests.wire.scripted_peer import rude_peer

URL = "https://bank.example.com/hooks"
HOUR = timedelta(hours=1)


def the_last_hour(**more: object) -> ReplayRange:
    now = datetime.now(UTC)
    return ReplayRange("bank1", now - HOUR, now + HOUR, **more)  # type: ignore[arg-type]


# ---- endpoints


async def test_an_endpoint_is_active_and_wants_everything_from_the_start(post: Post) -> None:
    line = await post.endpoints.add("bank1", URL, [])
    assert (line.partner_id, line.url, line.state, line.disabled_why) == ("bank1", URL, "active", None)
    assert (line.events, line.key_generations, line.failures_in_a_row) == ((), (1,), 0)
    assert await post.endpoints.list() == [line]
    assert await post.endpoints.list("bank1") == [line]
    assert await post.endpoints.list("bank2") == []


async def test_a_partner_has_several_endpoints_each_url_once(post: Post) -> None:
    await post.books.partner("bank2", 1)
    await post.endpoints.add("bank1", URL, [EventType.REFUNDED, EventType.COMPLETED, EventType.REFUNDED])
    await post.endpoints.add("bank1", URL + "/more", [])
    await post.endpoints.add("bank2", URL, [])
    with pytest.raises(EndpointExistsError):
        await post.endpoints.add("bank1", URL, [])
    first, second = await post.endpoints.list("bank1")
    assert (first.events, second.events) == (("payment.completed", "payment.refunded"), ())


async def test_nobody_has_no_endpoints(post: Post) -> None:
    with pytest.raises(UnknownPartnerError):
        await post.endpoints.add("nobody", URL, [])
    unknown = UUID(int=1)
    for change in (
        post.endpoints.disable(unknown, "why"),
        post.endpoints.enable(unknown),
        in_transaction(post.engine, rotate_key_within, unknown, HOUR),
    ):
        with pytest.raises(UnknownEndpointError):
            await change
    assert await post.endpoints.key_generations(unknown) == ()


async def test_a_rotation_keeps_the_key_before_for_the_overlap(post: Post) -> None:
    line = await post.endpoints.add("bank1", URL, [])
    rotated = await in_transaction(post.engine, rotate_key_within, line.id, HOUR)
    assert rotated.key_generations == (2, 1)
    assert await post.endpoints.key_generations(line.id) == (2, 1)
    await post.books.tell("UPDATE notification_endpoints SET previous_key_until = now()")
    assert await post.endpoints.key_generations(line.id) == (2,)
    assert (await in_transaction(post.engine, rotate_key_within, line.id, timedelta(0))).key_generations == (
        3,
    )


async def test_a_disabled_endpoint_is_sent_nothing_until_it_is_enabled(post: Post) -> None:
    async with a_receiver(post) as (receiver, line):
        await post.completed()
        await post.notifications.fan_out()
        assert (
            await post.endpoints.disable(line.id, "asked by the bank")
        ).disabled_why == "asked by the bank"
        await post.rounds(2)
        assert (receiver.received_ids, await post.states()) == ([], ["given_up"])
        enabled = await post.endpoints.enable(line.id)
        assert (enabled.state, enabled.disabled_why, enabled.failures_in_a_row) == ("active", None, 0)
        await post.completed()
        await post.round()
        assert len(receiver.events) == 1


async def test_the_database_refuses_a_disabled_endpoint_without_a_reason(post: Post) -> None:
    await post.endpoints.add("bank1", URL, [])
    with pytest.raises(asyncpg.CheckViolationError, match="disabled_why"):
        await post.books.tell("UPDATE notification_endpoints SET state = 'disabled'")


# ---- sending again


async def test_a_delivered_message_is_replayed_under_its_id_with_a_new_time(post: Post) -> None:
    async with rude_peer(answering(204)) as peer:
        await post.endpoint(peer)
        await post.completed()
        await post.round()
        notification_id = await post.books.value("SELECT id FROM notifications")

        assert await replay_notification(post.engine, notification_id) == 1
        assert await post.states() == ["sending"]
        await post.round()

        first, second = peer.heard
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        assert await post.states() == ["delivered"]
        replays = await post.books.rows("SELECT number, is_replay FROM notification_tries ORDER BY id")
        assert [tuple(row) for row in replays] == [(1, False), (1, True)]


async def test_what_was_given_up_is_replayed_and_has_all_its_tries_again(post: Post) -> None:
    async with rude_peer(answering(500, 500, 204)) as peer:
        await post.endpoint(peer)
        await post.completed()
        await post.notifications.fan_out()
        await post.books.tell("UPDATE notification_deliveries SET tries = 9")
        await post.round()
        assert await post.states() == ["given_up"]

        assert await replay_range(post.engine, the_last_hour(is_failed_only=True)) == 1
        await post.round()
        await post.books.tell(DUE)
        await post.round()
        assert await post.states() == ["delivered"]
        assert await replay_range(post.engine, the_last_hour(is_failed_only=True)) == 0


async def test_a_range_is_of_one_partner_and_of_its_time(post: Post) -> None:
    await post.books.partner("bank2", 1, prefund=60_000)
    async with a_receiver(post) as (receiver, _), a_receiver(post, "bank2") as (other, _):
        await post.completed(2)
        await post.completed(1, "bank2", lane=1)
        await post.rounds(2)
        (early, _, _) = await post.books.rows("SELECT id FROM notifications ORDER BY id")
        past = "UPDATE notifications SET created_at = now() - interval '2 hours' WHERE id = $1"
        await post.books.tell(past, early["id"])

        assert await replay_range(post.engine, the_last_hour()) == 1
        await post.rounds(2)
        assert (len(receiver.received_ids), len(receiver.events), len(other.received_ids)) == (3, 2, 1)
        now = datetime.now(UTC)
        assert await replay_range(post.engine, ReplayRange("bank1", now - 9 * HOUR, now - 8 * HOUR)) == 0


async def test_a_long_range_is_replayed_part_by_part(post: Post) -> None:
    async with a_receiver(post):
        (payment_id,) = await post.completed()
        await post.notifications.fan_out()
        copies = """
        INSERT INTO notifications (id, payment_id, partner_id, notice, state)
        SELECT ('0' || substr(id::text, 2, 23) || lpad(to_hex(n), 12, '0'))::uuid, payment_id, partner_id,
          notice, 'unwanted' FROM notifications, generate_series(1, $1::int) AS n WHERE payment_id = $2
        """
        await post.books.tell(copies, REPLAYED_AT_ONCE + 10, payment_id)
        assert await replay_range(post.engine, the_last_hour()) == REPLAYED_AT_ONCE + 11
        assert set(await post.states()) == {"sending"}


async def test_a_new_endpoint_may_be_told_of_what_was_before_it(post: Post) -> None:
    await post.completed()
    await post.notifications.fan_out()
    assert await post.states() == ["unwanted"]
    async with a_receiver(post) as (receiver, line):
        assert await replay_range(post.engine, the_last_hour(is_failed_only=True)) == 0
        assert await replay_range(post.engine, the_last_hour(endpoint_id=UUID(int=1))) == 0
        assert await replay_range(post.engine, the_last_hour(endpoint_id=line.id)) == 1
        await post.round()
        assert len(receiver.events) == 1


async def test_what_arose_while_an_endpoint_was_disabled_counts_as_failed(post: Post) -> None:
    async with a_receiver(post) as (receiver, line):
        await post.endpoints.disable(line.id, "down for a day")
        await post.completed(2)
        await post.round()
        assert await post.states() == ["unwanted"] * 2
        await post.endpoints.enable(line.id)
        assert await replay_range(post.engine, the_last_hour(is_failed_only=True)) == 2
        await post.round()
        assert len(receiver.events) == 2


async def test_a_replay_takes_a_message_from_whoever_is_sending_it(post: Post) -> None:
    async with a_receiver(post) as (receiver, line):
        await post.completed()
        await post.notifications.fan_out()
        (held,) = await post.notifications.lease_due(10, 30)
        assert await replay_notification(post.engine, held.notification_id, line.id) == 1
        (again,) = await post.round()
        assert (again.epoch > held.epoch, again.is_replay, again.tries) == (True, True, 0)
        assert len(receiver.events) == 1


async def test_what_cannot_be_replayed_says_why(post: Post) -> None:
    with pytest.raises(UnknownNotificationError):
        await replay_notification(post.engine, UUID(int=1))
    await post.completed()
    notification_id = await post.books.value("SELECT id FROM notifications")
    with pytest.raises(UnknownNotificationError):
        await replay_notification(post.engine, notification_id)
    await post.notifications.fan_out()
    with pytest.raises(NoActiveEndpointError):
        await replay_notification(post.engine, notification_id)
    assert await post.states() == ["unwanted"]


# ---- the log


async def test_the_log_tells_each_try_and_where_its_delivery_stands(post: Post) -> None:
    await post.books.partner("bank2", 1, prefund=60_000)
    async with rude_peer(answering(500, 204)) as peer, a_receiver(post, "bank2") as (_, other):
        line = await post.endpoint(peer)
        (payment_id,) = await post.completed()
        await post.completed(1, "bank2", lane=1)
        await post.round()
        await post.books.tell(DUE)
        await post.books.tell(UNPAUSED)
        await post.round()

        tries = await list_tries(post.engine, TryFilter("bank1"))
        assert [(one["number"], one["status"], one["state"]) for one in tries] == [
            (2, 204, "delivered"),
            (1, 500, "delivered"),
        ]
        assert {(one["event"], one["url"], one["payment_id"]) for one in tries} == {
            ("payment.completed", line.url, payment_id)
        }
        assert len(await list_tries(post.engine, TryFilter())) == 3
        assert len(await list_tries(post.engine, TryFilter(count_max=1))) == 1
        assert len(await list_tries(post.engine, TryFilter(endpoint_id=other.id))) == 1
        assert len(await list_tries(post.engine, TryFilter(payment_id=payment_id))) == 2
        failed = await list_tries(post.engine, TryFilter(is_failed_only=True))
        assert [one["status"] for one in failed] == [500]
