"""No file stops a night: what breaks its reader is refused under its name, and the night goes on."""

from datetime import date, timedelta

import pytest

from reconciliation.engine.restatement import outcome
from reconciliation.intake.file_names import LogicalKey
from reconciliation.nightly.night_status import NightStatus, status_of
from reconciliation.nightly.verify_run import verify_run
from reconciliation.results.committed_rows import all_rows
from tests.reconciliation.institution_files import Head, Movement, at, breb
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage
from tests.reconciliation.statement import hostile_files as hostile

pytestmark = pytest.mark.isolated_reading

ROWS = [
    Movement(f"EKP{number}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 4)
]
NAGAD = "nagad"
BOOK = hostile.nagad_workbook(hostile.nagad_row())
# Each is of a date of its own, the first of them a month ago.
POISONS = {
    "a stray cell": hostile.with_stray_cell("XFD1048576"),
    "an address beyond the bounds": hostile.with_stray_cell("XFE1048577"),
    "an amount beyond all amounts": hostile.nagad_workbook(hostile.nagad_row(amount=1e27)),
    "a workbook that unpacks to very much": hostile.unpacking_to(300),
    "a directory that lies": hostile.lying_about_its_size(BOOK),
    "no workbook": b"PK but no zip",
    "nothing": b"",
}


def poisoned(stage: NightStage) -> list[str]:
    """Lay every poison into the inbox, and the honest files of BREB; the names of the poisonous files."""
    stage.book(BREB, *ROWS).send(BREB, ROWS, SUN)
    days = [SUN - timedelta(days=30 - number) for number in range(len(POISONS))]
    for day, content in zip(days, POISONS.values(), strict=True):
        stage.lay(LogicalKey(NAGAD, day, 1), content)
    total = breb([], Head(SUN - timedelta(days=1), 1)).replace(b"T|0|", b"T|" + b"9" * 4_300 + b"|")
    stage.lay(LogicalKey(BREB, SUN - timedelta(days=1), 1), total)
    return [*(f"nagad_{day:%Y%m%d}_01.xlsx" for day in days), "breb_postpaid_20260404_01.txt"]


async def stands(stage: NightStage, night: date = SUN) -> NightStatus:
    told = await status_of(stage, night)
    assert told is not None
    return told


async def test_no_file_stops_a_night(stage: NightStage) -> None:
    names = poisoned(stage)
    ran = await stage.full_night(SUN)
    assert ran.run.holds, ran.run.invariants
    refused = await stage.rows("SELECT f.name, f.controls ->> 'refused' AS why FROM reconciliation.files f")
    told = {row["name"]: row["why"] for row in refused if row["why"]}
    assert sorted(told) == sorted(names)
    found = {reference for _, reference, _, _ in await stage.breaks()}
    assert found >= set(names)
    assert all_rows(stage.home_folder, ran.run).height == 2 * len(ROWS)
    assert list(stage.inbox.iterdir()) == []
    (words,) = [words for words in (await stands(stage)).red if "refused" in words]
    assert words.startswith("8 files are refused, the first is ")
    assert await verify_run(stage, ran.run.seq, lambda _done, _of: None) is None
    honest = outcome(all_rows(stage.home_folder, ran.run))
    again = await stage.night(SUN)
    assert (again.is_new, outcome(all_rows(stage.home_folder, again.run))) == (False, honest)


async def test_one_refused_file_is_named_with_its_place(stage: NightStage) -> None:
    stage.book(BREB, *ROWS).send(BREB, ROWS, SUN)
    stage.lay(LogicalKey(NAGAD, SUN, 1), POISONS["an amount beyond all amounts"])
    await stage.full_night(SUN)
    (words,) = [words for words in (await stands(stage)).red if "refused" in words]
    assert words.startswith("a file is refused: nagad_20260405_01.xlsx: line 2, column amount: ")


async def test_a_file_that_breaks_its_reader_breaks_nothing_of_the_night(stage: NightStage) -> None:
    """It is read in another process, within the limits of the configuration."""
    place = stage.config / "reconciliation.toml"
    text = place.read_text(encoding="utf-8")
    for found, instead in (
        ("memory_megabytes = 1500", "memory_megabytes = 64"),
        ("unpacked_ratio = 200", "unpacked_ratio = 5000"),
    ):
        assert found in text
        text = text.replace(found, instead)
    place.write_text(text, encoding="utf-8")
    stage.book(BREB, *ROWS).send(BREB, ROWS, SUN)
    stage.lay(LogicalKey(NAGAD, SUN, 1), hostile.with_large_texts(BOOK))
    ran = await stage.full_night(SUN)
    assert ran.run.holds, ran.run.invariants
    (words,) = [words for words in (await stands(stage)).red if "refused" in words]
    assert words.endswith("nagad_20260405_01.xlsx: it is damaged, or takes more than 64 MB to read")
    assert all_rows(stage.home_folder, ran.run).height == 2 * len(ROWS)


async def test_a_name_that_no_table_holds_stays_in_the_inbox(stage: NightStage) -> None:
    stage.book(BREB, *ROWS).send(BREB, ROWS, SUN)
    names = ["breb_postpaid_20260405_01_c99999.txt", "nagad_00010101_01.xlsx", "x" * 90 + "_20260405_01.txt"]
    for name in names:
        (stage.inbox / name).write_bytes(b"x")
    ran = await stage.full_night(SUN)
    assert sorted(ran.waiting) == sorted(names)
    assert any("names that say nothing" in words for words in (await stands(stage)).red)


async def test_yesterdays_file_under_todays_name(stage: NightStage) -> None:
    """It tells nothing of today: the date stays missing, with what waits for it, until its own file comes."""
    monday = Movement("EKP11", at("2026-04-06 09:00:00"), 5_000, theirs="T11")
    key, name = LogicalKey(BREB, MON, 2), "breb_postpaid_20260406_02.txt"
    stage.book(BREB, *ROWS, monday).send(BREB, ROWS, SUN)
    await stage.full_night(SUN)
    yesterdays = breb(ROWS, Head(SUN, 2, stage.schedule.place(LogicalKey(BREB, SUN, 2))))
    ran = await stage.lay(key, yesterdays).full_night(MON)
    assert {row for row in await stage.breaks() if row[1] == name} == {
        ("FILE_DUPLICATE", name, "2026-04-06", "open"),
        ("FILE_MISSING", name, "2026-04-06", "open"),
    }
    figures = ran.run.figures
    assert (figures["files.missing"], figures["files.duplicate"], figures["exposure"]) == (1, 1, 5_000)
    assert (
        figures["files.on_time"]
        == len(list(stage.schedule.due_by(MON))) - len(list(stage.schedule.due_by(SUN))) - 1
    )
    told = await stands(stage, MON)
    assert f"a file is missing: {name}" in told.red
    (counts,) = [line for line in told.files if line.institution == BREB]
    assert (counts.in_time, counts.missing) == (counts.expected - 1, (name,))
    second = await stage.send(BREB, [monday], MON).night(MON)
    assert ("FILE_MISSING", name, "2026-04-06", "closed") in await stage.breaks()
    assert second.run.figures["files.missing"] == 0
    assert second.run.holds, second.run.invariants


async def test_the_exposure_of_a_refused_file_is_what_waits_for_it(stage: NightStage) -> None:
    """Whatever is wrong in it: a cell, or a control total."""
    broken = breb(ROWS, Head(SUN, 2, 2)).replace(b"|1000.01", b"|much", 1)
    ran = await stage.book(BREB, *ROWS).lay(LogicalKey(BREB, SUN, 2), broken).full_night(SUN)
    ((code, exposure),) = await stage.rows("SELECT code, exposure FROM reconciliation.breaks")
    assert (code, exposure) == ("ROW_REJECTED", sum(row.gross for row in ROWS))
    assert ran.run.figures["exposure"] == exposure
    assert await verify_run(stage, ran.run.seq, lambda _done, _of: None) is None
