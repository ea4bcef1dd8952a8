"""What readers of results see: breaks by a filter, events in their order, files and runs."""

from reconciliation.calendar import read_calendar
from reconciliation.results.break_results import events_of, read_breaks
from reconciliation.results.file_results import kept_files
from reconciliation.results.records import BreakFilter, BreakState
from reconciliation.results.runs import latest_run, read_runs, run_of
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.conftest import Again
from tests.reconciliation.nightly.stage import BREB, CONFIG, MON, SUN, TUE, WED, NightStage

ROWS = [
    Movement(f"EKP{number}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 6)
]
CALENDAR = read_calendar(CONFIG / "calendar.toml")


async def two_nights(stage: NightStage) -> NightStage:
    """An amount and a missing row on Sunday; on Monday the correction has the amount right."""
    await stage.book(BREB, *ROWS).send(BREB, [ROWS[0].but(gross=5), *ROWS[2:]], SUN).full_night(SUN)
    await stage.send(BREB, [ROWS[0], *ROWS[2:]], SUN, correction=1).full_night(MON)
    return stage


async def test_breaks_are_read_by_a_filter(again: Again) -> None:
    async with again(two_nights) as stage:
        connection = await stage.connect("audit")
        try:

            async def references(**wanted: object) -> list[str]:
                found = await read_breaks(connection, BreakFilter(**wanted), WED, CALENDAR)  # type: ignore[arg-type]
                return [one.reference for one in found]

            name = "breb_postpaid_20260405_02.txt"
            assert await references() == ["EKP2", "EKP1", name]
            assert await references(codes=["AMOUNT", "LEDGER_ONLY"]) == ["EKP1"]
            assert await references(institutions=["npsb"]) == []
            assert await references(states=[BreakState.OPEN]) == ["EKP2", name]
            assert await references(states=[BreakState.CLOSED]) == ["EKP1"]
            assert await references(night=MON) == [name]
            assert await references(older_than=2) == ["EKP2", "EKP1"]
            assert await references(at_least=100_002) == ["EKP2"]
            assert await references(reference="EKP1") == ["EKP1"]
            assert await references(owners=["nobody"]) == []
            then = await read_breaks(connection, BreakFilter(), SUN, CALENDAR, events_up_to=SUN)
            assert {(one.reference, one.state, one.age) for one in then} == {
                ("EKP1", BreakState.OPEN, 0),
                ("EKP2", BreakState.OPEN, 0),
            }
            now = await read_breaks(connection, BreakFilter(reference="EKP2"), MON, CALENDAR)
            assert [(one.age, one.first_seen, one.details["net"]) for one in now] == [(1, SUN, 100_002)]
            assert len(now[0].details["movements"]) == 1  # type: ignore[arg-type]
        finally:
            await connection.close()


async def test_events_runs_and_files_are_read_in_their_order(again: Again) -> None:
    async with again(two_nights) as stage:
        connection = await stage.connect("audit")
        try:
            (amount,) = await read_breaks(connection, BreakFilter(codes=["AMOUNT"]), MON, CALENDAR)
            events = await events_of(connection, amount.id)
            assert [(one.event.value, one.night, one.actor, one.facts["run"]) for one in events] == [
                ("found", SUN, "night", 1),
                ("closed", MON, "night", 2),
            ]
            assert events[1].facts["reason"] == "its rows were judged again and agree"
            assert [run.seq for run in await read_runs(connection)] == [1, 2]
            assert [run.seq for run in await read_runs(connection, SUN)] == [1]
            newest, first = await latest_run(connection), await run_of(connection, 1)
            assert newest is not None
            assert first is not None
            assert (newest.night, first.night) == (MON, SUN)
            assert await latest_run(connection, TUE) is None
            assert await run_of(connection, 3) is None
            files = [
                (kept.file.name, kept.file.state, kept.file.source) for kept in await kept_files(connection)
            ]
            assert files[:2] == [
                ("breb_postpaid_20260405_01.txt", "loaded", "folder"),
                ("breb_postpaid_20260405_02.txt", "superseded", "folder"),
            ]
        finally:
            await connection.close()


async def test_before_the_first_run_there_is_nothing(stage: NightStage) -> None:
    connection = await stage.connect("audit")
    try:
        assert await read_breaks(connection, BreakFilter(), SUN, CALENDAR) == []
    finally:
        await connection.close()
