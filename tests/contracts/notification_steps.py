"""What the job and receivers do to notifications, over any implementation of the port."""

from collections.abc import Sequence
from uuid import UUID

from ekpay_switch.domain.notifications import (
    DeliveryState,
    RetryDecision,
    RetryPace,
    SendResult,
    decide_retry,
)
from ekpay_switch.ports.notifications import LeasedNotification
from tests.contracts.setups import NotificationsSetup, StoredNotification

HOOKS, OTHER_HOOKS = "https://bank.example.com/hooks", "https://bank.example.com/other"
LEASE_SECONDS = 30.0
SUCCESS, FAILURE = SendResult(204, "HTTP 204"), SendResult(500, "HTTP 500")
DELIVERED, GIVEN_UP = RetryDecision(DeliveryState.DELIVERED), RetryDecision(DeliveryState.GIVEN_UP)
UNSENT = RetryDecision(DeliveryState.GIVEN_UP, is_unsent=True)


async def lease(setup: NotificationsSetup, limit: int = 10) -> Sequence[LeasedNotification]:
    return await setup.notifications.lease_due(limit, LEASE_SECONDS)


async def lease_only(setup: NotificationsSetup) -> LeasedNotification:
    (leased,) = await lease(setup)
    return leased


async def send_new(setup: NotificationsSetup) -> tuple[StoredNotification, LeasedNotification]:
    """A new notification, and its lease."""
    stored = await setup.add_notification("bank1")
    await setup.notifications.fan_out()
    return stored, await lease_only(setup)


async def record(
    setup: NotificationsSetup, leased: LeasedNotification, tried: SendResult, decision: RetryDecision
) -> str:
    return await setup.notifications.record(leased, tried, decision, 12)


async def fail(
    setup: NotificationsSetup, leased: LeasedNotification, tried: SendResult = FAILURE
) -> RetryDecision:
    """Record a failed try with the decision that it leads to."""
    decision = decide_retry(tried, leased.tries + 1, leased.age_seconds, RetryPace())
    assert await record(setup, leased, tried, decision) == ""
    return decision


def ids(leased: Sequence[LeasedNotification]) -> set[UUID]:
    return {each.notification_id for each in leased}
