"""reconciliation.md 5, case 13, as decisions and closed days see it: nothing is deleted."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest

from reconciliation.resolutions.closing_time import ClosingTime
from reconciliation.resolutions.day_closing import (
    ClosedDay,
    close_day,
    closings_of,
    figures_digest,
    verify_closings,
)
from reconciliation.resolutions.decision_records import OnePersonError, ProposalOutcome, UnfitError
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.withdrawn_decisions import ChangedBreak, RunReactions, react_to_run
from reconciliation.results.records import BreakEventKind, BreakState, RunRecord
from tests.reconciliation.resolutions.scene import CHECKER, MAKER, NIGHT, OTHER, DyingBooks, Scene

LATER = date(2026, 11, 4)
V1, V2 = "bkash_20261102_01.csv", "bkash_20261102_01_c1.csv"


async def closed(
    scene: Scene,
    night: date = NIGHT,
    by: str = MAKER,
    approved_by: str = CHECKER,
    before: timedelta = timedelta(0),
) -> ClosedDay:
    desk = scene.desk
    return await close_day(
        scene.finance, desk.rules, desk.calendar, night, closed_by=by, approved_by=approved_by,
        closing_time=ClosingTime(cut_off_of(night) - before, cut_off_of(night)),
    )  # fmt: skip


def cut_off_of(night: date) -> datetime:
    return datetime.combine(night, time(19, 30), UTC)


async def corrected(scene: Scene, ended: list[UUID], first_file: int) -> RunReactions:
    """The run of D+2 takes the correction: three lines of the first file were wrong, its breaks end."""
    run = await scene.next_run(LATER)
    await scene.file_state(first_file, "superseded")
    await scene.file(V2, "loaded", 30_177, correction=1)
    told = {"en": "Replaced.", "rows": ["h1", "h2", "h3"]}
    await scene.found("FILE_SUPERSEDED", reference=V1, file=V1, day=NIGHT, difference=177, details=told)
    async with scene.connection.transaction():
        for break_id in ended:
            await scene.happens(break_id, BreakEventKind.CLOSED, BreakState.CLOSED)
        changed = [ChangedBreak(break_id, BreakState.CLOSED) for break_id in ended]
        return await react_to_run(scene.connection, scene.finance, run, changed)


async def test_a_correction_reverses_the_approved_write_off_and_restates_the_day(scene: Scene) -> None:
    first_file = await scene.file(V1, "loaded", 30_000)
    wrong = [await scene.found("AMOUNT", reference=f"R{n}", difference=-59, exposure=59) for n in (1, 2, 3)]
    written_off = await scene.decided(wrong[0])
    before = await closed(scene)
    assert await scene.balances() == {"receivable:bkash": -59, "write_off": 59}

    reacted = await corrected(scene, wrong, first_file)

    # Reversed by a new entry; the write-off is still there.
    [reversal] = reacted.reversals
    assert (reversal.reverses, reversal.maker, reversal.checkers_needed) == (written_off.id, None, 0)
    assert await scene.balances() == {}
    assert await scene.count("journal_entries") == 2
    first, second = await scene.decisions(wrong[0])
    assert (first.outcome, first.reversed_by) == (ProposalOutcome.APPROVED, second.id)
    assert second.made_by.startswith("rule ")
    assert await scene.kinds(wrong[0]) == ["found", "proposed", "approved", "closed", "reversed"]
    assert await scene.state(wrong[0]) is BreakState.CLOSED

    # The day has a restatement with the three lines; what was closed before still verifies.
    assert reacted.restated == (NIGHT,)
    old, new = await closings_of(scene.connection, NIGHT)
    assert old == before
    assert old.verifies
    assert (new.restatement, new.closed_by, new.approved_by) == (2, None, None)
    assert new.delta["restates"] == before.digest
    assert new.delta["rows"] == 3
    assert new.delta["files"] == [
        {
            "file": V1,
            "institution": "bkash",
            "replaced_by": V2,
            "rows": ["h1", "h2", "h3"],
            "difference": 177,
        }
    ]
    assert new.delta["settled"] == {"bkash": [30_000, 30_177]}
    assert new.delta["ended"] == [["AMOUNT", "bkash", f"R{n}"] for n in (1, 2, 3)]
    assert new.delta["reversed"] == [
        {
            "resolution": str(written_off.id),
            "by": str(reversal.id),
            "entry": str(reversal.entry_id),
            "amount": 59,
        }
    ]
    assert old.figures["settled"] == {"bkash": 30_000}
    assert new.figures["settled"] == {"bkash": 30_177}
    assert await scene.is_sound()


async def test_a_day_that_is_not_closed_is_not_restated(scene: Scene) -> None:
    first_file = await scene.file(V1, "loaded", 30_000)
    assert (await corrected(scene, [], first_file)).restated == ()
    assert await closings_of(scene.connection) == []


async def test_each_further_correction_is_a_further_restatement(scene: Scene) -> None:
    first_file = await scene.file(V1, "loaded", 30_000)
    await closed(scene)
    await corrected(scene, [], first_file)
    run = await scene.next_run(NIGHT, number=2)
    await react_to_run(scene.connection, scene.finance, run, [])
    numbers = [(one.restatement, one.verifies) for one in await closings_of(scene.connection, NIGHT)]
    assert numbers == [(1, True), (2, True), (3, True)]
    assert await verify_closings(scene.connection) is None


async def test_a_run_that_ends_repeats_nothing(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    await scene.decided(break_id)
    run = await scene.next_run(LATER)
    changed = [ChangedBreak(break_id, BreakState.CLOSED)]
    assert len((await react_to_run(scene.connection, scene.finance, run, changed)).reversals) == 1
    assert await react_to_run(scene.connection, scene.finance, run, changed) == RunReactions((), (), ())
    assert await scene.balances() == {}
    assert await scene.is_sound()


async def committed(scene: Scene, run: RunRecord, break_id: UUID) -> RunReactions:
    async with scene.connection.transaction():
        return await react_to_run(
            scene.connection, scene.finance, run, [ChangedBreak(break_id, BreakState.CLOSED)]
        )


async def test_a_commit_that_fails_leaves_the_write_off_as_it_stood(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    await scene.decided(break_id)
    run = await scene.next_run(LATER)
    scene.finance.dying = DyingBooks(scene.finance.connect)
    with pytest.raises(ConnectionResetError):
        await committed(scene, run, break_id)
    assert await scene.balances() == {"receivable:bkash": -500, "write_off": 500}
    assert len(await scene.decisions(break_id)) == 1
    assert await scene.is_sound()


async def test_a_proposal_that_waits_lapses_with_its_break(scene: Scene) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    waiting = await scene.propose(break_id)
    run = await scene.next_run(LATER)
    await scene.happens(break_id, BreakEventKind.CLOSED, BreakState.CLOSED)

    reacted = await react_to_run(
        scene.connection, scene.finance, run, [ChangedBreak(break_id, BreakState.CLOSED)]
    )

    assert [one.id for one in reacted.lapsed] == [waiting.id]
    assert (await scene.decisions(break_id))[0].outcome is ProposalOutcome.LAPSED
    with pytest.raises(UnfitError, match="lapsed"):
        await scene.check(waiting)
    # Opened again, the break takes a new proposal.
    await scene.happens(break_id, BreakEventKind.REOPENED, BreakState.OPEN)
    assert (await scene.decided(break_id)).number == 2
    assert await scene.is_sound()


async def test_decisions_that_lie_on_one_another_are_taken_back_in_turn(scene: Scene) -> None:
    """The claim was paid by transfer, then the file brings the row after all: we hold the money twice."""
    break_id = await scene.found("LEDGER_ONLY")
    await scene.decided(break_id, ResolutionAction.CLAIM)
    assert await scene.state(break_id) is BreakState.OPEN
    await scene.decided(break_id, ResolutionAction.CLAIM_RECEIVED)
    assert await scene.balances() == {"receivable:bkash": -500, "settlement_bank": 500}

    run = await scene.next_run(LATER)
    reacted = await react_to_run(
        scene.connection, scene.finance, run, [ChangedBreak(break_id, BreakState.CLOSED)]
    )

    assert [one.action for one in reacted.reversals] == [
        ResolutionAction.CLAIM_RECEIVED,
        ResolutionAction.CLAIM,
    ]
    assert await scene.balances() == {"settlement_bank": 500, "suspense:bkash": 500}
    assert await scene.is_sound()


async def test_a_day_is_closed_by_two_persons(scene: Scene) -> None:
    with pytest.raises(OnePersonError):
        await closed(scene, by=MAKER, approved_by=MAKER)
    assert await closings_of(scene.connection) == []

    one = await closed(scene)
    assert (one.restatement, one.closed_by, one.approved_by) == (1, MAKER, CHECKER)
    assert one.digest == figures_digest(one.figures)
    assert one.figures["positions"] == {"bkash": [990, 1_000, 10, 0, 0]}
    # Said again after a lost answer, it is the same; others come too late.
    assert await closed(scene) == one
    with pytest.raises(UnfitError, match=f"closed by {MAKER}"):
        await closed(scene, by=OTHER)


async def test_a_night_without_a_run_cannot_be_closed(scene: Scene) -> None:
    with pytest.raises(UnfitError, match="not reconciled"):
        await closed(scene, LATER)


async def test_figures_that_somebody_touched_do_not_verify(scene: Scene) -> None:
    await closed(scene)
    await scene.root.execute(
        """UPDATE reconciliation.closed_days SET figures = figures || '{"exposure": 1}'"""
    )
    told = await verify_closings(scene.connection)
    assert told is not None
    assert "not those that were frozen" in told


async def test_a_restatement_that_is_missing_is_seen(scene: Scene) -> None:
    await closed(scene)
    run = await scene.next_run(NIGHT, number=2)
    await react_to_run(scene.connection, scene.finance, run, [])
    await scene.root.execute("DELETE FROM reconciliation.closed_days WHERE restatement = 1")
    told = await verify_closings(scene.connection)
    assert told is not None
    assert "missing" in told


@pytest.mark.parametrize(
    ("code", "age", "is_red"),
    [
        ("FILE_MISSING", 0, True),
        ("CONTROL_TOTAL", 0, True),
        ("FILE_REPLAYED", 0, True),
        ("DUP_IN_LEDGER", 0, True),
        ("UNKNOWN_OPEN", 0, False),
        ("UNKNOWN_OPEN", 3, True),
        ("THEY_SUCCESS_WE_FAILED", 3, True),
        ("LEDGER_ONLY", 3, False),
        ("TIMING", 3, False),
    ],
)
async def test_red_things_keep_a_day_open(scene: Scene, code: str, age: int, is_red: bool) -> None:  # noqa: FBT001
    break_id = await scene.found(code)
    if age:
        await scene.next_run(date(2026, 11, 2 + age))
    if not is_red:
        await closed(scene)
        return
    with pytest.raises(UnfitError, match=code):
        await closed(scene)
    await scene.decided(break_id, ResolutionAction.NO_ACTION)
    assert (await closed(scene)).figures["standing"] == {}


async def test_a_missing_file_with_a_note_does_not_block(scene: Scene) -> None:
    break_id = await scene.found("FILE_MISSING")
    with pytest.raises(UnfitError, match="without a note"):
        await closed(scene)
    await scene.desk.note(break_id, "they have a holiday", MAKER)
    assert (await closed(scene)).figures["standing"] == {"FILE_MISSING": 1}
    assert await scene.state(break_id) is BreakState.OPEN


async def test_a_later_break_does_not_block_an_earlier_day(scene: Scene) -> None:
    await scene.next_run(LATER)
    await scene.found("CONTROL_TOTAL")
    assert (await closed(scene)).night == NIGHT
    with pytest.raises(UnfitError, match="CONTROL_TOTAL"):
        await closed(scene, LATER)


async def test_a_claim_that_the_institution_has_not_answered_does_not_block(scene: Scene) -> None:
    break_id = await scene.found("WE_SUCCESS_THEY_FAILED", deadline=date(2026, 11, 1))
    with pytest.raises(UnfitError, match="past its deadline"):
        await closed(scene)
    claim = await scene.decided(break_id, ResolutionAction.CLAIM)
    assert await scene.state(break_id) is BreakState.OPEN
    assert (await closed(scene)).figures["standing"] == {"WE_SUCCESS_THEY_FAILED": 1}
    # Nobody deals with it once the claim is taken back.
    await scene.next_run(LATER)
    reversal = await scene.propose(break_id, ResolutionAction.CLAIM, reverses=claim.id)
    await scene.check(reversal)
    with pytest.raises(UnfitError, match="past its deadline"):
        await closed(scene, LATER)


async def test_a_proposal_that_waits_blocks(scene: Scene) -> None:
    one = await scene.propose(await scene.found("LEDGER_ONLY"))
    with pytest.raises(UnfitError, match="nobody has checked"):
        await closed(scene)
    await scene.check(one)
    await closed(scene)


async def test_a_broken_invariant_and_the_unwatched_block(scene: Scene) -> None:
    await scene.next_run(
        LATER, invariants={"netting": "1 paisa is left", "order": "hold"}, figures={"unwatched": 2}
    )
    with pytest.raises(UnfitError, match="netting does not hold: 1 paisa is left; 2 institutions"):
        await closed(scene, LATER)
    closing = scene.desk.rules.closing.model_copy(update={"invariants": False, "unwatched": False})
    scene.desk = replace(scene.desk, rules=replace(scene.desk.rules, closing=closing))
    await closed(scene, LATER)
    closed_by = [one.closed_by for one in await closings_of(scene.connection)]
    assert closed_by == [MAKER]
    assert OTHER not in closed_by


async def test_the_database_closes_no_day_that_is_not_over_by_its_own_clock(scene: Scene) -> None:
    far = date(2999, 1, 1)
    await scene.next_run(far, started_at=cut_off_of(far))
    with pytest.raises(UnfitError, match="2999-01-01 is not over by the clock of the database"):
        await closed(scene, far)
    assert await scene.count("reconciliation.closed_days") == 0


async def test_a_day_is_not_closed_before_its_cut_off(scene: Scene) -> None:
    with pytest.raises(UnfitError, match="2026-11-02 cannot be closed before its cut-off"):
        await closed(scene, before=timedelta(seconds=1))
    assert await scene.count("reconciliation.closed_days") == 0
    assert (await closed(scene)).restatement == 1


async def test_a_day_is_not_closed_on_a_run_that_rehearsed_it(scene: Scene) -> None:
    rehearsed = await scene.next_run(NIGHT, 2, started_at=datetime(2026, 11, 2, 10, tzinfo=UTC))
    with pytest.raises(UnfitError, match=f"run {rehearsed.seq} of 2026-11-02 began before the day was over"):
        await closed(scene)
    await scene.next_run(NIGHT, 3)
    assert (await closed(scene)).restatement == 1
