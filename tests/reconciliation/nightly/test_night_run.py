"""Nights over the books: what is found, what stands, what comes late, what comes back."""

import shutil
from pathlib import Path

import asyncpg
import polars as pl
import pytest

from ekpay_switch.persistence.embedded.server import Endpoint
from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.engine.restatement import outcome
from reconciliation.errors import NightError
from reconciliation.intake.file_names import LogicalKey
from reconciliation.matching.institution_positions import positions
from reconciliation.nightly.break_changes import BreakChanges
from reconciliation.nightly.night_run import LOCK
from reconciliation.results.committed_rows import all_rows
from reconciliation.results.runs import read_positions, read_runs
from tests.database import a_copy
from tests.reconciliation.institution_files import Credit, Movement, at
from tests.reconciliation.nightly.stage import (
    BREB,
    MON,
    NPSB,
    SONALI,
    SUN,
    TUE,
    WED,
    NightStage,
    digests,
)

ROWS = [
    Movement(f"EKP{number}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 6)
]
MONDAY = Movement("EKP11", at("2026-04-06 09:00:00"), 5_000, theirs="T11")
FUNDS = Movement("000000000001", at("2026-04-05 10:00:00"), 100_000, 1_150, theirs="F1")


async def test_a_night_finds_what_does_not_agree(stage: NightStage) -> None:
    stage.book(BREB, *ROWS).send(BREB, [ROWS[0].but(gross=5), *ROWS[2:]], SUN)
    ran = await stage.full_night(SUN)
    assert ran.run.holds, ran.run.invariants
    assert (ran.run.seq, ran.run.number, ran.is_new) == (1, 1, True)
    assert await stage.breaks() == {
        ("AMOUNT", "EKP1", "2026-04-05", "open"),
        ("BILLER_NOT_POSTED", "EKP2", "2026-04-05", "open"),
    }
    assert list(stage.inbox.iterdir()) == []
    assert all_rows(stage.home_folder, ran.run).height == 9
    assert (ran.run.figures["found"], ran.run.figures["open"]) == (2, 2)
    assert ran.run.figures["exposure"] == 99_996 + 100_002


@pytest.mark.parametrize("code", BreakCode)
def test_the_digest_of_a_night_covers_breaks_of_rows_and_of_files(code: BreakCode) -> None:
    name = "breb_postpaid_20260405_01.txt"
    finding = BreakFinding(FindingKey(code, BREB, name), file=name, day=SUN, cycle=1)
    changes = [
        BreakChanges((), {}, {}),
        BreakChanges((finding,), {}, {}),
        BreakChanges((), {finding.key: (SUN, finding)}, {}),
        BreakChanges((), {}, {finding.key: "arrived"}),
    ]
    assert len({change.digest("", MON) for change in changes}) == len(changes)


async def test_a_night_without_anything_new_stands(stage: NightStage) -> None:
    first = await stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).full_night(SUN)
    again = await stage.night(SUN)
    assert (again.is_new, again.run) == (False, first.run)
    assert digests(again) == digests(first)
    assert [row[0] for row in await stage.rows("SELECT count(*) FROM reconciliation.runs")] == [1]


async def test_yesterdays_missing_file_comes_late(stage: NightStage) -> None:
    stage.absent.add(LogicalKey(BREB, SUN, 2))
    first = await stage.book(BREB, *ROWS).full_night(SUN)
    name = "breb_postpaid_20260405_02.txt"
    assert await stage.breaks() == {("FILE_MISSING", name, "2026-04-05", "open")}
    assert first.run.figures["files.missing"] == 1
    assert first.run.figures["exposure"] == sum(row.gross for row in ROWS)
    second = await stage.send(BREB, ROWS[1:], SUN).full_night(MON)
    assert await stage.breaks() == {
        ("FILE_MISSING", name, "2026-04-05", "closed"),
        ("BILLER_NOT_POSTED", "EKP1", "2026-04-06", "open"),
    }
    assert (second.run.figures["files.late"], second.run.figures["files.missing"]) == (1, 0)
    assert second.run.holds, second.run.invariants


async def test_a_late_file_of_a_night_that_stands_makes_a_further_run_of_it(stage: NightStage) -> None:
    stage.absent.add(LogicalKey(BREB, SUN, 2))
    await stage.book(BREB, *ROWS).full_night(SUN)
    again = await stage.send(BREB, ROWS, SUN).night(SUN)
    assert (again.run.seq, again.run.night, again.run.number) == (2, SUN, 2)
    assert await stage.events("breb_postpaid_20260405_02.txt") == [
        "FILE_MISSING found",
        "FILE_MISSING closed",
    ]


async def test_days_out_of_order_come_to_what_they_come_to_in_order(
    stage: NightStage, endpoint: Endpoint, tmp_path: Path
) -> None:
    wrong = [ROWS[0].but(gross=7), *ROWS[2:], ROWS[3]]
    async with a_copy(endpoint) as place:
        usual = NightStage(place, tmp_path / "usual").book(BREB, *ROWS, MONDAY)
        await usual.send(BREB, wrong, SUN).full_night(SUN)
        in_order = await usual.send(BREB, [MONDAY], MON).full_night(MON)
        rows = all_rows(usual.home_folder, in_order.run)
    stage.absent.add(LogicalKey(BREB, SUN, 2))
    await stage.book(BREB, *ROWS, MONDAY).full_night(SUN)
    await stage.send(BREB, [MONDAY], MON).full_night(MON)
    late = await stage.send(BREB, wrong, SUN).night(MON)
    assert (late.run.number, late.run.holds) == (2, True)
    assert outcome(all_rows(stage.home_folder, late.run)) == outcome(rows)


async def test_earlier_nights_without_a_run_are_run_first(stage: NightStage) -> None:
    stage.book(BREB, *ROWS, MONDAY).send(BREB, ROWS, SUN).send(BREB, [MONDAY], MON)
    await stage.windows.close(SUN)
    ran = await stage.empty(TUE).night(TUE)
    assert (ran.run.night, ran.run.seq) == (TUE, 3)
    connection = await stage.connect()
    try:
        nights = [(run.night, run.number, run.holds) for run in await read_runs(connection)]
    finally:
        await connection.close()
    assert nights == [(SUN, 1, True), (MON, 1, True), (TUE, 1, True)]
    assert await stage.breaks() == set()


async def test_an_earlier_night_than_the_newest_is_the_newest_again(stage: NightStage) -> None:
    await stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).full_night(MON)
    again = await stage.night(SUN)
    assert (again.is_new, again.run.night) == (False, MON)


async def test_a_file_about_a_later_date_waits_for_its_night(stage: NightStage) -> None:
    stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).send(BREB, [], MON)
    (stage.inbox / "whatever.csv").write_bytes(b"?")
    ran = await stage.full_night(SUN)
    assert ran.waiting == ("breb_postpaid_20260406_02.txt", "whatever.csv")
    later = await stage.full_night(MON)
    assert later.waiting == ("whatever.csv",)


async def test_bytes_that_come_again_another_night_are_a_duplicate(stage: NightStage) -> None:
    await stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).full_night(SUN)
    ran = await stage.send(BREB, ROWS, SUN).full_night(MON)
    assert await stage.breaks() == {
        ("FILE_DUPLICATE", "breb_postpaid_20260405_02.txt", "2026-04-06", "open"),
    }
    assert ran.run.figures["files.duplicate"] == 1


async def test_a_correction_restates_and_ends_what_it_corrects(
    stage: NightStage, endpoint: Endpoint, tmp_path: Path
) -> None:
    wrong = [ROWS[0].but(gross=7), ROWS[1].but(gross=8), *ROWS[2:]]
    await stage.book(BREB, *ROWS).send(BREB, wrong, SUN).full_night(SUN)
    ran = await stage.send(BREB, ROWS, SUN, correction=1).full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert await stage.events("EKP1") == ["AMOUNT found", "AMOUNT closed"]
    async with a_copy(endpoint) as place:
        scratch = NightStage(place, tmp_path / "scratch").book(BREB, *ROWS).send(BREB, ROWS, SUN)
        await scratch.full_night(SUN)
        alone = await scratch.full_night(MON)
        assert outcome(all_rows(scratch.home_folder, alone.run)) == outcome(
            all_rows(stage.home_folder, ran.run)
        )


async def test_what_comes_back_is_reopened_with_its_first_night(stage: NightStage) -> None:
    wrong = [ROWS[0].but(gross=7), *ROWS[1:]]
    await stage.book(BREB, *ROWS).send(BREB, wrong, SUN).full_night(SUN)
    await stage.send(BREB, ROWS, SUN, correction=1).full_night(MON)
    ran = await stage.send(BREB, wrong, SUN, correction=2).full_night(TUE)
    assert await stage.events("EKP1") == ["AMOUNT found", "AMOUNT closed", "AMOUNT reopened"]
    assert ("AMOUNT", "EKP1", "2026-04-05", "open") in await stage.breaks()
    assert (ran.run.figures["found"], ran.run.figures["reopened"]) == (1, 1)


async def test_positions_are_those_of_all_rows(stage: NightStage) -> None:
    stage.book(NPSB, FUNDS).send(NPSB, [FUNDS, FUNDS.but(ours="000000000009", theirs="F9")], SUN)
    await stage.book(BREB, *ROWS).send(BREB, [ROWS[0].but(gross=9), *ROWS[1:]], SUN).full_night(SUN)
    stage.send(BREB, ROWS, SUN, correction=1).book(BREB, MONDAY).send(BREB, [MONDAY, MONDAY], MON)
    ran = await stage.full_night(MON)
    connection = await stage.connect()
    try:
        sheet = await read_positions(connection, ran.run.id)
    finally:
        await connection.close()
    told = {one.institution: (one.settled, one.gross, one.fees, one.rounding, one.suspense) for one in sheet}
    expected = {
        name: tuple(rest) for name, *rest in positions(all_rows(stage.home_folder, ran.run)).iter_rows()
    }
    assert told == expected
    assert told[BREB][4] == MONDAY.gross
    assert told[NPSB] == (197_700, 100_000, 1_150, 0, 98_850)


async def test_a_payout_is_expected_across_nights_and_matched(stage: NightStage) -> None:
    stage.institutions = (NPSB,)
    await stage.book(NPSB, FUNDS).send(NPSB, [FUNDS], SUN).full_night(SUN)
    assert await stage.breaks() == set()
    charge = 1_150
    stage.credit([Credit(98_850 - charge, "NPSB20260406", charge=charge)], MON)
    ran = await stage.full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert await stage.breaks() == set()
    rows = all_rows(stage.home_folder, ran.run).filter(pl.col("institution") == SONALI)
    assert rows["verdict"].to_list() == ["matched", "matched"]


async def test_a_corrected_statement_comes_to_the_same_as_from_scratch(stage: NightStage) -> None:
    stage.institutions = (NPSB,)
    await stage.book(NPSB, FUNDS).send(NPSB, [FUNDS], SUN).full_night(SUN)
    stage.credit([Credit(90_000, "NPSB20260406", charge=1_150)], MON)
    await stage.full_night(MON)
    assert await stage.events("NPSB20260406") == ["AMOUNT found"]
    stage.credit([Credit(97_700, "NPSB20260406", charge=1_150)], MON, correction=1)
    ran = await stage.full_night(TUE)
    assert ran.run.holds, ran.run.invariants
    assert await stage.events("NPSB20260406") == ["AMOUNT found", "AMOUNT closed"]


async def test_a_file_that_comes_by_two_ways_counts_once(stage: NightStage) -> None:
    stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).empty(SUN)
    name = "breb_postpaid_20260405_02.txt"
    (stage.inbox / "upload").mkdir()
    (stage.inbox / "upload" / name).write_bytes((stage.inbox / name).read_bytes())
    (stage.inbox / "sftp").mkdir()
    (stage.inbox / "sftp" / name).write_bytes(b"something else")
    ran = await stage.night(SUN)
    assert ran.run.holds, ran.run.invariants
    codes = sorted(code for code, *_ in await stage.breaks())
    # Which of two files under one name counts is decided by their digests, never by who came first.
    assert codes in (["FILE_DUPLICATE", "FILE_REPLAYED"], ["CONTROL_TOTAL", "FILE_DUPLICATE"])
    files = await stage.rows("SELECT source FROM reconciliation.files WHERE name = $1", name)
    assert len(files) == 3


async def test_files_are_expected_of_those_whom_our_books_name(stage: NightStage) -> None:
    ran = await stage.book(BREB, *ROWS).night(SUN)
    missing = [reference for code, reference, *_ in await stage.breaks() if code == "FILE_MISSING"]
    assert sorted(missing) == ["breb_postpaid_20260405_01.txt", "breb_postpaid_20260405_02.txt"]
    assert ran.run.figures["unwatched"] == 0
    (part,) = await stage.rows("SELECT institution, since FROM reconciliation.participants")
    assert tuple(part) == (BREB, SUN)


async def test_an_empty_file_of_somebody_whom_nobody_named_is_no_finding(stage: NightStage) -> None:
    stage.institutions = (NPSB,)
    stage.send(NPSB, [], SUN)
    ran = await stage.night(SUN)
    assert await stage.breaks() == set()
    assert ran.run.figures["files.loaded"] == 1


async def test_whom_our_books_name_and_nobody_watches_is_counted(stage: NightStage) -> None:
    stage.book("somebody", *ROWS[:2]).book(BREB, *ROWS).send(BREB, ROWS, SUN)
    first = await stage.full_night(SUN)
    assert (first.run.figures["unwatched"], first.run.figures["unwatched.somebody"]) == (1, 2)
    second = await stage.book("somebody", MONDAY).full_night(MON)
    assert (second.run.figures["unwatched"], second.run.figures["unwatched.somebody"]) == (1, 3)
    assert second.run.holds


async def test_two_runs_at_once_are_kept_apart(stage: NightStage) -> None:
    connection = await stage.connect()
    try:
        assert await connection.fetchval(LOCK)
        with pytest.raises(NightError, match="another run"):
            await stage.book(BREB, *ROWS).full_night(SUN)
    finally:
        await connection.close()
    assert (await stage.night(SUN)).is_new


async def test_a_row_in_two_live_groups_is_refused_by_the_database(stage: NightStage) -> None:
    await stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).full_night(SUN)
    twice = (
        "INSERT INTO reconciliation.group_members (run_id, group_id, origin, ordinal, source)"
        " SELECT run_id, 99, origin, ordinal, source FROM reconciliation.group_members LIMIT 1"
    )
    connection = await stage.connect()
    try:
        with pytest.raises(asyncpg.UniqueViolationError, match="one_live"):
            await connection.execute(twice)
    finally:
        await connection.close()


async def test_groups_are_released_when_they_are_judged_again(stage: NightStage) -> None:
    await stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).full_night(SUN)
    ran = await stage.send(BREB, [*ROWS, ROWS[0]], SUN, correction=1).full_night(MON)
    live = await stage.rows(
        "SELECT source, count(*) FROM reconciliation.group_members WHERE released_by IS NULL GROUP BY 1"
    )
    assert {row[0]: row[1] for row in live} == {0: 5}
    released = await stage.rows("SELECT DISTINCT released_by FROM reconciliation.group_members ORDER BY 1")
    assert [row[0] for row in released] == [ran.run.id, None]


async def test_rows_that_were_changed_on_disk_stop_the_next_night(stage: NightStage) -> None:
    await stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).full_night(SUN)
    shutil.rmtree(stage.home_folder / "reconciliation" / "rows" / "000001")
    with pytest.raises(NightError, match="not what was committed"):
        await stage.full_night(MON)


async def test_a_night_on_which_nothing_was_paid_is_a_night(stage: NightStage) -> None:
    await stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).full_night(SUN)
    ran = await stage.full_night(WED)
    assert (ran.run.seq, ran.run.holds, await stage.breaks()) == (4, True, set())
