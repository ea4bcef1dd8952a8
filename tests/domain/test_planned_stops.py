"""Since when payers are told of a planned stop, which one comes first, and whether the promise was kept."""

from datetime import UTC, datetime, timedelta

import pytest

from ekpay_switch.domain.planned_stops import PlannedStop, next_stop

NOW = datetime(2026, 12, 10, 12, tzinfo=UTC)
NOTICE = timedelta(hours=72)


def stop(begins_in: float, announced_before: float | None = None) -> PlannedStop:
    """One of four hours that begins in so many hours."""
    begins_at = NOW + timedelta(hours=begins_in)
    announced_at = None if announced_before is None else begins_at - timedelta(hours=announced_before)
    return PlannedStop(begins_at, begins_at + timedelta(hours=4), announced_at)


@pytest.mark.parametrize(
    ("planned", "is_known", "is_on"),
    [
        (stop(72), True, False),
        (stop(72.1), False, False),
        (stop(100, 101), True, False),
        (stop(10, 9), False, False),
        (stop(0), True, True),
        (stop(-3.9, 5), True, True),
        (stop(-4), False, False),
    ],
)
def test_payers_are_told_from_the_announcement_until_the_end(
    planned: PlannedStop, *, is_known: bool, is_on: bool
) -> None:
    assert (planned.is_known(NOW, NOTICE), planned.is_on(NOW)) == (is_known, is_on)


@pytest.mark.parametrize(("before", "is_kept"), [(72, True), (71.9, False), (200, True), (None, False)])
def test_the_promise_is_kept_by_an_announcement_that_was_early_enough(
    before: float | None, *, is_kept: bool
) -> None:
    assert stop(5, before).keeps(NOTICE) is is_kept


def test_the_stop_that_is_on_or_comes_first_is_told() -> None:
    on, soon, later = stop(-1), stop(5), stop(50)
    assert next_stop((later, soon, on), NOW, NOTICE) is on
    assert next_stop((later, soon), NOW, NOTICE) is soon
    assert next_stop((stop(-5), stop(90)), NOW, NOTICE) is None
