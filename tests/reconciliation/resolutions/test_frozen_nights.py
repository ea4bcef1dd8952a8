"""What is certain to be in the lines of a night, by windows and instants alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.ports.finance import LiveMovement, LiveRefund
from reconciliation.breaks.codes import BreakCode
from reconciliation.resolutions.stale_breaks import FrozenNight, changes_of

# The last moment of a business date.
_CLOSING = datetime(2026, 11, 2, 18, tzinfo=UTC)


def test_nothing_is_certain_from_a_minute_before_its_window_is_over() -> None:
    """What is booked after midnight is in the next window, though this one closes hours later."""
    midnight = datetime(2026, 11, 2, 18, tzinfo=UTC)
    minute, night = timedelta(minutes=1), date(2026, 11, 2)
    for closed_at, until in (
        (None, midnight),
        (midnight + timedelta(hours=2), midnight),
        (midnight - timedelta(hours=2), midnight - timedelta(hours=2)),
    ):
        assert FrozenNight(night, closed_at).certain_until == until - minute


def test_what_was_there_when_the_night_froze_it_is_no_change() -> None:
    """Only the code that says "nothing was collected" is contradicted by money, whenever it came."""
    midnight = datetime(2026, 11, 2, 18, tzinfo=UTC)
    night = FrozenNight(date(2026, 11, 2), midnight)
    since, before = night.certain_until, night.certain_until - timedelta(seconds=1)
    refund = LiveRefund(uuid4(), RefundState.DONE, 500, before)
    movement = LiveMovement(uuid4(), uuid4(), State.COMPLETED, 700, before, 0, (refund,))
    assert changes_of([movement], night, BreakCode.AMOUNT) == []
    told = f"payment {movement.payment_id} is completed, and 7.00 BDT were collected"
    assert changes_of([movement], night, BreakCode.THEY_SUCCESS_WE_FAILED) == [told]
    assert changes_of([replace(movement, booked_at=since)] * 2, night, BreakCode.AMOUNT) == [told]
    later = replace(refund, changed_at=since, state=RefundState.REQUESTED)
    moved = replace(movement, refunds=(refund, later))
    assert changes_of([moved], night, BreakCode.AMOUNT) == [f"refund {later.refund_id} of 5.00 BDT is asked"]
    delivered = replace(movement, collected=None, booked_at=since, refunds=())
    assert changes_of([delivered], night, BreakCode.BILLER_NOT_POSTED) == [
        f"payment {movement.payment_id} is completed, and something of it was booked"
    ]


@pytest.mark.parametrize(
    ("closed_at", "window_closed_at", "is_frozen"),
    [
        (_CLOSING, _CLOSING, True),
        (_CLOSING, _CLOSING - timedelta(hours=9), True),
        (_CLOSING, _CLOSING + timedelta(hours=1), False),
        (_CLOSING, None, False),
        (None, _CLOSING, False),
    ],
)
def test_a_booking_of_the_last_minute_is_frozen_with_its_window(
    closed_at: datetime | None, window_closed_at: datetime | None, *, is_frozen: bool
) -> None:
    booked_at = _CLOSING - timedelta(seconds=1)
    movement = LiveMovement(
        uuid4(), uuid4(), State.COMPLETED, 700, booked_at, 0, window_closed_at=window_closed_at
    )
    changes = changes_of([movement], FrozenNight(date(2026, 11, 2), closed_at), BreakCode.FEE_VARIANCE)
    assert (changes == []) is is_frozen
