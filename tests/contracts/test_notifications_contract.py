"""What every implementation of the port `Notifications` promises: fan-out, leases, records, pauses."""

from dataclasses import replace

import pytest
import pytest_asyncio

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import (
    FAILURES_MAX,
    GIVEN_UP_MAX,
    EndpointKind,
    EventType,
    SendResult,
    Siblings,
)
from tests.contracts.notification_steps import (
    DELIVERED,
    FAILURE,
    GIVEN_UP,
    HOOKS,
    LEASE_SECONDS,
    OTHER_HOOKS,
    SUCCESS,
    fail,
    ids,
    lease,
    lease_only,
    record,
    send_new,
)
from tests.contracts.setups import LoggedTry, NotificationsSetup

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def setup(notifications_setup: NotificationsSetup) -> NotificationsSetup:
    """A partner, bank1, without endpoints."""
    await notifications_setup.add_partner("bank1")
    return notifications_setup


# ---- fan-out


async def test_a_new_notification_is_given_to_every_endpoint_of_its_partner(
    setup: NotificationsSetup,
) -> None:
    await setup.add_partner("bank2")
    endpoints = {await setup.add_endpoint("bank1", url) for url in (HOOKS, OTHER_HOOKS)}
    await setup.add_endpoint("bank2", HOOKS)
    stored = await setup.add_notification("bank1")

    assert await setup.notifications.fan_out() == 1
    assert await setup.notifications.fan_out() == 0

    leased = await lease(setup)
    assert {each.endpoint_id for each in leased} == endpoints
    assert ids(leased) == {stored.notification_id}
    assert await setup.notification_state(stored.notification_id) == "sending"


async def test_an_endpoint_is_given_the_event_types_that_it_asks_for(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS, [EventType.REFUNDED])
    completed = await setup.add_notification("bank1", "completed")
    refunded = await setup.add_notification("bank1", "refunded")

    assert await setup.notifications.fan_out() == 2

    assert ids(await lease(setup)) == {refunded.notification_id}
    assert await setup.notification_state(completed.notification_id) == "unwanted"


async def test_without_an_active_endpoint_nobody_wants_a_notification(setup: NotificationsSetup) -> None:
    await setup.disable_endpoint(await setup.add_endpoint("bank1", HOOKS))
    stored = await setup.add_notification("bank1")
    assert await setup.notifications.fan_out() == 1
    assert await lease(setup) == []
    assert await setup.notification_state(stored.notification_id) == "unwanted"


async def test_a_notice_of_a_newer_version_is_left_to_it(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    stored = await setup.add_notification("bank1", "a notice that only a newer version knows")
    assert await setup.notifications.fan_out() == 0
    assert await setup.notification_state(stored.notification_id) == "waiting"


# ---- leases


async def test_a_lease_has_all_that_the_message_is_built_from(setup: NotificationsSetup) -> None:
    endpoint_id = await setup.add_endpoint("bank1", HOOKS)

    stored, leased = await send_new(setup)

    assert (leased.notification_id, leased.payment_id) == (stored.notification_id, stored.payment_id)
    assert (leased.endpoint_id, leased.partner_id, leased.url) == (endpoint_id, "bank1", HOOKS)
    assert (leased.reference, leased.quote_id) == (stored.reference, stored.quote_id)
    assert (leased.biller_id, leased.total) == ("desco_postpaid", Money(6_000))
    assert (leased.notice, leased.version, leased.kind) == ("completed", 2, EndpointKind.WEBHOOK)
    assert (leased.tries, leased.is_replay, leased.siblings) == (0, False, Siblings())
    assert leased.key_generations == (1,)
    assert 0 <= leased.age_seconds < 60
    assert leased.noticed_at <= setup.now()


async def test_a_delivery_is_leased_again_under_a_new_epoch_once_its_lease_is_over(
    setup: NotificationsSetup,
) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    _, first = await send_new(setup)
    assert await lease(setup) == []
    await setup.pass_by(LEASE_SECONDS - 5)
    assert await lease(setup) == []

    await setup.pass_by(6)

    second = await lease_only(setup)
    assert (second.notification_id, second.epoch) == (first.notification_id, first.epoch + 1)
    assert second.tries == 0


async def test_an_endpoint_has_a_few_deliveries_at_once_and_the_limit_holds(
    setup: NotificationsSetup,
) -> None:
    for url in (HOOKS, OTHER_HOOKS):
        await setup.add_endpoint("bank1", url)
    stored = [await setup.add_notification("bank1") for _ in range(4)]
    await setup.notifications.fan_out()

    first = await lease(setup, 3)
    second = await lease(setup, 10)

    assert (len(first), len(second)) == (3, 1)
    assert await lease(setup) == []
    # Two each, the oldest first.
    assert ids([*first, *second]) == {each.notification_id for each in stored[:2]}


async def test_the_endpoint_that_waited_longest_is_served_first(setup: NotificationsSetup) -> None:
    endpoints = [await setup.add_endpoint("bank1", url) for url in (HOOKS, OTHER_HOOKS)]
    await setup.add_notification("bank1")
    await setup.add_notification("bank1")
    await setup.notifications.fan_out()

    served = [each.endpoint_id for _ in range(4) for each in await lease(setup, 1)]

    assert served[:2] in (endpoints, endpoints[::-1])
    assert served[2:] == served[:2]


async def test_both_keys_sign_while_they_overlap(setup: NotificationsSetup) -> None:
    endpoint_id = await setup.add_endpoint("bank1", HOOKS)
    await setup.rotate_key(endpoint_id, 600)
    _, leased = await send_new(setup)
    assert leased.key_generations == (2, 1)
    await setup.pass_by(601)
    assert (await lease_only(setup)).key_generations == (2,)


# ---- records


async def test_what_was_delivered_is_not_leased_again(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    stored, leased = await send_new(setup)

    assert await record(setup, leased, SUCCESS, DELIVERED) == ""

    assert await setup.notification_state(stored.notification_id) == "delivered"
    assert await setup.logged_tries(stored.notification_id) == [LoggedTry(1, 204, is_replay=False)]
    await setup.pass_by(90_000)
    assert await lease(setup) == []


async def test_a_failed_try_is_repeated_after_its_time_and_counted(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    stored, leased = await send_new(setup)
    decision = await fail(setup, leased)
    assert decision.retry_seconds == 5
    assert await lease(setup) == []

    await setup.pass_by(5)

    again = await lease_only(setup)
    assert (again.tries, again.epoch) == (1, leased.epoch + 1)
    assert 5 <= again.age_seconds < 60
    assert (await fail(setup, again)).retry_seconds == 300
    await setup.pass_by(299)
    assert await lease(setup) == []
    await setup.pass_by(1)
    assert (await lease_only(setup)).tries == 2
    statuses = [(each.number, each.status) for each in await setup.logged_tries(stored.notification_id)]
    assert statuses == [(1, 500), (2, 500)]


async def test_what_was_given_up_is_not_leased_again(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    stored, leased = await send_new(setup)
    assert await record(setup, leased, FAILURE, GIVEN_UP) == ""
    assert await setup.notification_state(stored.notification_id) == "given_up"
    await setup.pass_by(90_000)
    assert await lease(setup) == []


async def test_a_notification_ends_with_the_last_of_its_deliveries(setup: NotificationsSetup) -> None:
    for url in (HOOKS, OTHER_HOOKS):
        await setup.add_endpoint("bank1", url)
    stored = [await setup.add_notification("bank1") for _ in range(2)]
    await setup.notifications.fan_out()
    leased = await lease(setup)
    first = [each for each in leased if each.notification_id == stored[0].notification_id]
    second = [each for each in leased if each.notification_id == stored[1].notification_id]

    for each, decision in zip(first, (DELIVERED, DELIVERED), strict=True):
        assert await setup.notification_state(stored[0].notification_id) == "sending"
        await record(setup, each, SUCCESS, decision)
    for each, decision in zip(second, (GIVEN_UP, DELIVERED), strict=True):
        assert await setup.notification_state(stored[1].notification_id) == "sending"
        await record(setup, each, FAILURE, decision)

    states = [await setup.notification_state(each.notification_id) for each in stored]
    assert states == ["delivered", "given_up"]


async def test_a_try_under_an_old_epoch_is_logged_and_changes_nothing(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    stored, stale = await send_new(setup)
    await setup.pass_by(LEASE_SECONDS + 1)
    current = await lease_only(setup)

    assert await record(setup, stale, SUCCESS, DELIVERED) == ""

    assert await setup.logged_tries(stored.notification_id) == [LoggedTry(1, 204, is_replay=False)]
    assert await setup.notification_state(stored.notification_id) == "sending"
    assert await lease(setup) == []
    await record(setup, current, SUCCESS, DELIVERED)
    assert await setup.notification_state(stored.notification_id) == "delivered"


# ---- endpoints that fail


async def test_an_endpoint_that_fails_is_probed_one_by_one_and_then_paused(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    for _ in range(FAILURES_MAX + 2):
        await setup.add_notification("bank1")
    await setup.notifications.fan_out()
    first, second = await lease(setup)
    await fail(setup, first)
    await fail(setup, second)
    for _ in range(FAILURES_MAX - 2):
        await fail(setup, await lease_only(setup))

    assert await lease(setup) == []
    await setup.pass_by(31)
    probe = await lease_only(setup)
    await record(setup, probe, SUCCESS, DELIVERED)
    assert len(await lease(setup)) == 2


async def test_an_endpoint_that_asks_for_time_is_left_alone(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    _, leased = await send_new(setup)
    await setup.add_notification("bank1")
    await setup.notifications.fan_out()
    decision = await fail(setup, leased, SendResult(429, "HTTP 429", retry_after_seconds=600))
    assert decision.throttle_seconds == 600
    await setup.pass_by(599)
    assert await lease(setup) == []
    await setup.pass_by(2)
    assert len(await lease(setup)) == 1


async def test_an_endpoint_that_takes_nothing_is_disabled_and_says_so_once(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    stored = [await setup.add_notification("bank1") for _ in range(GIVEN_UP_MAX + 1)]
    await setup.notifications.fan_out()
    leased = list(await lease(setup))
    said = [await record(setup, each, FAILURE, GIVEN_UP) for each in leased]
    said.append(await record(setup, await lease_only(setup), FAILURE, GIVEN_UP))

    assert said == ["", "", "3 notifications in a row were given up"]
    assert await lease(setup) == []
    assert await setup.notifications.fan_out() == 1
    assert await setup.notification_state(stored[-1].notification_id) == "given_up"
    assert await setup.notifications.fan_out() == 0


async def test_an_endpoint_that_is_gone_is_disabled(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    for _ in range(2):
        await setup.add_notification("bank1")
    await setup.notifications.fan_out()
    first, second = await lease(setup)
    gone = replace(GIVEN_UP, is_gone=True)
    assert await record(setup, first, SendResult(410, "HTTP 410"), gone) == "it answered 410 Gone"
    assert await record(setup, second, SendResult(410, "HTTP 410"), gone) == ""
