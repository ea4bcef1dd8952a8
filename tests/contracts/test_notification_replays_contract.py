"""What every implementation of the port `Notifications` promises about replays and IPNs."""

import pytest
import pytest_asyncio

from ekpay_switch.domain.merchants.merchant import MerchantCode
from ekpay_switch.domain.notifications import (
    GIVEN_UP_MAX,
    EndpointKind,
    SendResult,
    Siblings,
)
from tests.contracts.notification_steps import (
    DELIVERED,
    FAILURE,
    GIVEN_UP,
    HOOKS,
    SUCCESS,
    UNSENT,
    fail,
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


# ---- replays


async def test_a_replay_has_all_its_tries_again_and_takes_the_delivery_from_its_holder(
    setup: NotificationsSetup,
) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    stored, leased = await send_new(setup)
    await fail(setup, leased)
    await setup.pass_by(600)
    holder = await lease_only(setup)

    await setup.replay(stored.notification_id)

    again = await lease_only(setup)
    assert (again.notification_id, again.endpoint_id) == (leased.notification_id, leased.endpoint_id)
    assert (again.is_replay, again.tries) == (True, 0)
    assert again.age_seconds < 60
    assert again.epoch > holder.epoch
    assert await record(setup, holder, FAILURE, GIVEN_UP) == ""
    assert await setup.notification_state(stored.notification_id) == "sending"
    await record(setup, again, SUCCESS, DELIVERED)
    assert await setup.notification_state(stored.notification_id) == "delivered"
    log = await setup.logged_tries(stored.notification_id)
    assert log[-1] == LoggedTry(1, 204, is_replay=True)


async def test_a_replay_sends_what_was_delivered_or_given_up(setup: NotificationsSetup) -> None:
    await setup.add_endpoint("bank1", HOOKS)
    for decision in (DELIVERED, GIVEN_UP):
        stored, leased = await send_new(setup)
        await record(setup, leased, FAILURE, decision)
        await setup.replay(stored.notification_id)
        again = await lease_only(setup)
        assert again.notification_id == stored.notification_id
        await record(setup, again, SUCCESS, DELIVERED)


# ---- IPNs


async def test_an_ipn_goes_to_the_address_of_its_order_where_the_order_wants_one(
    setup: NotificationsSetup,
) -> None:
    endpoint_id = await setup.add_merchant("shop")
    payment_id = await setup.add_order("shop", "https://shop.example/ipn/1")
    without = await setup.add_order("shop", "https://shop.example/ipn/2", ipn_channel="2")
    ended = await setup.end_order(payment_id, "completed", 5)
    unwanted = [
        await setup.end_order(without, "completed", 5),
        await setup.end_order(payment_id, "refund_done", 6),
    ]
    await setup.notifications.fan_out()

    leased = await lease_only(setup)

    assert (leased.notification_id, leased.endpoint_id) == (ended, endpoint_id)
    assert (leased.kind, leased.url) == (EndpointKind.IPN, "https://shop.example/ipn/1")
    assert [await setup.notification_state(each) for each in unwanted] == ["unwanted"] * 2


async def test_two_ipns_of_a_payment_are_not_leased_beside_each_other(setup: NotificationsSetup) -> None:
    await setup.add_merchant("shop")
    payment_id = await setup.add_order("shop", "https://shop.example/ipn/1")
    older = await setup.end_order(payment_id, "completed", 5)
    await setup.notifications.fan_out()
    first = await lease_only(setup)
    newer = await setup.end_order(payment_id, "given_back", 8)
    await setup.notifications.fan_out()

    assert await lease(setup) == []
    await record(setup, first, SUCCESS, DELIVERED)

    second = await lease_only(setup)
    assert (first.notification_id, second.notification_id) == (older, newer)
    assert second.siblings == Siblings(has_newer=False, accepted_code=MerchantCode.SUCCESS)


async def test_an_older_ipn_says_that_a_newer_one_took_its_place(setup: NotificationsSetup) -> None:
    await setup.add_merchant("shop")
    payment_id = await setup.add_order("shop", "https://shop.example/ipn/1")
    older = await setup.end_order(payment_id, "completed", 5)
    await setup.end_order(payment_id, "given_back", 8)
    await setup.notifications.fan_out()

    siblings = {each.notification_id == older: each.siblings for each in await lease(setup)}

    assert siblings == {True: Siblings(has_newer=True), False: Siblings()}


async def test_an_ipn_that_is_ended_unsent_is_no_try(setup: NotificationsSetup) -> None:
    await setup.add_merchant("shop")
    payment_id = await setup.add_order("shop", "https://shop.example/ipn/1")
    notification_id = await setup.end_order(payment_id, "completed", 5)
    await setup.notifications.fan_out()
    leased = await lease_only(setup)
    assert await record(setup, leased, SendResult(None, "the payment reads otherwise"), UNSENT) == ""
    assert await setup.logged_tries(notification_id) == []
    assert await setup.notification_state(notification_id) == "given_up"


async def test_the_first_ipn_that_is_given_up_is_an_alarm_and_disables_nothing(
    setup: NotificationsSetup,
) -> None:
    await setup.add_merchant("shop")
    said = []
    for number in range(GIVEN_UP_MAX + 1):
        payment_id = await setup.add_order("shop", f"https://shop.example/ipn/{number}")
        await setup.end_order(payment_id, "completed", 5)
        await setup.notifications.fan_out()
        said.append(await record(setup, await lease_only(setup), FAILURE, GIVEN_UP))
    assert said == ["a merchant did not take an IPN", "", "", ""]
