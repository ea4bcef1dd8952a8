"""What a night leaves open has an alarm, one for each institution, until the last break of it has ended."""

import orjson
import pytest

from ekpay_switch.persistence.alarms.desk import AlarmStandsError, PostgresAlarmDesk
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from reconciliation.intake.file_names import LogicalKey
from tests.database import database_of
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage

ROWS = [
    Movement(f"EKP{number}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 6)
]


async def _two_breaks(stage: NightStage) -> None:
    """A night in which two of five payments do not agree."""
    await stage.book(BREB, *ROWS).send(BREB, [ROWS[0].but(gross=5), *ROWS[2:]], SUN).full_night(SUN)


async def test_a_night_raises_what_waits_on_finance_and_the_next_counts(stage: NightStage) -> None:
    await _two_breaks(stage)
    (alarm,) = await stage.alarms_of_breaks()
    assert (alarm["subject"], alarm["amount"], alarm["count"]) == (f"breaks {BREB}", 99_996 + 100_002, 1)
    assert orjson.loads(alarm["facts"]) == {"breaks": "2", "oldest": "2026-04-05"}

    await stage.full_night(MON)

    (alarm,) = await stage.alarms_of_breaks()
    assert (alarm["count"], alarm["ended_at"]) == (2, None)


async def test_a_night_that_stands_raises_nothing(stage: NightStage) -> None:
    await _two_breaks(stage)
    assert not (await stage.night(SUN)).is_new
    (alarm,) = await stage.alarms_of_breaks()
    assert alarm["count"] == 1


async def test_the_run_that_ends_the_last_break_ends_the_alarm(stage: NightStage) -> None:
    stage.absent.add(LogicalKey(BREB, SUN, 2))
    await stage.book(BREB, *ROWS).full_night(SUN)
    (alarm,) = await stage.alarms_of_breaks()
    assert (alarm["amount"], alarm["ended_at"]) == (sum(row.gross for row in ROWS), None)

    await stage.send(BREB, ROWS, SUN).full_night(MON)

    assert {state for *_, state in await stage.breaks()} == {"closed"}
    (alarm,) = await stage.alarms_of_breaks()
    assert (alarm["ended_by"], alarm["end_reason"]) == ("evidence", "the last of its breaks has ended")


async def test_nothing_else_ends_it(stage: NightStage) -> None:
    """Neither the sweep of the core, which does not know of breaks, nor a person who closes alarms."""
    await _two_breaks(stage)
    (alarm,) = await stage.alarms_of_breaks()
    database = database_of(stage.endpoint)
    engine = database.engine()
    try:
        await AlarmUpkeep(engine).sweep()
    finally:
        await engine.dispose()
    with pytest.raises(AlarmStandsError):
        await PostgresAlarmDesk(database.connect).close(alarm["id"], "no time", "Rahima")
    assert [alarm["ended_at"] for alarm in await stage.alarms_of_breaks()] == [None]
