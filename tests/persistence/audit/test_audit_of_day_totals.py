"""The audit compares the total of a prefund's day with what payments took on it and what came back."""

from datetime import date
from typing import Any

import pytest

from ekpay_switch.persistence.audit.limits import taken_fault

PAID = {"taken": 600, "taken_on": date(2026, 4, 5), "paid": 600, "before": 0, "is_counted": True}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"taken": 601}, "601 paisa count as taken on 2026-04-05, and payments took 600"),
        ({"taken": 599}, "only 599 paisa count as taken on 2026-04-05, payments took 600"),
        # A batch that began before midnight counts for the date on which it was decided.
        ({"taken": 650, "before": 50}, None),
        ({"taken": 651, "before": 50}, "651 paisa count as taken on 2026-04-05, and payments took 600"),
        # On the day on which totals began they hold what was paid since then.
        ({"taken": 100, "is_counted": False}, None),
        ({"taken": 0, "paid": -100}, None),
    ],
)
def test_a_total_is_what_was_taken(changes: dict[str, Any], why: str | None) -> None:
    assert taken_fault(PAID | changes) == why
