"""A refusal is one line and the command's exit code, never a traceback or what a database adds."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from reconciliation.cli import reconcile_commands, report_commands
from reconciliation.cli.refusals import refusals
from reconciliation.errors import MonthError, NightError, UnknownPartyError, UnreadableFileError

MISSING = "the extra reconciliation is not installed"


def line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("ekpay: ")
    return captured.err.removeprefix("ekpay: ").removesuffix("\n")


def test_a_refusal_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped, refusals():
        raise MonthError("no month")
    assert (stopped.value.exit_code, line(capsys)) == (1, "no month")


def test_a_file_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    unreadable = UnreadableFileError("no amount", line=3)
    unreadable.file = "bkash_20260405_01.csv"
    with pytest.raises(typer.Exit), refusals():
        raise unreadable
    assert line(capsys) == "bkash_20260405_01.csv: line 3: no amount"


def test_what_a_command_reports_itself_goes_through(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownPartyError), refusals(through=(UnknownPartyError,)):
        raise UnknownPartyError
    assert capsys.readouterr().err == ""


def test_refusals_of_others_only_where_they_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="full"), refusals():
        raise OSError("the disk is full")
    with pytest.raises(typer.Exit), refusals(others=(OSError,)):
        raise OSError("the disk is full")
    assert line(capsys) == "the disk is full"


def test_of_what_a_database_says_only_the_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), refusals(others=(ValueError,)):
        raise ValueError("violates a check\nDETAIL:  Failing row contains (Rahim, 01711…).")
    assert line(capsys) == "violates a check"
    with pytest.raises(typer.Exit), refusals(others=(ValueError,)):
        raise ValueError
    assert line(capsys) == "ValueError"


def test_an_ending_and_a_code_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped, refusals(ending=": nothing was made", exit_code=2):
        raise NightError("another run is at work")
    assert (stopped.value.exit_code, line(capsys)) == (2, "another run is at work: nothing was made")


@pytest.mark.parametrize(
    ("words", "module", "code"),
    [
        ("take FILE", "reconciliation.intake.inbox_delivery", 1),
        ("fetch", "reconciliation.intake.sftp_client", 1),
        ("check FILE", "adbc_driver_manager", 2),
        ("mirror", "adbc_driver_manager", 1),
        ("quarantine", "reconciliation.nightly.quarantine", 1),
        ("run", "reconciliation.nightly.night_start", 1),
        ("nightly --once", "reconciliation.nightly.night_configuration", 1),
        ("status", "reconciliation.nightly.night_status", 1),
        ("verify 1", "reconciliation.nightly.verify_run", 1),
        ("month FOLDER", "reconciliation.month.month_run", 1),
        ("report night --out FOLDER", "reconciliation.reports.night_files", 1),
        ("report runs", "reconciliation.results.runs", 1),
    ],
)
def test_without_the_extra_every_command_says_what_is_missing(
    words: str, module: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    parent, _, name = module.rpartition(".")
    if parent in sys.modules:
        monkeypatch.delattr(sys.modules[parent], name, raising=False)
    (tmp_path / "a.csv").touch()
    places = {"FILE": str(tmp_path / "a.csv"), "FOLDER": str(tmp_path)}
    typed = [places.get(word, word) for word in words.split()]
    app = report_commands.app if typed[0] == "report" else reconcile_commands.app
    done = CliRunner().invoke(
        app,
        typed[1:] if typed[0] == "report" else typed,
        obj=SimpleNamespace(home_folder=tmp_path, config=tmp_path),
    )
    assert (done.exit_code, done.stdout) == (code, ""), done.exception
    assert done.stderr.startswith(f"ekpay: {MISSING}")
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_is_no_month_is_refused_in_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(reconcile_commands.app, ["month", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (1, "")
    # A progress bar that has not begun leaves an empty line.
    assert done.stderr.strip() == f"ekpay: there is no month in {tmp_path.name}: no ledger day in it"
