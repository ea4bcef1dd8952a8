"""`ekpay reconcile check`: what a night would find in a file, without anything being changed."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ekpay_switch.persistence.embedded.server import Endpoint
from reconciliation.cli import reconcile_commands as commands
from reconciliation.cli.check_commands import check_and_print
from reconciliation.matching.engines import DuckDbEngine
from tests.reconciliation.institution_files import WRITERS, Head, Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage

BKASH = "bkash"
# bKash sends one file a date, the biller one at noon and one at midnight.
PAID = [
    Movement(f"EKP{number}", at(f"2026-04-05 10:0{number}:00"), 100_000 + number, 1_500, f"T{number}")
    for number in range(1, 7)
]
POSTED = [
    Movement(f"V{number}", at("2026-04-05 10:00:00"), 50_000 + number, 0, f"B{number}")
    for number in (1, 2, 3)
]
ELSE, TWICE = PAID[1:3]
SIZES = """
SELECT format('SELECT %L AS name, count(*) FROM %I.%I', table_schema || '.' || table_name, table_schema,
  table_name)
FROM information_schema.tables
WHERE table_schema IN ('public', 'reconciliation') AND table_type = 'BASE TABLE'
"""
FOUND = """
SELECT code, reference, amount FROM reconciliation.breaks
WHERE institution = 'bkash' AND code <> 'FILE_MISSING'
"""


@pytest.fixture
def stage(place: Endpoint, tmp_path: Path) -> NightStage:
    """An installation without any night."""
    return NightStage(place, tmp_path / "home")


async def frozen(stage: NightStage, up_to: date = SUN) -> NightStage:
    await stage.windows.close(up_to)
    return stage


def typed(stage: NightStage, *words: str | Path) -> Result:
    return CliRunner().invoke(commands.app, ["check", *map(str, words)], obj=stage)


def told(stage: NightStage, *files: Path) -> dict[str, object]:
    done = typed(stage, *files, "--json")
    found: dict[str, object] = json.loads(done.stdout)
    assert done.exit_code == (0 if found["agrees"] else 1), done.output
    return found


def breaks(found: dict[str, object]) -> set[tuple[str, str, int]]:
    listed = found["breaks"]
    assert isinstance(listed, list)
    return {(one["code"], one["reference"], one["amount"]) for one in listed}


def file_of(stage: NightStage, party: str, rows: Sequence[Movement], day: date = SUN, cycle: int = 1) -> Path:
    """A file that somebody has on this machine, outside the inbox."""
    folder = stage.home_folder / "given"
    folder.mkdir(exist_ok=True)
    path = folder / f"{party}_{day:%Y%m%d}_{cycle:02d}.{'txt' if party == BREB else 'csv'}"
    path.write_bytes(WRITERS[party](rows, Head(day, cycle)))
    return path


async def everything(stage: NightStage) -> dict[str, object]:
    """How many rows each table has, and every file of the installation with its bytes."""
    counts = " UNION ALL ".join([row[0] for row in await stage.rows(SIZES)])
    tables = {row["name"]: row["count"] for row in await stage.rows(counts)}
    files = {str(path): path.read_bytes() for path in sorted(stage.home_folder.rglob("*")) if path.is_file()}
    return tables | files | {str(path): "" for path in stage.home_folder.rglob("*") if path.is_dir()}


async def test_a_file_that_agrees_says_so(stage: NightStage) -> None:
    await frozen(stage.book(BKASH, *PAID))
    file = file_of(stage, BKASH, PAID)
    done = typed(stage, file)
    assert done.exit_code == 0, done.output
    assert "it agrees with our books" in done.output
    assert "Breaks" not in done.output
    found = told(stage, file)
    assert (found["ours"], found["theirs"], found["ours_matched"], found["theirs_matched"]) == (6, 6, 6, 6)
    assert (found["codes"], found["breaks"], found["missing_cycles"]) == ({}, [], [])


CLASSES = {
    "ours alone": (PAID, PAID[1:], ("LEDGER_ONLY", "EKP1", 100_001)),
    "theirs alone": (PAID[1:], PAID, ("FILE_ONLY", "EKP1", 100_001)),
    "another amount": (PAID, [ELSE.but(gross=99_000), *PAID[2:], PAID[0]], ("AMOUNT", "EKP2", 99_000)),
    "another fee": (PAID, [ELSE.but(kept=1_700), *PAID[2:], PAID[0]], ("FEE_VARIANCE", "EKP2", 100_002)),
    "another currency": (PAID, [ELSE.but(currency="USD"), *PAID[2:], PAID[0]], ("CURRENCY", "EKP2", 100_002)),
    "twice": (PAID, [*PAID, TWICE], ("DUP_IN_FILE", "EKP3", 100_003)),
    "they failed": (
        PAID, [ELSE.but(status="failed"), *PAID[2:], PAID[0]], ("WE_SUCCESS_THEY_FAILED", "EKP2", 100_002)
    ),
    "we failed": (
        [ELSE.but(status="failed"), *PAID[2:], PAID[0]], PAID, ("THEY_SUCCESS_WE_FAILED", "EKP2", 100_002)
    ),
    "we do not know": ([ELSE.but(status="unknown"), *PAID[2:]], PAID[2:], ("UNKNOWN_OPEN", "EKP2", 100_002)),
    "our refund": (
        [*PAID, ELSE.but(event="refund", gross=-100_002, kept=0)], PAID[:1] + PAID[2:],
        ("REVERSAL_PENDING", "EKP2", -100_002),
    ),
    "late": ([*PAID, ELSE.but(ours="EKP9", at=at("2026-04-05 23:55:00"))], PAID, ("TIMING", "EKP9", 100_002)),
    "by force": (
        PAID, [*PAID, ELSE.but(event="chargeback", gross=-100_002, theirs="C1")],
        ("FILE_ONLY", "EKP2", -100_002),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
async def test_each_class_of_break_is_found_as_a_night_finds_it(stage: NightStage, name: str) -> None:
    ours, theirs, expected = CLASSES[name]
    await frozen(stage.book(BKASH, *ours))
    file = file_of(stage, BKASH, theirs)
    found = told(stage, file)
    assert expected in breaks(found)
    assert found["agrees"] is False
    first = found["first"]
    assert isinstance(first, list)
    assert first[0]["en"]
    assert first[0]["bn"]
    # The night knows no more of a first file than the file says.
    (stage.inbox / file.name).write_bytes(file.read_bytes())
    stage.first = SUN
    await stage.night(MON)
    rows = await stage.rows(FOUND)
    night = {tuple(row) for row in rows}
    assert breaks(found) == night


async def test_persons_see_codes_sums_and_sentences(stage: NightStage) -> None:
    await frozen(stage.book(BKASH, *PAID))
    done = typed(stage, file_of(stage, BKASH, [*PAID[1:], TWICE, PAID[3].but(gross=90_000)]))
    assert done.exit_code == 1
    assert "LEDGER_ONLY" in done.output
    assert "1,000.01" in done.output
    assert "The first 3" in done.output
    assert "it does not agree with our books" in done.output


async def test_a_row_that_cannot_be_read_is_a_break_and_a_file_that_cannot_be_is_refused(
    stage: NightStage,
) -> None:
    await frozen(stage.book(BKASH, *PAID))
    file = file_of(stage, BKASH, PAID)
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"10:01:00:000", b"25:01:00:000"))
    assert ("ROW_REJECTED", f"{file.name}:1", 100_001) in breaks(told(stage, file))
    file.write_bytes(whole.replace(b"1000.02", b"1.000.02"))
    done = typed(stage, file)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"ekpay: {file.name} would be refused as ROW_REJECTED: line 3")


async def test_a_header_that_says_another_cycle_refuses_the_file(stage: NightStage) -> None:
    await frozen(stage.book(BREB, *POSTED))
    file = file_of(stage, BREB, POSTED, cycle=1)
    done = typed(stage, file.rename(file.with_name("breb_postpaid_20260405_02.txt")))
    assert done.exit_code == 2
    assert "would be refused as CONTROL_TOTAL: the header says cycle" in done.stderr


async def test_while_a_cycle_is_missing_what_no_file_tells_is_no_break(stage: NightStage) -> None:
    await frozen(stage.book(BREB, *POSTED))
    first, second = (
        file_of(stage, BREB, [row], cycle=cycle) for cycle, row in enumerate(POSTED[:2], start=1)
    )
    alone = told(stage, first)
    assert (alone["agrees"], alone["missing_cycles"], alone["ours_waiting"]) == (True, [2], 2)
    assert "cycle 2 is not among the files" in typed(stage, first).output
    both = told(stage, second, first)
    assert breaks(both) == {("BILLER_NOT_POSTED", "V3", 50_003)}
    assert both["files"] == {first.name: 1, second.name: 1}
    again = file_of(stage, BREB, POSTED[:2], cycle=2)
    assert ("DUP_ACROSS_FILES", "V1", 50_001) in breaks(told(stage, first, again))


async def test_lines_of_other_dates_are_recognised_and_counted(stage: NightStage) -> None:
    late = PAID[0].but(ours="EKP0", theirs="T0", at=at("2026-04-05 23:58:00"))
    today = PAID[0].but(at=at("2026-04-06 10:00:00"))
    await frozen(stage.book(BKASH, late, today), MON)
    found = told(stage, file_of(stage, BKASH, [late, today], MON))
    assert (found["agrees"], found["ours"], found["ours_matched"], found["theirs_of_other_dates"]) == (
        True,
        1,
        1,
        1,
    )
    assert (
        "only the nightly run knows"
        in typed(stage, stage.home_folder / "given" / "bkash_20260406_01.csv").output
    )


async def test_a_row_off_by_a_paisa_is_rounding_until_there_are_too_many(stage: NightStage) -> None:
    many = [
        Movement(f"EKP{number}", at("2026-04-05 10:00:00"), 100_000 + number, 1_500, f"T{number}")
        for number in range(200)
    ]
    await frozen(stage.book(BKASH, *many))
    few = [row.but(kept=1_501) if number < 3 else row for number, row in enumerate(many)]
    found = told(stage, file_of(stage, BKASH, few))
    assert (found["agrees"], found["theirs_matched"]) == (True, 200)
    found = told(stage, file_of(stage, BKASH, [row.but(kept=1_501) for row in many]))
    assert (found["codes"], found["theirs_matched"], found["ours_matched"]) == (
        {"ROUNDING": {"count": 1, "amount": 0, "difference": 200}}, 0, 0
    )  # fmt: skip


async def test_each_institution_and_date_is_told_by_itself(stage: NightStage) -> None:
    today = [row.but(ours=f"{row.ours}9", at=at("2026-04-06 10:00:00")) for row in PAID]
    await frozen(stage.book(BKASH, *PAID, *today).book(BREB, *POSTED), MON)
    files = [
        file_of(stage, BREB, POSTED[:1], cycle=2),
        file_of(stage, BKASH, PAID[1:]),
        file_of(stage, BKASH, today, MON),
        file_of(stage, BREB, POSTED[1:], cycle=1),
    ]
    done = typed(stage, *files, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["institution"], one["date"], one["agrees"]) for one in found] == [
        (BREB, "2026-04-05", True),
        (BKASH, "2026-04-05", False),
        (BKASH, "2026-04-06", True),
    ]
    assert done.exit_code == 1
    assert breaks(found[1]) == {("LEDGER_ONLY", "EKP1", 100_001)}
    alone = [told(stage, files[0], files[3]), told(stage, files[1]), told(stage, files[2])]
    assert found == alone


async def test_what_cannot_be_checked_stops_no_other(stage: NightStage) -> None:
    await frozen(stage.book(BKASH, *PAID).book(BREB, *POSTED))
    broken, whole = file_of(stage, BREB, POSTED, cycle=1), file_of(stage, BKASH, PAID)
    broken.write_bytes(b"x")
    later = file_of(stage, BKASH, PAID, MON)
    done = typed(stage, broken, later, whole)
    assert done.exit_code == 2
    assert f"{broken.name} would be refused as" in done.stderr
    assert "the window of 2026-04-06 is not closed yet" in done.stderr
    assert "it agrees with our books" in done.output


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["statement.csv"], "statement.csv is no name of a settlement file"),
        (["nobody_20260405_01.csv"], "no layout of an institution nobody"),
        (["bkash_20260405_01.txt"], "files of bkash end in .csv"),
        (["bkash_20260405_02.csv"], "no file of this date and cycle is expected"),
        (["janata_20260403_01.txt"], "no file of this date and cycle is expected"),
        (["stmt_sonali_20260405_01.xml"], "statements of banks are matched with payouts"),
        (["bkash_20260405_01.csv", "nobody_20260405_01.csv"], "no layout of an institution nobody"),
        (["bkash_20260405_01.csv", "bkash_20260405_01_c1.csv"], "two files of cycle 1"),
        (["bkash_20260430_01.csv"], "the window of 2026-04-30 is not closed yet"),
    ],
)
async def test_what_cannot_be_checked_is_one_line(stage: NightStage, names: list[str], words: str) -> None:
    await frozen(stage)
    paths = [stage.home_folder / name for name in names]
    for path in paths:
        path.write_bytes(b"")
    done = typed(stage, *paths)
    assert (done.exit_code, done.stdout, words in done.stderr) == (2, "", True), done.output
    assert len(done.stderr.splitlines()) == 1


async def test_without_lines_of_ours_everything_is_theirs_alone(stage: NightStage) -> None:
    await frozen(stage)
    file = file_of(stage, BKASH, PAID[:2])
    assert breaks(told(stage, file)) == {("FILE_ONLY", "EKP1", 100_001), ("FILE_ONLY", "EKP2", 100_002)}
    assert "our books have no line of this institution and date" in typed(stage, file).output


async def test_a_database_that_is_away_is_one_line(stage: NightStage, tmp_path: Path) -> None:
    file = file_of(stage, BKASH, PAID)
    away = NightStage(replace(stage.endpoint, database="nowhere"), tmp_path / "home")
    done = typed(away, file)
    assert done.exit_code == 2
    assert done.stderr.startswith("ekpay: ")


async def test_nothing_is_changed_anywhere(stage: NightStage) -> None:
    await frozen(stage.book(BKASH, *PAID).send(BKASH, PAID, SUN))
    file = file_of(stage, BKASH, PAID[1:])
    before = await everything(stage)
    assert typed(stage, file).exit_code == 1
    assert await everything(stage) == before


async def test_every_engine_says_the_same(stage: NightStage, capsys: pytest.CaptureFixture[str]) -> None:
    await frozen(stage.book(BKASH, *PAID))
    file = file_of(stage, BKASH, [*PAID[1:], TWICE])
    duckdb = DuckDbEngine(stage.home_folder, "256MB")
    assert check_and_print(stage, [file], as_json=True, engine=duckdb) == 1
    duckdb.close()
    assert json.loads(capsys.readouterr().out) == told(stage, file)
