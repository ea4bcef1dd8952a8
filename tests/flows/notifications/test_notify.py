"""Telling partners: what a message says, what each answer leads to, and a crash at every step."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.domain.notifications import NOTICES, RETRY_SECONDS, TRIES_MAX, DeliveryState, SendResult
from ekpay_switch.flows.notifications.notify import message_body, message_id, notify
from ekpay_switch.jobs.notifier import Notifier, NotifierPace, run_notifier
from ekpay_switch.jobs.slots import Slots
from ekpay_switch.ports.notifications import LeasedNotification
from sandbox.callers.partner.webhooks import public_key, read_message
from tests.fakes.crash_points import CrashError
from tests.fakes.notifications import ENDPOINT, KEYS, TAKEN, SmallPost, a_notice
from tests.wire.scripted_peer import eventually

FAILED = SendResult(500, "HTTP 500")
PACE = NotifierPace(poll_seconds=0.01, lease_seconds=45.0, leave_seconds=0.05)
STEPS = [
    f"{side} {step}" for step in ("fan_out", "lease_due", "send", "record") for side in ("before", "after")
]


async def one_round(small: SmallPost) -> int:
    notifier = Notifier(small.office, PACE.lease_seconds)
    due = await notifier.take_up()
    await notifier.slots.settle()
    return len(due)


# ---- what a message says


def test_a_message_is_thin_and_reads_as_it_is_published() -> None:
    assert json.loads(message_body(a_notice(), "b025")) == {
        "type": "payment.completed",
        "timestamp": "2026-03-01T06:00:00.120000Z",
        "data": {
            "payment_id": str(UUID(int=101)),
            "reference": "R1",
            "refno_ack": "Q1",
            "biller_id": "b025",
            "status": "paid",
            "amount": "1055.75",
            "version": 2,
        },
    }


@pytest.mark.parametrize(
    ("notice", "event", "status"),
    [
        ("completed", "payment.completed", "paid"),
        ("refunded", "payment.refunded", "refunded"),
        ("late_success", "payment.late_success", "refunded"),
        ("amount_echo_mismatch", "payment.in_review", "pending"),
    ],
)
def test_each_notice_is_told_with_the_public_state_of_its_moment(
    notice: str, event: str, status: str
) -> None:
    assert notice in NOTICES
    told = json.loads(message_body(a_notice(notice=notice), "b025"))
    assert (told["type"], told["data"]["status"]) == (event, status)


def test_an_id_names_the_notification_and_the_endpoint() -> None:
    notice = a_notice()
    again = replace(notice, tries=3, epoch=9, is_replay=True, age_seconds=1e5)
    assert message_id(notice) == message_id(again) == f"msg_{1:032x}_{7:032x}"
    assert message_id(replace(notice, endpoint_id=UUID(int=8))) != message_id(notice)


async def test_what_is_sent_can_be_checked_with_the_endpoints_key() -> None:
    small = SmallPost()
    await notify(a_notice(), small.office)
    ((url, headers, body),) = small.sender.sent
    key = public_key(KEYS.public_key(ENDPOINT, 1))
    taken, event = read_message(headers, body, [key], small.clock.now().timestamp())
    assert (url, taken) == ("https://bank.example.com/hooks", message_id(a_notice()))
    assert event["data"]["biller_id"] == "b025"


async def test_each_try_has_the_same_id_and_bytes_and_a_new_time() -> None:
    small = SmallPost()
    await notify(a_notice(), small.office)
    small.clock.pass_by(300)
    await notify(replace(a_notice(), tries=1, is_replay=True), small.office)
    (_, first, body), (_, second, again) = small.sender.sent
    assert body == again
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 300
    assert first["webhook-signature"] != second["webhook-signature"]


async def test_a_biller_without_a_manifest_is_told_by_our_own_name() -> None:
    small = SmallPost()
    await notify(replace(a_notice(), biller_id="long_gone"), small.office)
    assert json.loads(small.sender.sent[0][2])["data"]["biller_id"] == "long_gone"


# ---- what an answer leads to


async def test_a_message_is_tried_on_schedule_until_it_is_taken() -> None:
    small = SmallPost()
    small.is_told(a_notice())
    small.sender.answers.extend([FAILED, FAILED])
    assert [await one_round(small) for _ in range(2)] == [1, 0]
    small.clock.pass_by(5)
    assert [await one_round(small) for _ in range(2)] == [1, 0]
    small.clock.pass_by(300)
    assert await one_round(small) == 1
    assert small.notifications.ended == {UUID(int=1): DeliveryState.DELIVERED}
    assert [tried for _, tried, _ in small.notifications.tries] == [FAILED, FAILED, TAKEN]


async def test_after_the_last_try_nobody_tries_any_more() -> None:
    small = SmallPost()
    small.is_told(a_notice())
    small.sender.answers.extend([FAILED] * TRIES_MAX)
    for seconds in (*RETRY_SECONDS[1:], *[100_000.0] * 6):
        await one_round(small)
        small.clock.pass_by(seconds)
    assert len(small.sender.sent) == TRIES_MAX
    assert small.notifications.ended == {UUID(int=1): DeliveryState.GIVEN_UP}


async def test_a_disabled_endpoint_raises_an_alarm() -> None:
    small = SmallPost()
    small.is_told(a_notice())
    small.sender.answers.append(SendResult(410, "HTTP 410"))
    await one_round(small)
    assert small.alarms.raised == [("notification_endpoint_disabled", UUID(int=101))]


async def test_an_answer_under_an_old_epoch_is_logged_and_changes_nothing() -> None:
    small = SmallPost()
    small.is_told(a_notice())
    await small.notifications.fan_out()
    (first,) = await small.notifications.lease_due(1, 45.0)
    small.clock.pass_by(60)
    (second,) = await small.notifications.lease_due(1, 45.0)
    small.sender.answers.append(FAILED)
    await notify(first, small.office)
    assert small.notifications.waiting[UUID(int=1)].epoch == second.epoch
    await notify(second, small.office)
    assert small.notifications.ended == {UUID(int=1): DeliveryState.DELIVERED}
    assert len(small.notifications.tries) == 2


# ---- the process dies


@pytest.mark.parametrize("point", STEPS)
async def test_a_crash_anywhere_ends_in_one_message_by_its_id(point: str) -> None:
    small = SmallPost()
    small.is_told(a_notice())
    small.steps.crash_at = point
    with contextlib.suppress(CrashError):
        if await small.notifications.fan_out():
            for leased in await small.notifications.lease_due(1, 45.0):
                await notify(leased, small.office)
    for _ in range(3):
        small.clock.pass_by(60)
        await one_round(small)
    assert {headers["webhook-id"] for _, headers, _ in small.sender.sent} == {message_id(a_notice())}
    assert len({body for _, _, body in small.sender.sent}) == 1
    assert small.notifications.ended == {UUID(int=1): DeliveryState.DELIVERED}


# ---- the job


async def _run_until(small: SmallPost, is_so: Callable[[], bool]) -> None:
    stop = asyncio.Event()
    job = asyncio.create_task(run_notifier(small.office, PACE, stop))
    await eventually(is_so)
    stop.set()
    await asyncio.wait_for(job, 60)


async def test_the_job_sends_what_waits_and_stops_when_told() -> None:
    small = SmallPost()
    small.is_told(*(a_notice(number) for number in range(1, 6)))
    await _run_until(small, lambda: len(small.notifications.ended) == 5)
    assert len(small.sender.sent) == 5


@pytest.mark.parametrize("point", ["before fan_out", "before lease_due", "before send", "before record"])
async def test_an_error_in_the_job_does_not_end_it(point: str) -> None:
    """Counted, logged and tried again, as `swallowed_db_error_alarms` asks."""
    small = SmallPost()
    small.is_told(a_notice(1), a_notice(2))
    small.steps.crash_at = point
    await _run_until(small, lambda: not small.steps.crash_at and len(small.notifications.ended) >= 1)
    small.clock.pass_by(60)
    await _run_until(small, lambda: len(small.notifications.ended) == 2)
    assert len(small.notifications.ended) == 2


async def test_a_send_that_hangs_holds_up_nobody_and_is_cut_off_at_the_end() -> None:
    small = SmallPost()
    hung: list[str] = []

    async def hang(leased: LeasedNotification) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            hung.append(leased.reference)

    class OneHangs:
        """A sender whose first call never ends."""

        async def send(
            self, url: str, headers: dict[str, str], body: bytes, plain_hosts: frozenset[str]
        ) -> SendResult:
            del plain_hosts
            if b'"R1"' in body:
                await hang(a_notice(1))
            return await small.sender.send(url, headers, body)

    small.office = replace(small.office, sender=OneHangs())  # type: ignore[arg-type]
    small.is_told(*(a_notice(number) for number in range(1, 9)))
    await _run_until(small, lambda: len(small.notifications.ended) == 7)
    assert hung == ["R1"]
    assert UUID(int=1) in small.notifications.waiting


async def test_no_more_is_leased_than_there_is_place_for() -> None:
    small = SmallPost()
    small.is_told(a_notice(1), a_notice(2), a_notice(3))
    notifier = Notifier(small.office, PACE.lease_seconds, Slots(2, at_once=0))
    assert await notifier.take_up() == []
    notifier.slots.at_once = 2
    assert len(await notifier.take_up()) == 2
    await notifier.slots.settle()
