"""reconciliation.md 5, case 13 through whole nights.

D file v1 (3 rows wrong), v2 flagged as correction on D+2, after the write-off of one break was approved: v1
is FILE_SUPERSEDED; the result equals a from-scratch run with v2; the delta report lists 3 rows; the approved
write-off is reversed by a new entry, not deleted; D has a restatement number, and what was reported before
still verifies.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from ekpay_switch.persistence.audit.run import run as audit
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.ledger.adjustments import Adjustments
from ekpay_switch.ports.finance import AdjustmentBooks, Connection, Finance
from reconciliation.engine.restatement import outcome
from reconciliation.nightly.night_start import closing_time_of
from reconciliation.resolutions.day_closing import ClosedDay, close_day, closings_of, verify_closings
from reconciliation.resolutions.decision_proofs import verify_decisions
from reconciliation.resolutions.decision_records import CheckerVerdict
from reconciliation.resolutions.decision_store import resolutions_of
from reconciliation.resolutions.decisions import CheckOrder, Proposal, ResolutionActions
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.results.break_results import read_breaks
from reconciliation.results.committed_rows import all_rows
from reconciliation.results.event_chain import verify_chain
from reconciliation.results.records import BreakFilter, BreakState
from tests.database import a_copy, database_of
from tests.persistence.staff_rows import persons
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, TUE, NightStage

AMOUNTS = BreakFilter(codes=("AMOUNT",))
ROWS = [
    Movement(f"EKP{number}", at("2026-04-05 13:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 8)
]
# What they first said: three rows say more than was paid.
WRONG = [row.but(gross=row.gross + 59) if row in ROWS[:3] else row for row in ROWS]


@dataclass
class Switch(NightStage):
    """The stage of the nights with the real books."""

    @property
    def books(self) -> AdjustmentBooks:
        return Adjustments(self.connect)

    async def staff(self, *names: str) -> None:
        for name in names:
            await self.rows(persons(name))


@pytest.fixture
def switch(place: Endpoint, tmp_path: Path) -> Switch:
    return Switch(place, tmp_path / "home")


async def write_off_and_close(switch: Switch) -> tuple[UUID, ClosedDay]:
    """Two persons write off one of the three breaks and close the day."""
    desk = ResolutionActions.of(cast("Finance", switch))
    connection = await switch.connect()
    try:
        breaks = await read_breaks(connection, AMOUNTS, SUN, desk.calendar)
        assert sorted(one.reference for one in breaks) == ["EKP1", "EKP2", "EKP3"]
    finally:
        await connection.close()
    proposal = Proposal(breaks[0].id, ResolutionAction.WRITE_OFF, "they insist on it", "rahima")
    written_off = await desk.propose(proposal)
    await desk.check(CheckOrder(written_off.id, "karim", CheckerVerdict.APPROVED))
    closed = await close_day(
        desk.finance, desk.rules, desk.calendar, SUN, closed_by="rahima", approved_by="karim",
        closing_time=closing_time_of(desk.finance, SUN),
    )  # fmt: skip
    return breaks[0].id, closed


async def is_sound(switch: Switch, connection: Connection) -> bool:
    assert await verify_closings(connection) is None
    assert await verify_decisions(connection) is None
    assert await verify_chain(connection) is None
    assert await audit(database_of(switch.endpoint)) is None
    return True


async def test_a_correction_after_an_approved_write_off(switch: Switch) -> None:
    first = await switch.book(BREB, *ROWS).send(BREB, WRONG, SUN).full_night(SUN)
    assert first.run.holds, first.run.invariants
    await switch.staff("rahima", "karim")
    break_id, before = await write_off_and_close(switch)
    await switch.full_night(MON)

    last = await switch.send(BREB, ROWS, SUN, correction=1).full_night(TUE)
    assert last.run.holds, last.run.invariants

    connection, calendar = await switch.connect(), ResolutionActions.of(cast("Finance", switch)).calendar
    try:
        # v1 is superseded, and every one of its breaks has ended.
        [superseded] = await read_breaks(connection, BreakFilter(codes=("FILE_SUPERSEDED",)), TUE, calendar)
        assert len(list(superseded.details["rows"])) == 3  # type: ignore[call-overload]
        assert {one.state for one in await read_breaks(connection, AMOUNTS, TUE, calendar)} == {
            BreakState.CLOSED
        }
        # The write-off is reversed by a new entry and is still there.
        standing, reversal = await resolutions_of(connection, break_id)
        assert (standing.reversed_by, reversal.maker) == (reversal.id, None)
        entries = await connection.fetch("SELECT moment FROM journal_entries ORDER BY lane, seq")
        assert [row["moment"] for row in entries] == ["break_written_off", "break_written_off_reversed"]
        assert set((await switch.books.balances(connection)).values()) == {0}
        # The day has a restatement that lists the three rows, and what stood before still verifies.
        old, new = await closings_of(connection, SUN)
        assert old == before
        assert old.verifies
        assert (new.restatement, new.delta["rows"]) == (2, 3)
        sums = [sum(row.gross for row in rows) for rows in (WRONG, ROWS)]
        assert new.delta["settled"] == {BREB: sums}
        assert await is_sound(switch, connection)
    finally:
        await connection.close()


async def test_a_correction_comes_to_the_same_as_a_run_from_scratch(
    switch: Switch, endpoint: Endpoint, tmp_path: Path
) -> None:
    await switch.book(BREB, *ROWS).send(BREB, WRONG, SUN).full_night(SUN)
    await switch.staff("rahima", "karim")
    await write_off_and_close(switch)
    await switch.full_night(MON)
    corrected = await switch.send(BREB, ROWS, SUN, correction=1).full_night(TUE)

    async with a_copy(endpoint) as elsewhere:
        scratch = Switch(elsewhere, tmp_path / "scratch")
        scratch.book(BREB, *ROWS).send(BREB, ROWS, SUN)
        for night in (SUN, MON):
            await scratch.full_night(night)
        straight = await scratch.full_night(TUE)
    fates = [
        outcome(all_rows(one.home_folder, ran.run)) for one, ran in ((switch, corrected), (scratch, straight))
    ]
    assert fates[0] == fates[1]
