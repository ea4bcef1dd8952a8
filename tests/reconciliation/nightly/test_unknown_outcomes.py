"""What nobody knows the end of: what files say of it, whom it is told, and how long it stands apart."""

import polars as pl

from reconciliation.intake.file_names import LogicalKey
from reconciliation.results.committed_rows import all_rows
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, NPSB, SUN, TUE, WED, NightStage

UNKNOWN = Movement("EKP7", at("2026-04-05 12:00:00"), 7_000, theirs="T7", status="unknown")


async def test_a_file_that_names_an_unknown_movement_answers_it(stage: NightStage) -> None:
    stage.institutions = (NPSB,)
    failed = UNKNOWN.but(ours="000000000008", status="unknown")
    stage.book(NPSB, UNKNOWN.but(ours="000000000007"), failed)
    told = [failed.but(status="failed"), UNKNOWN.but(ours="000000000007", status="success")]
    await stage.send(NPSB, told, SUN).full_night(SUN)
    said = [(one.says.value, one.role.value, one.file, one.amount) for one in stage.evidence.told]
    name = "npsb_20260405_04.txt"
    assert sorted(said) == [("failed", "connector", name, 7_000), ("success", "connector", name, 7_000)]
    # What failed moved no money; what succeeded stands apart until our books have it.
    assert await stage.breaks() == {("UNKNOWN_OPEN", "000000000007", "2026-04-05", "open")}
    await stage.full_night(MON)
    assert len(stage.evidence.told) == 2


async def test_unknown_and_file_success_is_a_break_until_it_is_booked(stage: NightStage) -> None:
    """The row of a held payment was matched in silence, and its money stood in no account (issue 20)."""
    stage.institutions = (NPSB,)
    held = UNKNOWN.but(ours="000000000007")
    ran = await stage.book(NPSB, held).send(NPSB, [held.but(status="success")], SUN).full_night(SUN)
    assert ran.run.holds, ran.run.invariants
    assert await stage.breaks() == {("UNKNOWN_OPEN", "000000000007", "2026-04-05", "open")}
    rows = all_rows(stage.home_folder, ran.run).filter(pl.col("reference") == "000000000007")
    assert set(rows["verdict"]) == {"break"}

    for night in (MON, TUE):
        await stage.full_night(night)
    assert len(stage.evidence.told) == 1
    ran = await stage.book(NPSB, held.but(status="success"), day=WED, revision=2).full_night(WED)

    assert ran.run.holds, ran.run.invariants
    assert [
        (code, state) for code, reference, _, state in await stage.breaks() if reference == held.ours
    ] == [("UNKNOWN_OPEN", "closed")]
    rows = all_rows(stage.home_folder, ran.run).filter(pl.col("reference") == "000000000007")
    assert "matched" in set(rows["verdict"])


async def test_an_absence_is_told_by_two_nights_and_not_by_a_third(stage: NightStage) -> None:
    stage.book(BREB, UNKNOWN)
    await stage.full_night(SUN)
    assert await stage.breaks() == {("UNKNOWN_OPEN", "EKP7", "2026-04-05", "open")}
    for night in (MON, TUE, WED):
        await stage.full_night(night)
    assert [(one.says.value, one.night, one.file) for one in stage.evidence.told] == [
        ("absent", SUN, "breb_postpaid_20260405_02.txt"),
        ("absent", MON, "breb_postpaid_20260406_02.txt"),
    ]
    assert await stage.events("EKP7") == [
        "UNKNOWN_OPEN found",
        "UNKNOWN_OPEN answered",
        "UNKNOWN_OPEN answered",
    ]


async def test_a_second_absence_waits_for_the_second_file(stage: NightStage) -> None:
    await stage.book(BREB, UNKNOWN).full_night(SUN)
    stage.absent.add(LogicalKey(BREB, MON, 2))
    await stage.full_night(MON)
    assert len(stage.evidence.told) == 1
    stage.absent.clear()
    await stage.full_night(TUE)
    assert [one.night for one in stage.evidence.told] == [SUN, TUE]


async def test_a_late_failure_is_told_and_ends_the_question(stage: NightStage) -> None:
    stage.institutions = (NPSB,)
    late = UNKNOWN.but(ours="000000000007")
    await stage.book(NPSB, late).full_night(SUN)
    ran = await stage.send(NPSB, [late.but(status="failed")], MON).full_night(MON)
    assert await stage.events("000000000007") == [
        "UNKNOWN_OPEN found",
        "UNKNOWN_OPEN answered",
        "UNKNOWN_OPEN answered",
        "UNKNOWN_OPEN closed",
    ]
    assert stage.evidence.told[-1].says.value == "failed"
    assert ran.run.holds, ran.run.invariants


async def test_a_late_success_is_told_once_and_the_question_ends_with_its_entry(stage: NightStage) -> None:
    await stage.book(BREB, UNKNOWN).full_night(SUN)
    await stage.send(BREB, [UNKNOWN.but(status="success")], MON).full_night(MON)
    await stage.full_night(TUE)
    assert [one.says.value for one in stage.evidence.told] == ["absent", "success"]
    ran = await stage.book(BREB, UNKNOWN.but(status="success"), day=WED, revision=2).full_night(WED)
    assert await stage.events("EKP7") == [
        "UNKNOWN_OPEN found",
        "UNKNOWN_OPEN answered",
        "UNKNOWN_OPEN answered",
        "UNKNOWN_OPEN closed",
    ]
    assert ran.run.holds, ran.run.invariants


async def test_the_next_revision_of_a_line_takes_the_place_of_the_question(stage: NightStage) -> None:
    await stage.book(BREB, UNKNOWN).full_night(SUN)
    stage.book(BREB, UNKNOWN.but(status="success"), day=MON, revision=2)
    ran = await stage.send(BREB, [UNKNOWN.but(status="success")], MON).full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert await stage.breaks() == {("UNKNOWN_OPEN", "EKP7", "2026-04-05", "closed")}
    rows = all_rows(stage.home_folder, ran.run).filter(pl.col("reference") == "EKP7")
    assert sorted(rows.select("source", "status", "verdict").iter_rows()) == [
        (0, 0, "matched"),
        (1, 0, "matched"),
    ]
    assert len(stage.evidence.told) == 1


async def test_a_success_after_a_failure_replaces_it(stage: NightStage) -> None:
    failed = UNKNOWN.but(status="failed")
    await stage.book(BREB, failed).send(BREB, [UNKNOWN.but(status="success")], SUN).full_night(SUN)
    assert await stage.breaks() == {("THEY_SUCCESS_WE_FAILED", "EKP7", "2026-04-05", "open")}
    ran = await stage.book(BREB, failed.but(status="success"), day=MON, revision=2).full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert await stage.events("EKP7") == ["THEY_SUCCESS_WE_FAILED found", "THEY_SUCCESS_WE_FAILED closed"]


async def test_files_that_do_not_say_one_thing_answer_nothing(stage: NightStage) -> None:
    stage.institutions = (NPSB,)
    twice, foreign = (UNKNOWN.but(ours=f"00000000000{number}") for number in (7, 8))
    success = twice.but(status="success")
    said = [success.but(gross=6_000), success.but(gross=6_500, theirs="T8")]
    await stage.book(NPSB, twice, foreign).send(NPSB, said, SUN).full_night(SUN)
    assert [one.says.value for one in stage.evidence.told] == ["absent"]
    assert {code for code, *_ in await stage.breaks()} == {"AMBIGUOUS", "UNKNOWN_OPEN"}
