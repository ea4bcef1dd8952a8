"""When a night may be closed, without a database."""

from datetime import UTC, date, datetime, timedelta

import pytest

from reconciliation.resolutions.closing_time import ClosingTime
from reconciliation.resolutions.decision_records import UnfitError
from tests.reconciliation.resolutions.scene import a_run

NIGHT = date(2026, 11, 2)
# Half past one in Dhaka, in the morning behind the night.
CUT_OFF = datetime(2026, 11, 2, 19, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_night_is_not_closed_before_its_cut_off() -> None:
    ClosingTime(CUT_OFF, CUT_OFF).refuse_before_cut_off(NIGHT)
    with pytest.raises(UnfitError, match="before its cut-off, 2026-11-03 01:30 in Dhaka"):
        ClosingTime(CUT_OFF - SECOND, CUT_OFF).refuse_before_cut_off(NIGHT)


def test_a_run_that_began_on_the_day_itself_closes_nothing() -> None:
    midnight = datetime(2026, 11, 2, 18, tzinfo=UTC)
    closing = ClosingTime(CUT_OFF, CUT_OFF)
    closing.refuse_early_run(a_run(1, NIGHT, 1, started_at=midnight))
    with pytest.raises(UnfitError, match="run the night again"):
        closing.refuse_early_run(a_run(1, NIGHT, 1, started_at=midnight - SECOND))


def test_a_rehearsal_need_not_wait_for_midnight() -> None:
    day_before = CUT_OFF - timedelta(days=1)
    early_run = a_run(1, NIGHT, 1, started_at=day_before)
    rehearsal = ClosingTime(day_before, CUT_OFF, is_rehearsal=True)
    rehearsal.refuse_before_cut_off(NIGHT)
    rehearsal.refuse_early_run(early_run)
    production = ClosingTime(day_before, CUT_OFF)
    with pytest.raises(UnfitError):
        production.refuse_before_cut_off(NIGHT)
    with pytest.raises(UnfitError):
        production.refuse_early_run(early_run)
