"""Whatever reaches whom, each institution of our books leaves every file that a night awaits of it."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import pytest

from reconciliation.calendar import read_calendar
from reconciliation.intake.file_schedule import FileSchedule
from sandbox.rehearsals.day import file_writer
from sandbox.rehearsals.day.file_writer import Night
from sandbox.rehearsals.day.injected_errors import ErrorInjector, NothingToInjectError
from sandbox.rehearsals.day.institutions import INSTITUTIONS
from sandbox.rehearsals.day.movement_queries import (
    DayBook,
    InstitutionUnavailableError,
    with_awaited_books,
)
from sandbox.rehearsals.day.plan import PlannedFile, plan_night
from sandbox.rehearsals.day.state import DayState, DepositedFile
from sandbox.rehearsals.demo.night import night_run
from sandbox.rehearsals.demo.night.night_run import (
    INJECTION_REQUESTS,
    PAYOUT_INJECTION_REQUESTS,
    institutions_of,
)
from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import business_days_after, date_of, day_number
from tests.sandbox.caller import ROOT
from tests.sandbox.rehearsals.day.sample_books import DAY, at, day_of

CALENDAR = read_calendar(ROOT / "config" / "calendar.toml")
NIGHTS = 4
CODES_MIN = 8
SEEDS = range(1, 51)


def reached(chance: Random) -> Mapping[str, DayBook]:
    """The books of a small day: some institutions that were asked to do something were never reached."""
    asked = [house for house in INSTITUTIONS.values() if chance.random() < 0.9]
    return {house.id: day_of(house, chance.randrange(1, 4)) for house in asked}


def struck(files: list[PlannedFile], night: int, state: DayState, seed: int, chance: Random) -> ErrorInjector:
    injector = ErrorInjector(night, files, state, chance)
    is_payout = night == business_days_after(day_number(DAY), 1)
    requests = (
        PAYOUT_INJECTION_REQUESTS if is_payout else INJECTION_REQUESTS if night == day_number(DAY) else ()
    )
    for request in requests:
        if not request.institution:
            try:
                injector.inject(request)
            except NothingToInjectError:
                assert request.code is not Code.FILE_MISSING, seed
    return injector


@pytest.mark.parametrize("seed", SEEDS)
def test_every_awaited_file_is_left_and_every_error_can_be_seen(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - it is to be repeated
    named = dict.fromkeys(INSTITUTIONS, DAY)
    books, state = with_awaited_books(reached(chance), named), DayState()
    schedule = FileSchedule(CALENDAR, DAY, DAY + timedelta(days=NIGHTS), named)
    codes: set[Code] = set()
    for night in range(day_number(DAY), day_number(DAY) + NIGHTS):
        files = plan_night(books, night, state)
        before = dict(state.deposited)
        injector = struck(files, night, state, seed, chance)
        for file in files:
            state.deposited[file.name_key] = DepositedFile(
                file.institution.id, file.date, file.cycle, 0, at(23, 59)
            )
        left = {(file.institution_id, file.date, file.cycle) for file in state.deposited.values()}
        due = {(key.institution, day_number(key.day), key.cycle) for key in schedule.due_by(date_of(night))}
        assert due <= left, seed
        # Nobody can miss a number before the first file, nor a file of somebody with nothing to report.
        for key in injector.gapped:
            owner = next(file.institution.id for file in files if file.name_key == key)
            assert any(file.institution_id == owner for file in before.values()), seed
        assert all(file.lines for file in files if file.name_key in injector.late), seed
        codes |= {error.code for error in injector.injected} | {Code.FILE_MISSING for _ in injector.late}
        codes |= {Code.CONTROL_TOTAL for _ in injector.cut} | {Code.FILE_DUPLICATE for _ in injector.copied}
        codes |= {Code.SEQUENCE_GAP for _ in injector.gapped}
    assert len(codes) >= CODES_MIN, seed


def test_the_institutions_of_our_payments_are_those_that_they_name() -> None:
    exported: list[Mapping[str, Any]] = [
        {"biller_id": "bpdb_prepaid", "attempts": [{"far_side": "bpdb_prepaid"}], "tries": []},
        {"biller_id": None, "attempts": [], "tries": [{"connector_id": "tap"}]},
    ]
    assert institutions_of(exported) == {"bpdb_prepaid", "tap"}


async def test_who_is_awaited_and_was_never_reached_leaves_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_writer, "read_books", AsyncMock(return_value={}))
    night = Night(DAY, tmp_path / "state", tmp_path / "out", awaited={"tap": DAY})
    left = await file_writer.deposit_files(night, {})
    assert any(name.startswith("tap_20260310_01.") for name in left.files), left.files


async def test_the_demo_awaits_whoever_its_payments_name_from_its_first_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit_files = AsyncMock(side_effect=InstitutionUnavailableError)
    monkeypatch.setattr(night_run, "deposit_files", deposit_files)
    monkeypatch.setattr(night_run, "add_staff_member", AsyncMock())
    stage = MagicMock()
    stage.setting.home_folder = tmp_path
    parties = Mock(staff=(Mock(), Mock()))
    exported: list[Mapping[str, Any]] = [
        {"biller_id": "bpdb_prepaid", "attempts": [], "tries": [{"connector_id": "tap"}]}
    ]
    with pytest.raises(InstitutionUnavailableError):
        await night_run.run_nights(stage, parties, exported, MagicMock(), began_on=DAY, seed=7)
    (night, _), _ = deposit_files.call_args
    assert night.awaited == {"bpdb_prepaid": DAY, "tap": DAY}


def test_a_second_route_is_awaited_under_the_name_of_the_first() -> None:
    first = date(2026, 3, 9)
    awaited = with_awaited_books({}, {"dpdc_postpaid_aggregator": first, "nobody_of_the_sandbox": first})
    assert awaited == {"dpdc_postpaid": DayBook(first, ())}
