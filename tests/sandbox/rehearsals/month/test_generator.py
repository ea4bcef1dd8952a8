"""A month as it is written: its key says what is wrong with it, and nothing else is."""

import csv
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from sandbox.rehearsals.month.generator import write_month
from sandbox.rehearsals.month.model.answer_key import Code
from tests.sandbox.rehearsals.month.break_finder import DAYS, HOUSES, Judge, due, judge
from tests.sandbox.rehearsals.month.file_reader import Read, read

PAYMENTS, SEED = 10_000, 7


def written(folder: Path, seed: int = SEED) -> Path:
    write_month(PAYMENTS, seed, folder, lambda _: None)
    return folder


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="module")
def judged(month: Path) -> Judge:
    return judge(month)


@pytest.fixture(scope="module")
def files(month: Path) -> list[Read]:
    return [read(path) for path in sorted((month / "files").glob("*/*"))]


def seeded(month: Path) -> list[tuple[str, ...]]:
    lines = (month / "key").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(",")[:4]) for line in lines[1:-1]]


def digests(month: Path) -> dict[str, str]:
    paths = [path for path in month.rglob("*") if path.is_file()]
    return {str(path.relative_to(month)): sha256(path.read_bytes()).hexdigest() for path in paths}


def test_whoever_follows_the_document_finds_what_was_seeded_and_nothing_else(
    month: Path, judged: Judge
) -> None:
    assert judged.findings() == set(seeded(month))


@pytest.mark.parametrize("seed", [0, 1, 20_261_125])
def test_so_it_is_in_other_months(tmp_path: Path, seed: int) -> None:
    folder = written(tmp_path / "month", seed)
    assert judge(folder).findings() == set(seeded(folder))


def test_every_code_is_seeded_and_no_finding_twice(month: Path) -> None:
    keys = seeded(month)
    assert {code for code, *_ in keys} == set(Code)
    assert len({tuple(key[:3]) for key in keys}) == len(keys)
    assert {night for *_, night in keys} <= {day.isoformat() for day in DAYS}


def test_each_code_on_rows_is_there_six_times_at_least(month: Path) -> None:
    counts = Counter(code for code, *_ in seeded(month))
    on_files = {code for code in Code if code.startswith("FILE_") and code is not Code.FILE_ONLY}
    on_files |= {Code.SEQUENCE_GAP, Code.CONTROL_TOTAL, Code.ROUNDING}
    assert min(counts[code] for code in set(Code) - on_files) >= 6
    assert min(counts[code] for code in on_files) >= 2


def test_the_key_is_sorted_and_sealed(month: Path) -> None:
    *body, seal = (month / "key").read_bytes().splitlines(keepends=True)
    digest = sha256(b"".join(body)).hexdigest()
    assert seal.decode() == f"SEAL,{len(body) - 1},{digest},,\n"
    assert body[1:] == sorted(body[1:])


def test_the_same_seed_gives_the_same_bytes(month: Path, tmp_path: Path) -> None:
    assert digests(written(tmp_path / "again")) == digests(month)


def test_another_seed_gives_another_month(month: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other", SEED + 1)
    assert digests(other)["key"] != digests(month)["key"]
    assert digests(other)["ledger/2026-04-01.csv"] != digests(month)["ledger/2026-04-01.csv"]


def test_every_night_has_a_folder_and_every_date_its_books(month: Path) -> None:
    names = [day.isoformat() for day in DAYS]
    assert sorted(path.name for path in (month / "files").iterdir()) == names
    assert sorted(path.stem for path in (month / "ledger").iterdir()) == names


def test_the_books_hold_as_many_payments_as_were_ordered(month: Path) -> None:
    ids = set()
    for path in (month / "ledger").iterdir():
        with path.open(encoding="utf-8") as lines:
            ids |= {row["payment_id"] for row in csv.DictReader(lines)}
    assert len(ids) == PAYMENTS


def test_totals_are_right_but_where_a_row_was_cut(month: Path, files: list[Read]) -> None:
    cut = {reference for code, _, reference, _ in seeded(month) if code == "CONTROL_TOTAL"}
    assert {file.name for file in files if not file.is_whole} == cut


def test_every_line_of_every_file_adds_up(files: list[Read]) -> None:
    lines = [line for file in files if not file.house.startswith("stmt_") for line in file.lines]
    known = [line for line in lines if line.gross is not None and line.charge is not None and line.is_success]
    assert all(line.gross - line.charge == line.net for line in known)  # type: ignore[operator]
    assert all(line.net == 0 for line in lines if not line.is_success)


def test_each_success_is_in_one_row_of_one_file_unless_something_is_wrong_with_it(
    month: Path, judged: Judge
) -> None:
    touched = {(house, reference) for _, house, reference, _ in seeded(month)}
    places: Counter[tuple[str, str, str]] = Counter()
    for name, rows in judged.rows.items():
        places[name] += len(rows)
    wrong = []
    for name, booked in judged.books.items():
        is_due = (booked.house, due(booked.house, booked.at)) in judged.judged
        is_netted = booked.event == "back" and booked.house == "sslcommerz"
        if booked.status == "success" and is_due and name[:2] not in touched and not is_netted:
            wrong += [name] if places[name] != 1 else []
    assert not [name for name in wrong if not _has_spoiled_row(judged, name)]


def _has_spoiled_row(judged: Judge, name: tuple[str, str, str]) -> bool:
    return any(not line.is_readable for _, line in judged.rows.get(name, []))


def test_no_row_is_in_the_books_of_nobody_unless_it_was_seeded(month: Path, judged: Judge) -> None:
    strangers = {name[:2] for name in judged.rows if name not in judged.books}
    strangers |= {name[1:3] for name in judged.found if name[0] == "FILE_ONLY"}
    assert strangers == {key[1:3] for key in seeded(month) if key[0] == "FILE_ONLY"}


def test_the_noise_that_is_no_break_is_there(judged: Judge, files: list[Read]) -> None:
    lines = [(file, line) for file in files for line in file.lines]
    assert [line for _, line in lines if not line.ours and line.theirs]
    assert [booked for booked in judged.books.values() if booked.status == "unknown"]
    assert [booked for booked in judged.books.values() if booked.event == "back"]
    assert [file for file in files if not file.lines]
    failed = [name for name, booked in judged.books.items() if booked.status == "failed"]
    assert {bool(judged.rows.get(name)) for name in failed} == {True, False}


def test_a_credit_pays_for_the_days_that_banks_were_closed(files: list[Read]) -> None:
    of_sunday = [file for file in files if file.name == "stmt_sonali_20260405_01.xml"]
    of_nexus = [
        file for file in files
        if file.house == "dbbl_nexus" and file.date in {"2026-04-02", "2026-04-03", "2026-04-04"}
    ]  # fmt: skip
    (entry,) = [line for line in of_sunday[0].lines if line.ours == "NEXUS20260405"]
    settled = {file.date: sum(line.net for line in file.lines if line.is_success) for file in of_nexus}
    assert entry.net == sum(settled.values()) - 1_150


def test_every_layout_is_used(files: list[Read]) -> None:
    assert {file.house for file in files} == set(HOUSES)
