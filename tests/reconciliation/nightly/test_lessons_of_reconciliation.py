"""Bugs of other reconciliations, each by its own name (docs/lessons-of-others.md)."""

from tests.reconciliation.institution_files import Credit, Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage

BILL = Movement("EKP1", at("2026-04-05 10:00:00"), 100_000, theirs="T1")
OTHER_BILL = Movement("EKP2", at("2026-04-05 11:00:00"), 70_000, theirs="T2")


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
