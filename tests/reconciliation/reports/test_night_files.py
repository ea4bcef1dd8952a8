"""The report of a night over the books: what it says, and that it says the same for ever."""

import json
from pathlib import Path

import fastexcel

from reconciliation.canonical_row import BROKEN, MATCHED, OPEN
from reconciliation.intake.file_names import LogicalKey
from reconciliation.nightly.night_configuration import NightRules
from reconciliation.nightly.night_run import NightOutcome
from reconciliation.reports.finance_tables import facts
from reconciliation.reports.night_files import read_report, write_night_reports, write_report
from reconciliation.reports.report_model import Report
from reconciliation.results import event_chain as chain
from reconciliation.results.event_chain import NewEvent
from reconciliation.results.records import BreakEventKind, BreakState
from reconciliation.results.runs import run_of
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage

ROWS = [
    Movement(f"EKP{number}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 6)
]


async def told(stage: NightStage, ran: NightOutcome) -> Report:
    connection = await stage.connect()
    try:
        return await read_report(stage.home_folder, connection, ran.run, NightRules.read(stage.config))
    finally:
        await connection.close()


async def test_the_report_says_what_the_night_found(stage: NightStage) -> None:
    stage.book(BREB, *ROWS).send(BREB, [ROWS[0].but(gross=5), *ROWS[2:]], SUN)
    report = await told(stage, await stage.full_night(SUN))
    assert (report.name, report.period) == ("night-2026-04-05", "night")
    (line,) = report.institutions
    assert (line.institution, line.kind) == (BREB, "delivery")
    assert (line.ours[MATCHED].rows, line.ours[BROKEN].rows) == (3, 2)
    assert (line.theirs[MATCHED].rows, line.theirs[BROKEN].rows) == (3, 1)
    assert [(one.code, one.found_count, one.open) for one in report.codes] == [
        ("BILLER_NOT_POSTED", 1, 1),
        ("AMOUNT", 1, 1),
    ]
    assert [check.result for check in report.checks] == ["held"] * 7
    (night,) = report.nights
    assert (night.matched, night.decided, night.open, night.exposure) == (6, 9, 2, 99_996 + 100_002)
    assert [(one.institution, one.matched, one.decided) for one in report.rates] == [(BREB, 6, 9)]
    assert report.positions[0].suspense == 5


async def test_files_are_listed_as_they_came_and_what_is_missing_too(stage: NightStage) -> None:
    stage.absent.add(LogicalKey(BREB, SUN, 2))
    report = await told(stage, await stage.book(BREB, *ROWS).full_night(SUN))
    missing = [one for one in report.files if one.arrived_on is None]
    assert [(one.name, one.due) for one in missing] == [("breb_postpaid_20260405_02.txt", SUN)]
    came = [one for one in report.files if one.arrived_on is not None]
    assert all(one.agrees and not one.late for one in came)
    assert report.institutions[0].ours[OPEN].rows == 5


async def test_what_ends_later_stands_in_the_later_report_and_the_old_one_stays(stage: NightStage) -> None:
    stage.absent.add(LogicalKey(BREB, SUN, 2))
    first = await stage.book(BREB, *ROWS).full_night(SUN)
    before = await told(stage, first)
    second = await stage.send(BREB, ROWS, SUN).full_night(MON)
    after = await told(stage, second)
    assert await told(stage, first) == before
    assert [(one.explained.code, one.ended) for one in after.breaks] == [("FILE_MISSING", MON)]
    assert [one.late for one in after.files if one.day == SUN] == [1]
    assert [night.night for night in after.nights] == [SUN, MON]


async def test_it_is_left_as_workbook_pdf_and_json_the_same_bytes_again(
    stage: NightStage, tmp_path: Path
) -> None:
    ran = await stage.book(BREB, *ROWS).send(BREB, ROWS[1:], SUN).full_night(SUN)
    connection = await stage.connect()
    try:
        rules, run = NightRules.read(stage.config), await run_of(connection, ran.run.seq)
        assert run is not None
        first = await write_night_reports(stage.home_folder, connection, run, rules, tmp_path / "one")
        again = await write_night_reports(stage.home_folder, connection, run, rules, tmp_path / "two")
    finally:
        await connection.close()
    assert [path.suffix for path in first] == [".xlsx", ".pdf", ".json"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(path.name for path in first)
    assert first[1].read_bytes().startswith(b"%PDF-")
    assert "Positions · অবস্থান" in fastexcel.read_excel(first[0]).sheet_names
    shown = json.loads(first[2].read_text(encoding="utf-8"))
    assert shown["codes"][0]["code"] == "BILLER_NOT_POSTED"
    assert shown["evidence"]["run"] == run.identity_digest


async def test_only_the_forms_that_are_wanted_are_written(stage: NightStage, tmp_path: Path) -> None:
    report = await told(stage, await stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).full_night(SUN))
    assert [path.name for path in write_report(report, tmp_path / "deep" / "er", ("json",))] == [
        "night-2026-04-05.json"
    ]


async def test_the_cover_is_told_as_the_books_stood_when_the_run_was_committed(stage: NightStage) -> None:
    stage.balances |= {"settlement_bank": 5_000, "prefund:one:postpaid": 7_500, "receivable:npsb": 3_000}
    report = await told(stage, await stage.book(BREB, *ROWS).send(BREB, ROWS, SUN).full_night(SUN))
    assert report.cover == {"bank": 5_000, "owed": 7_500, "strict": -2_500, "with_receivables": 500}
    shown = {en: value for en, _, value in facts(report).rows}
    assert shown["Trust cover, strict, taka"] == -2_500
    assert shown["With what connectors owe us, taka"] == 500
    stage.balances.clear()
    assert (await told(stage, await stage.night(SUN))).cover == report.cover


async def test_what_persons_did_behind_the_commit_changes_no_report(stage: NightStage) -> None:
    ran = await stage.book(BREB, *ROWS).send(BREB, ROWS[1:], SUN).full_night(SUN)
    before = await told(stage, ran)
    connection = await stage.superuser()
    try:
        (row,) = await connection.fetch("SELECT id FROM reconciliation.breaks")
        async with connection.transaction():
            done = NewEvent(row["id"], SUN, "somebody", BreakEventKind.APPROVED, BreakState.RESOLVED, {})
            await chain.append(connection, [done])
    finally:
        await connection.close()
    assert await told(stage, ran) == before
    assert [one.ended for one in before.breaks] == [None]
