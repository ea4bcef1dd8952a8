"""`ekpay sandbox month` as somebody types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox.commands import app

COMMAND = ["month", "--payments", "10000", "--seed", "5", "--out"]


def test_it_writes_books_files_and_key(tmp_path: Path) -> None:
    out = tmp_path / "a" / "month"
    done = CliRunner().invoke(app, [*COMMAND, str(out)])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in out.iterdir()) == ["files", "key", "ledger"]
    assert "10,000 payments" in done.output


@pytest.mark.parametrize(
    "words",
    [
        ["--payments", "9999", "--out", "x"],
        ["--payments", "10000001", "--out", "x"],
        ["--payments", "many", "--out", "x"],
        ["--payments", "1e5", "--out", "x"],
        ["--payments", "-10000", "--out", "x"],
        ["--payments", "10000", "--seed", "-1", "--out", "x"],
        ["--payments", "10000", "--seed", "", "--out", "x"],
        ["--payments", "10000"],
        ["--out", "x"],
    ],
)
def test_rubbish_is_refused_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["month", *words]).exit_code == 2
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("mine", encoding="utf-8")
    assert CliRunner().invoke(app, [*COMMAND, str(tmp_path)]).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert (tmp_path / "key").read_text(encoding="utf-8") == "mine"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert CliRunner().invoke(app, [*COMMAND, str(tmp_path / "file")]).exit_code == 2


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = CliRunner().invoke(app, [*COMMAND, str(tmp_path / "file" / "month")])
    assert done.exit_code == 1
    assert "cannot write" in done.output
