"""Rows that say how they were paid, from the file to the break, the report and the proof of the run."""

import tomllib
from pathlib import Path

import fastexcel
import polars as pl

from reconciliation.nightly.night_configuration import NightRules
from reconciliation.nightly.verify_run import verify_run
from reconciliation.reports.night_files import read_report, write_report
from reconciliation.reports.report_model import OutcomeLine
from reconciliation.results.committed_rows import all_rows
from reconciliation.results.run_state import folder_digest
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage

BOOKED = Movement("EKP1", at("2026-04-05 10:00:00"), 1_000, theirs="T1")
STRANGE = BOOKED.but(ours="EKP2", theirs="T2")
FAILED = BOOKED.but(ours="EKP3", theirs="T3", status="failed")
UNKNOWN = BOOKED.but(ours="EKP4", theirs="T4", status="unknown")
WORDS = 'words = { PAY = "payment", PSI = "payment", PLA = "payment", REV = "back" } }'
CODES = '{ PAY = "normal", PSI = "stand_in", PLA = "late_advice", REV = "normal" }'
OUTCOME = f'outcome = {{ column = "type", words = {CODES} }}'
DIAGNOSES = "SELECT code, reference, diagnosis, told ->> 'en' AS en FROM reconciliation.breaks"


def nobody(_done: int, _of: int) -> None:
    """Watches nothing."""


def with_codes(stage: NightStage) -> NightStage:
    """An installation whose biller says in its files how it was paid."""
    path = stage.config / "statements" / f"{BREB}.toml"
    text = path.read_text(encoding="utf-8")
    instead = text.replace('words = { PAY = "payment", REV = "back" } }', f"{WORDS}\n{OUTCOME}")
    assert tomllib.loads(instead)["outcome"]
    path.write_text(instead, encoding="utf-8")
    return stage


def send(stage: NightStage, words: dict[str, str], *rows: Movement) -> None:
    """The file of Sunday, with another row type for some references."""
    stage.send(BREB, list(rows), SUN)
    (path,) = stage.inbox.glob(f"{BREB}_20260405_*")
    text = path.read_text(encoding="utf-8")
    for reference, word in words.items():
        assert f"R|PAY|{reference}" in text
        text = text.replace(f"R|PAY|{reference}", f"R|{word}|{reference}")
    path.write_text(text, encoding="utf-8")


async def test_a_payment_that_they_took_in_stand_in_or_advised_late_is_explained(
    stage: NightStage, tmp_path: Path
) -> None:
    with_codes(stage).book(BREB, BOOKED, FAILED, UNKNOWN)
    paid = [row.but(status="success") for row in (BOOKED, STRANGE, FAILED, UNKNOWN)]
    send(stage, {"EKP1": "PSI", "EKP2": "PSI", "EKP3": "PLA", "EKP4": "PSI"}, *paid)
    ran = await stage.full_night(SUN)
    assert ran.run.holds, ran.run.invariants
    found = {(row["code"], row["reference"], row["diagnosis"]) for row in await stage.rows(DIAGNOSES)}
    assert found == {
        ("FILE_ONLY", "EKP2", "paid_in_stand_in"),
        ("THEY_SUCCESS_WE_FAILED", "EKP3", "paid_and_advised_late"),
        ("UNKNOWN_OPEN", "EKP4", "paid_in_stand_in"),
    }
    assert all("before any money goes back" in row["en"] for row in await stage.rows(DIAGNOSES))
    rows = all_rows(stage.home_folder, ran.run).filter(pl.col("reference") == "EKP1")
    assert set(rows["verdict"]) == {"matched"}, "our books have it: nothing is to be explained"

    connection = await stage.connect()
    try:
        report = await read_report(stage.home_folder, connection, ran.run, NightRules.read(stage.config))
    finally:
        await connection.close()
    assert report.outcomes == (
        OutcomeLine(BREB, "late_advice", 1, 1_000),
        OutcomeLine(BREB, "stand_in", 3, 3_000),
    )
    book, paper, _ = write_report(report, tmp_path)
    summary = fastexcel.read_excel(book).load_sheet(0, header_row=None).to_polars()
    assert "paid in stand-in · বিকল্প ব্যবস্থায় পরিশোধিত" in summary.to_series(1).to_list()
    assert paper.stat().st_size
    assert await verify_run(stage, ran.run.seq, nobody) is None


async def test_a_payment_that_they_have_in_the_normal_way_has_no_such_words(stage: NightStage) -> None:
    with_codes(stage)
    send(stage, {}, STRANGE)
    await stage.full_night(SUN)
    assert [tuple(row)[:3] for row in await stage.rows(DIAGNOSES)] == [("FILE_ONLY", "EKP2", "")]


async def test_runs_from_before_there_were_codes_are_read_and_proven(stage: NightStage) -> None:
    send(stage, {}, STRANGE)
    stage.book(BREB, BOOKED)
    before = await stage.full_night(SUN)
    rows = stage.home_folder / "reconciliation" / "rows"
    for path in rows.glob("*/*.parquet"):
        stored = pl.read_parquet(path)
        assert stored["outcome_code"].null_count() == stored.height
        stored.drop("outcome_code").write_parquet(path)
    await stage.rows("UPDATE reconciliation.runs SET rows_digest = $1", folder_digest(rows / "000001"))
    assert await verify_run(stage, before.run.seq, nobody) is None
    ran = await stage.book(BREB, STRANGE, day=MON).full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert ("FILE_ONLY", "EKP2", "2026-04-05", "closed") in await stage.breaks()
    assert all_rows(stage.home_folder, ran.run)["outcome_code"].null_count() > 0
    assert await verify_run(stage, ran.run.seq, nobody, whole=True) is None
