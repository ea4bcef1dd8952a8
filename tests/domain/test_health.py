"""How an institution does: planned stops first, then what failed, then how fast it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ekpay_switch.domain.health import Grade, HealthRecord, Promises, grade_of, share

PROMISES = Promises(answer_seconds=2.0, answered_share=9_800, stop_notice_hours=72, troubled_share=500)
GOOD = HealthRecord(
    institution="desco_postpaid",
    at=datetime(2026, 3, 1, 6, tzinfo=UTC),
    tries=100,
    approved=95,
    declined=4,
    failed=1,
    unknown=0,
    in_time=99,
    p50_seconds=0.4,
    p95_seconds=1.2,
    oldest_unknown=None,
)


@pytest.mark.parametrize(
    ("changes", "grade"),
    [
        ({}, Grade.WELL),
        ({"in_time": 97}, Grade.SLOW),
        ({"failed": 5, "approved": 91}, Grade.TROUBLED),
        ({"failed": 1, "unknown": 4, "approved": 91}, Grade.TROUBLED),
        ({"declined": 90, "approved": 9}, Grade.WELL),
        ({"tries": 4, "approved": 0, "declined": 0, "failed": 4, "in_time": 0}, Grade.QUIET),
        ({"tries": 5, "approved": 5, "declined": 0, "failed": 0, "in_time": 5}, Grade.WELL),
    ],
)
def test_the_worst_that_applies_is_said(changes: dict[str, Any], grade: Grade) -> None:
    assert grade_of(replace(GOOD, **changes), PROMISES, is_stopped=False) is grade


def test_a_planned_stop_is_said_whatever_came_before() -> None:
    assert grade_of(GOOD, PROMISES, is_stopped=True) is Grade.STOPPED
    assert grade_of(None, PROMISES, is_stopped=True) is Grade.STOPPED


def test_who_was_not_asked_is_quiet() -> None:
    assert grade_of(None, PROMISES, is_stopped=False) is Grade.QUIET


def test_shares_are_whole_basis_points_half_up() -> None:
    assert [share(*pair) for pair in ((1, 3), (2, 3), (0, 9), (9, 9), (0, 0), (1, 20_000))] == [
        3_333,
        6_667,
        0,
        10_000,
        0,
        1,
    ]
    assert GOOD.end_count == 100


def test_a_stop_is_announced_by_the_hours_of_the_promise() -> None:
    assert PROMISES.stop_notice == timedelta(days=3)
