"""Lines follow from the runs as they were committed, whenever somebody asks, and from what people decided."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from reconciliation.canonical_row import BROKEN
from reconciliation.errors import SettlementError
from reconciliation.results.event_chain import NewEvent, append
from reconciliation.results.records import BreakEventKind, BreakState
from reconciliation.settlement.current_state import SettlementSetting, open_work, settlement_lock, take_in
from reconciliation.settlement.positions.lines import SettlementLine
from reconciliation.settlement.store.settlement_lines import read_lines
from tests.reconciliation.settlement.sample_lines import MON, SUN
from tests.reconciliation.settlement.stage import Stage, pair, row

NEW_BREAK = """
INSERT INTO reconciliation.breaks (id, run_id, code, institution, reference, first_seen, amount, difference,
  exposure, file, cycle, owner, deadline, diagnosis, told)
VALUES ($1, $2, $3, 'npsb', $4, '2026-04-05', 0, 0, 0, '', 0, 'finance', '2026-04-09', '', '{}')
"""


async def taken(desk: SettlementSetting) -> tuple[SettlementLine, ...]:
    async with open_work(desk) as work, settlement_lock(work):
        await take_in(work)
        return await read_lines(work.connection)


def told(lines: tuple[SettlementLine, ...]) -> list[tuple[str, date, date | None, date | None, str]]:
    return [(one.source, one.seen_on, one.agreed_on, one.dropped_on, one.because) for one in lines]


SOURCE = "npsb_20260405_01.txt:1"


@pytest.mark.parametrize("asks", [2, 1])
async def test_it_does_not_matter_when_somebody_asks(stage: Stage, asks: int) -> None:
    stage.rows = [row("npsb", "N1", 500, verdict=BROKEN)]
    await stage.run(SUN)
    if asks == 2:
        await taken(stage.desk)
    stage.rows = pair("npsb", "N1", 500)
    await stage.run(MON)
    lines = await taken(stage.desk)
    assert told(lines) == [(SOURCE, SUN, MON, None, "")]
    assert await taken(stage.desk) == lines
    assert await stage.books.count("reconciliation.settlement_lines") == 2


async def test_a_row_that_a_correction_replaced_is_taken_back(stage: Stage) -> None:
    stage.rows = pair("npsb", "N1", 500)
    await stage.run(SUN)
    stage.rows = pair("npsb", "N1", 400, file="npsb_20260405_01_c1.txt")
    await stage.run(MON)
    lines = await taken(stage.desk)
    assert sorted((one.source, one.amount, one.agreed_on) for one in lines) == [
        (SOURCE, 500, SUN),
        (f"{SOURCE} withdrawn", -500, MON),
        ("npsb_20260405_01_c1.txt:1", 400, MON),
    ]


async def a_break(stage: Stage, run_id: UUID, code: str = "FILE_ONLY", reference: str = "N1") -> UUID:
    name = uuid4()
    await stage.books.tell(NEW_BREAK, name, run_id, code, reference)
    await happened(stage, name, BreakEventKind.FOUND, BreakState.OPEN, {})
    return name


async def happened(
    stage: Stage, break_id: UUID, kind: BreakEventKind, state: BreakState, facts: dict[str, object]
) -> None:
    connection = await stage.office.connect()
    try:
        async with connection.transaction():
            await append(connection, [NewEvent(break_id, SUN, "Rahima", kind, state, facts)])
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("settlement", "agreed", "dropped"), [("agreed", SUN, None), ("dropped", None, SUN), (None, None, None)]
)
async def test_a_decision_of_two_persons_decides_the_line(
    stage: Stage, settlement: str | None, agreed: date | None, dropped: date | None
) -> None:
    stage.rows = [row("npsb", "N1", 500, verdict=BROKEN)]
    run_id = await stage.run(SUN)
    name = await a_break(stage, run_id)
    assert told(await taken(stage.desk)) == [(SOURCE, SUN, None, None, "FILE_ONLY")]
    facts: dict[str, object] = {"settlement": settlement} if settlement else {}
    await happened(stage, name, BreakEventKind.APPROVED, BreakState.RESOLVED, facts)
    (line,) = await taken(stage.desk)
    assert (line.agreed_on, line.dropped_on) == (agreed, dropped)


async def test_as_long_as_one_break_of_a_row_is_open_it_is_held(stage: Stage) -> None:
    stage.rows = [row("npsb", "N1", 500, verdict=BROKEN)]
    run_id = await stage.run(SUN)
    name, _ = await a_break(stage, run_id), await a_break(stage, run_id, "FEE_VARIANCE")
    await happened(stage, name, BreakEventKind.APPROVED, BreakState.RESOLVED, {"settlement": "agreed"})
    (line,) = await taken(stage.desk)
    assert (line.agreed_on, line.because) == (None, "FEE_VARIANCE FILE_ONLY")


async def test_a_decision_that_was_reversed_decides_nothing(stage: Stage) -> None:
    stage.rows = [row("npsb", "N1", 500, verdict=BROKEN)]
    name = await a_break(stage, await stage.run(SUN))
    await happened(stage, name, BreakEventKind.APPROVED, BreakState.RESOLVED, {"settlement": "agreed"})
    await happened(stage, name, BreakEventKind.REVERSED, BreakState.OPEN, {})
    assert [one.agreed_on for one in await taken(stage.desk)] == [None]


async def test_a_run_that_was_committed_meanwhile_stops_it(stage: Stage) -> None:
    await stage.run(SUN)
    async with open_work(stage.desk) as work:
        await stage.run(MON)
        with pytest.raises(SettlementError, match="meanwhile"):
            await settlement_lock(work).__aenter__()
