"""`make test ROOM=...`: names of rooms, and what is said about a name that is none."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.rooms import HEAVY_SUITES, TESTS, UnknownRoomError, folder, main, rooms

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    for name in (
        "faults/test_kills.py",
        "flows/test_pay.py",
        "persistence/refunds/test_rows.py",
        "persistence/ledger/test_rows.py",
        "samples/locks.py",
        "wire/test_http.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_room_is_a_folder_that_holds_tests_at_any_depth(tests: Path) -> None:
    assert rooms(tests) == [
        "faults",
        "flows",
        "persistence",
        "persistence/ledger",
        "persistence/refunds",
        "wire",
    ]


@pytest.mark.parametrize("name", ["persistence/refunds", "persistence/refunds/", "tests/persistence/refunds"])
def test_a_room_is_named_from_the_folder_of_tests(name: str, tests: Path) -> None:
    assert folder(name, tests) == "tests/persistence/refunds"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("persistence/refund", "persistence/refunds"),
        ("refunds", "persistence/refunds"),
        ("persistence/books", "persistence/ledger"),
        ("wires", "wire"),
    ],
)
def test_an_unknown_room_is_refused_with_the_rooms_near_it(name: str, near: str, tests: Path) -> None:
    with pytest.raises(UnknownRoomError, match=rf"called {name};[^|]*\n  {near}(\n|$)"):
        folder(name, tests)


def test_a_heavy_suite_is_refused_with_its_command(tests: Path) -> None:
    with pytest.raises(UnknownRoomError, match="make test-faults"):
        folder("faults", tests)


def test_every_heavy_suite_is_a_room_and_has_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for suite, command in HEAVY_SUITES.items():
        assert suite in rooms(TESTS)
        assert f"\n{command.removeprefix('make ')}: " in makefile


def test_folders_are_printed_for_pytest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture", "wire"]) == 0
    assert capsys.readouterr().out == "tests/architecture tests/wire\n"
    assert main(["wire", "no_such_room"]) != 0
    assert capsys.readouterr().out == ""


def make(*arguments: str) -> str:
    command = ["make", "--dry-run", "--old-file=.venv/.dev", "--old-file=.venv/.reconciliation", *arguments]
    # Without what a make around this test hands down, ROOM among it.
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "ROOM"}}
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return printed.stdout


def test_make_test_runs_everything_without_a_room_and_the_room_with_one() -> None:
    assert "tests.rooms" not in make("test")
    assert "--fail-under=100" in make("test")
    one = make("test", "ROOM=wire flows")
    assert "-m tests.rooms wire flows" in one
    assert "--fail-under" not in one
