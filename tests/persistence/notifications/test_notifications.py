"""Notifications in real books: fanned out once, held by one, told again after a crash."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from ekpay_switch import telemetry
from ekpay_switch.domain.notifications import (
    FAILURES_MAX,
    NOTICES,
    RETRY_SECONDS,
    TRIES_MAX,
    DeliveryState,
    EventType,
    RetryDecision,
    SendResult,
)
from ekpay_switch.flows.notifications.notify import message_id, notify
from ekpay_switch.persistence.notifications.store import PostgresNotifications, count_waiting
from ekpay_switch.ports.notifications import LeasedNotification
from tests.persistence.books import APPROVED, REFUSED, SILENT
from tests.persistence.notifications.notifier_setup import (
    DUE,
    LEASE_OVER,
    UNPAUSED,
    Post,
    a_receiver,
    answering,
    are_all,
    until,
)
from tests.wire.scripted_peer import Caller, rude_peer

DONE = RetryDecision(DeliveryState.DELIVERED)
TAKEN = SendResult(204, "HTTP 204")


# ---- a process dies


async def test_crash_between_commit_and_notify(post: Post) -> None:
    """The payment's commit stands and its process is gone: the next one tells, once by its id."""
    async with a_receiver(post) as (receiver, _):
        (payment_id,) = await post.completed()
        assert receiver.received_ids == []

        async with post.notifier():
            await until(lambda: are_all(post, "delivered"))

        ((_, event),) = receiver.events.items()
        assert (event["type"], event["data"]["payment_id"]) == ("payment.completed", str(payment_id))
        assert len(receiver.received_ids) == 1


async def test_a_crash_between_send_and_record_sends_the_same_message_again(post: Post) -> None:
    async with a_receiver(post) as (receiver, _):
        await post.completed()
        await post.notifications.fan_out()
        (leased,) = await post.notifications.lease_due(10, 30)
        office = post.office()
        with pytest.raises(asyncio.CancelledError):
            await notify(leased, replace(office, notifications=_Dying(post.engine)))
        assert len(receiver.received_ids) == 1
        assert await post.round() == []

        await post.books.tell(LEASE_OVER)
        async with post.notifier():
            await until(lambda: are_all(post, "delivered"))

        assert receiver.received_ids == [message_id(leased)] * 2
        assert list(receiver.events) == [message_id(leased)]


async def test_an_answer_that_comes_after_the_lease_changes_nothing(post: Post) -> None:
    async with a_receiver(post):
        await post.completed()
        await post.notifications.fan_out()
        (first,) = await post.notifications.lease_due(10, 30)
        await post.books.tell(LEASE_OVER)
        (second,) = await post.notifications.lease_due(10, 30)
        lost = RetryDecision(DeliveryState.GIVEN_UP, is_gone=True)

        assert await post.notifications.record(first, SendResult(410, "HTTP 410"), lost, 5) == ""
        assert await post.deliveries() == ["waiting"]
        assert await post.notifications.record(second, TAKEN, DONE, 5) == ""
        assert await post.notifications.record(second, TAKEN, DONE, 5) == ""

        assert (await post.states(), await post.deliveries()) == (["delivered"], ["delivered"])
        assert (await post.endpoints.list())[0].state == "active"
        assert await post.books.count("notification_tries") == 3


# ---- whom it is told


async def test_a_message_tells_what_the_rows_say(post: Post) -> None:
    async with a_receiver(post) as (receiver, line):
        started = await post.books.start(total=6_000)
        await post.books.finish(started, REFUSED)
        await post.round()
        ((told_id, event),) = receiver.events.items()
        notification_id = await post.books.value("SELECT id FROM notifications")
        steps = await post.books.value("SELECT max(seq) FROM history")
        assert told_id == f"msg_{notification_id.hex}_{line.id.hex}"
        assert event["type"] == "payment.refunded"
        assert event["data"] == {
            "payment_id": str(started.claim.payment_id),
            "reference": started.claim.reference,
            "refno_ack": started.claim.quote_id,
            "biller_id": "b025",
            "status": "refunded",
            "amount": "60.00",
            "version": steps,
        }


async def test_a_partner_without_endpoints_wants_nothing(post: Post) -> None:
    await post.completed(3)
    assert await post.notifications.fan_out() == 3
    assert await post.states() == ["unwanted"] * 3
    assert await post.notifications.fan_out() == 0


async def test_each_endpoint_of_the_partner_is_told_and_nobody_else(post: Post) -> None:
    await post.books.partner("bank2", 1, prefund=60_000)
    async with (
        a_receiver(post) as (first, _),
        a_receiver(post) as (second, _),
        a_receiver(post, "bank2") as (other, _),
    ):
        await post.completed(2)
        await post.rounds(2)
        assert (len(first.events), len(second.events), len(other.events)) == (2, 2, 0)
        assert not set(first.events) & set(second.events)
        assert await post.states() == ["delivered"] * 2


async def test_an_endpoint_is_told_only_the_types_that_it_asked_for(post: Post) -> None:
    async with rude_peer(answering(204)) as peer:
        line = await post.endpoint(peer)
        await post.books.tell("UPDATE notification_endpoints SET events = '[\"payment.refunded\"]'")
        await post.books.finish(await post.books.start(), APPROVED)
        await post.books.finish(await post.books.start(), REFUSED)
        await post.books.finish(await post.books.start(), SILENT)
        await post.round()
    assert await post.states() == ["unwanted", "delivered"]
    assert [heard.headers["webhook-id"].endswith(line.id.hex) for heard in peer.heard] == [True]


async def test_a_notice_that_this_version_does_not_know_is_left_waiting(post: Post) -> None:
    await post.completed()
    await post.books.tell("UPDATE notifications SET notice = 'of a later version'")
    assert await post.notifications.fan_out() == 0
    assert await post.states() == ["waiting"]
    assert {told.event for told in NOTICES.values()} == set(EventType)


async def test_a_notification_is_delivered_when_every_endpoint_has_it(post: Post) -> None:
    async with a_receiver(post), rude_peer(answering(500, 204)) as peer:
        await post.endpoint(peer)
        await post.completed()
        await post.round()
        assert await post.states() == ["sending"]
        await post.books.tell(DUE)
        await post.round()
        assert await post.states() == ["delivered"]


async def test_the_last_two_deliveries_may_end_at_the_same_moment(post: Post) -> None:
    for _ in range(5):
        async with a_receiver(post), a_receiver(post):
            await post.completed(2)
            await post.rounds(2)
            await post.books.tell(
                "UPDATE notification_endpoints SET state = 'disabled', disabled_why = 'done'"
            )
    assert set(await post.states()) == {"delivered"}


# ---- tries


async def test_a_failed_try_waits_for_its_time(post: Post) -> None:
    async with rude_peer(answering(500)) as peer:
        await post.endpoint(peer)
        await post.completed()
        await post.rounds(2)
        assert len(peer.heard) == 1
        wait = "SELECT extract(epoch FROM next_try_at - now())::float8 FROM notification_deliveries"
        assert 0 < await post.books.value(wait) <= RETRY_SECONDS[1]
        (row,) = await post.books.rows("SELECT number, status, why, is_replay FROM notification_tries")
        assert tuple(row) == (1, 500, "HTTP 500", False)


async def test_ten_failures_are_the_end_of_a_notification(post: Post) -> None:
    async with rude_peer(answering(500)) as peer:
        await post.endpoint(peer)
        await post.completed()
        for _ in range(TRIES_MAX + 2):
            await post.round()
            await post.books.tell(DUE)
            await post.books.tell(UNPAUSED)
        assert len(peer.heard) == TRIES_MAX
    assert (await post.states(), await post.deliveries()) == (["given_up"], ["given_up"])
    assert {heard.headers["webhook-id"] for heard in peer.heard} == {peer.heard[0].headers["webhook-id"]}
    assert {heard.body for heard in peer.heard} == {peer.heard[0].body}


async def test_three_notifications_given_up_in_a_row_disable_the_endpoint(post: Post) -> None:
    async with rude_peer(answering(500)) as peer:
        line = await post.endpoint(peer)
        await post.completed(5)
        await post.notifications.fan_out()
        await post.books.tell("UPDATE notification_deliveries SET tries = 9")
        for _ in range(5):
            await post.round()
            await post.books.tell(UNPAUSED)
        # Two were on their way when the third was given up.
        assert 3 <= len(peer.heard) <= 4
    assert [name for name, _ in post.alarms.raised] == ["notification_endpoint_disabled"]
    (shown,) = await post.endpoints.list()
    assert (shown.id, shown.state) == (line.id, "disabled")
    assert shown.disabled_why == "3 notifications in a row were given up"
    assert await post.states() == ["given_up"] * 5


async def test_gone_disables_the_endpoint_and_gives_up_what_waits(post: Post) -> None:
    async with rude_peer(answering(410)) as peer, a_receiver(post) as (receiver, _):
        await post.endpoint(peer)
        await post.completed(4)
        await post.rounds(4)
        assert len(peer.heard) <= 2
        assert len(receiver.events) == 4
    assert [name for name, _ in post.alarms.raised] == ["notification_endpoint_disabled"]
    assert await post.states() == ["given_up"] * 4
    why = await post.books.rows(
        "SELECT DISTINCT last_why FROM notification_deliveries WHERE state = 'given_up'"
    )
    assert {row["last_why"] for row in why} == {"HTTP 410", "the endpoint is disabled"}


async def test_retry_after_leaves_the_endpoint_alone(post: Post) -> None:
    async def manners(caller: Caller) -> None:
        await caller.answer(b"", 429, "Retry-After: 600\r\n")

    async with rude_peer(manners) as peer:
        await post.endpoint(peer)
        await post.completed(4)
        await post.rounds(3)
        assert len(peer.heard) <= 2
    (line,) = await post.endpoints.list()
    now = await post.books.value("SELECT now()")
    assert line.paused_until is not None
    assert timedelta(seconds=590) < line.paused_until - now <= timedelta(seconds=600)


async def test_what_is_on_the_way_meanwhile_does_not_shorten_a_pause(post: Post) -> None:
    async with rude_peer(answering(204)) as peer:
        await post.endpoint(peer)
        await post.completed(2)
        await post.notifications.fan_out()
        first, second = await post.notifications.lease_due(10, 30)
        throttled = RetryDecision(DeliveryState.WAITING, 600.0, 600.0)
        await post.notifications.record(first, SendResult(429, "HTTP 429", 600.0), throttled, 1)
        paused = (await post.endpoints.list())[0].paused_until
        await post.notifications.record(second, TAKEN, DONE, 1)
        (line,) = await post.endpoints.list()
        assert (line.failures_in_a_row, line.paused_until) == (0, paused)
        assert await post.notifications.lease_due(10, 30) == []


async def test_an_endpoint_that_fails_is_paused_and_then_probed_one_by_one(post: Post) -> None:
    async with rude_peer(answering(*[500] * FAILURES_MAX, 204)) as peer:
        await post.endpoint(peer)
        await post.completed(12)
        await post.rounds(12)
        assert len(peer.heard) == FAILURES_MAX
        assert (await post.endpoints.list())[0].paused_until is not None

        await post.books.tell(UNPAUSED)
        assert len(await post.round()) == 1
        (line,) = await post.endpoints.list()
        assert (line.failures_in_a_row, line.paused_until) == (0, None)
        assert len(await post.round()) == 2


# ---- numbers, and what the database itself refuses


async def test_what_waits_is_counted(post: Post) -> None:
    async with rude_peer(answering(500)) as peer:
        await post.endpoint(peer, path="/a")
        await post.endpoint(peer, path="/b")
        await post.completed(2)
        await post.notifications.fan_out()
        await post.completed(3)
        await count_waiting(post.engine)
    numbers = telemetry.render().decode()
    assert "ekpay_waiting_deliveries 4.0\n" in numbers
    assert "ekpay_waiting_notifications 5.0\n" in numbers


async def test_a_sick_database_is_counted_and_outlived(post: Post) -> None:
    """`swallowed_db_error_alarms`: the round fails loudly and the next one works."""

    def errors() -> float:
        lines = telemetry.render().decode().splitlines()
        name = 'ekpay_loop_errors_total{event="notifier_failed"}'
        return sum(float(line.split(" ")[1]) for line in lines if line.startswith(name))

    async with a_receiver(post) as (receiver, _):
        await post.completed()
        before = errors()
        await post.books.tell("ALTER TABLE notification_deliveries RENAME TO hidden")
        assert await post.round() == []
        assert errors() == before + 1
        await post.books.tell("ALTER TABLE hidden RENAME TO notification_deliveries")
        await post.round()
        assert len(receiver.events) == 1


@pytest.mark.parametrize("command", ["UPDATE {} SET why = ''", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_application_cannot_change_the_log_of_tries(post: Post, command: str) -> None:
    connection = await post.books.database.connect()
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(command.format("notification_tries"))
    finally:
        await connection.close()


async def test_the_books_stay_clean(post: Post) -> None:
    async with a_receiver(post):
        await post.completed(3)
        await post.rounds(3)
    assert await post.books.audit() is None


class _Dying(PostgresNotifications):
    """Notifications of a process that is killed before it records anything."""

    async def record(
        self, leased: LeasedNotification, tried: SendResult, decision: RetryDecision, took_ms: int
    ) -> str:
        raise asyncio.CancelledError(leased, tried, decision, took_ms)
