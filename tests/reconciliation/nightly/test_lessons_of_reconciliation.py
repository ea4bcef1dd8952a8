"""Bugs of other reconciliations, each by its own name (docs/lessons-of-others.md)."""

from tests.reconciliation.institution_files import Credit, Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, NPSB, SUN, NightStage

BILL = Movement("EKP1", at("2026-04-05 10:00:00"), 100_000, theirs="T1")
OTHER_BILL = Movement("EKP2", at("2026-04-05 11:00:00"), 70_000, theirs="T2")
FUNDS = Movement("000000000001", at("2026-04-05 10:00:00"), 100_000, 1_150, theirs="F1")


async def test_early_run_can_be_repeated(stage: NightStage) -> None:
    """What was only too early is no answer that stays."""
    early = await stage.book(BREB, BILL).night(SUN)
    missing = await stage.breaks()
    assert {code for code, *_ in missing} == {"FILE_MISSING"}
    assert early.run.figures["files.missing"] == len(missing) > 0

    repeated = await stage.send(BREB, [BILL], SUN).full_night(SUN)
    assert (repeated.is_new, repeated.run.number, repeated.run.holds) == (True, 2, True)
    assert repeated.run.figures["files.missing"] == 0
    assert {state for *_, state in await stage.breaks()} == {"closed"}


async def test_equal_lines_stay_two(stage: NightStage) -> None:
    """The second of two equal lines, of a bill or of a bank statement, is a break with its amount."""
    stage.book(BREB, BILL, OTHER_BILL).send(BREB, [BILL, BILL, OTHER_BILL], SUN)
    credit = Credit(40_000, "NOBODY", theirs="SB7")
    ran = await stage.credit([credit, credit], MON).full_night(MON)
    assert await stage.breaks() == {
        ("DUP_IN_FILE", "EKP1", "2026-04-06", "open"),
        ("FILE_ONLY", "NOBODY", "2026-04-06", "open"),
        ("DUP_IN_FILE", "NOBODY", "2026-04-06", "open"),
    }
    assert ran.run.figures["total.theirs"] == 5
    assert ran.run.figures["exposure"] == BILL.gross + 2 * 40_000
    assert ran.run.holds, ran.run.invariants


async def test_a_further_movement_under_one_reference_is_no_break(stage: NightStage) -> None:
    """Each is a line of ours with its own name over there, on one day or on two (ADR 0075)."""
    further = FUNDS.but(gross=7_000, kept=80, theirs="F2")
    later = FUNDS.but(at=at("2026-04-06 09:00:00"), gross=3_000, kept=35, theirs="F3")
    stage.book(NPSB, FUNDS).book(NPSB, further, further="the second")
    await stage.send(NPSB, [FUNDS, further], SUN).full_night(SUN)
    stage.book(NPSB, later, further="the third").send(NPSB, [later], MON)
    ran = await stage.full_night(MON)
    assert {code for code, *_ in await stage.breaks()} <= {"FILE_MISSING"}
    assert ran.run.holds, ran.run.invariants
