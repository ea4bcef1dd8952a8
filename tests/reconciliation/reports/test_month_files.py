"""`ekpay reconcile month --reports`: what lies in the folder, and that it is the same every time."""

import json
import shutil
from pathlib import Path

import fastexcel
import pytest
from typer.testing import CliRunner

from reconciliation.cli import reconcile_commands as commands
from reconciliation.digests import sha256_of
from reconciliation.errors import ReportError
from reconciliation.month.month_run import run_month
from reconciliation.reports import month_files as leave
from tests.reconciliation.reports.stage import two_breaks
from tests.reconciliation.small_month import CONFIG

SEEDED = (
    "AMOUNT,npsb,000000000002,2026-04-05,a word",
    "FILE_SUPERSEDED,npsb,npsb_20260405_04.txt,2026-04-06,a word",
    "LEDGER_ONLY,npsb,000000000001,2026-04-05,a word",
)
LEFT = [
    "month-2026-04.pdf",
    "month-2026-04.xlsx",
    "night-2026-04-05.xlsx",
    "night-2026-04-06.xlsx",
    "night-2026-04-07.xlsx",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A month of NPSB alone, with its key, and the configuration that goes with it."""
    two_breaks(tmp_path / "month").write()
    body = "code,institution,reference,night,cause\n" + "".join(f"{line}\n" for line in SEEDED)
    key = f"{body}SEAL,{len(SEEDED)},{sha256_of(body.encode())},,\n"
    (tmp_path / "month" / "key").write_text(key, encoding="utf-8")
    shutil.copytree(CONFIG, tmp_path / "config")
    calendar = tmp_path / "config" / "calendar.toml"
    head, _, institutions = calendar.read_text(encoding="utf-8").partition("[institutions]\n")
    kept = next(line for line in institutions.splitlines() if line.startswith("npsb "))
    calendar.write_text(f"{head}[institutions]\n{kept}\n", encoding="utf-8")
    monkeypatch.setattr(commands, "CONFIG", tmp_path / "config")
    return tmp_path / "month"


def asked(folder: Path, out: Path) -> list[str]:
    return ["month", str(folder), "--out", str(out.with_suffix(".json")), "--reports", str(out)]


def test_a_workbook_a_night_and_two_of_the_month_are_left_and_the_same_every_time(
    folder: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        answer = CliRunner().invoke(commands.app, asked(folder, tmp_path / name))
        assert answer.exit_code == 0, answer.output
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")
    )
    assert sorted(one) == LEFT
    assert one == two


def test_a_report_names_the_run_that_it_is_of(folder: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(commands.app, asked(folder, tmp_path / "out")).exit_code == 0
    digest = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["run_digest"]
    book = fastexcel.read_excel(tmp_path / "out" / "month-2026-04.xlsx")
    sheet = book.load_sheet("Evidence · প্রমাণ", header_row=None).to_polars()
    assert digest in {cell for column in sheet.iter_columns() for cell in column}


def test_reports_change_nothing_of_what_is_found(folder: Path, tmp_path: Path) -> None:
    bare = run_month(folder, commands.CONFIG, tmp_path / "bare", lambda *_: None)
    told = run_month(folder, commands.CONFIG, tmp_path / "told", lambda *_: None, tmp_path / "out")
    assert (told, told.is_perfect) == (bare, True)


def test_a_folder_with_something_in_it_is_refused_before_anything_runs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "of-last-month.xlsx").touch()
    answer = CliRunner().invoke(commands.app, asked(folder, tmp_path / "out"))
    assert answer.exit_code == 2
    assert not (tmp_path / "out.json").exists()


def test_no_report_knows_the_key(folder: Path, tmp_path: Path) -> None:
    """Everything is left before the key is opened: without one the run fails, and the reports are there."""
    (folder / "key").unlink()
    assert CliRunner().invoke(commands.app, asked(folder, tmp_path / "out")).exit_code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == LEFT


def test_without_its_pdf_a_month_still_has_its_workbooks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> bytes:
        raise ReportError

    monkeypatch.setattr(leave, "pdf", broken)
    answer = CliRunner().invoke(commands.app, asked(folder, tmp_path / "out"))
    assert (answer.exit_code, type(answer.exception)) == (1, SystemExit), "said in a line, not thrown"
    assert "a report of them could not be made" in answer.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == LEFT[1:]
