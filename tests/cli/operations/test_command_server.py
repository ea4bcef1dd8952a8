"""`ekpay command-server`: commands over its input, each in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ekpay_switch.cli.billers import profiles as billers
from ekpay_switch.cli.connectors import profiles as connectors
from ekpay_switch.cli.operations import command_server
from ekpay_switch.cli.operations.command_server import import_commands, read_manifests
from ekpay_switch.settings import read_settings
from tests.cli.operations.word_server import LARGE

EKPAY = (str(Path(sys.executable).with_name("ekpay")), "command-server")
WORDS = (sys.executable, "-m", "tests.cli.operations.word_server")


def served(
    server: Sequence[str], *lines: str, environment: Mapping[str, str] | None = None
) -> tuple[int, dict[int, dict[str, Any]], str]:
    """Exit code, answers by their ids, and stderr of a server that was sent these lines."""
    typed = "".join(f"{line}\n" for line in lines)
    ended = subprocess.run(  # noqa: S603 - no shell, and words of this file
        server,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | dict(environment or {}),
    )
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    return ended.returncode, {answer["id"]: answer for answer in answers}, ended.stderr


def requested(number: int, *arguments: str, **environment: str) -> str:
    return json.dumps({"id": number, "arguments": arguments, "environment": environment})


def test_each_request_is_answered_as_its_command_would(tmp_path: Path) -> None:
    code, answers, complaint = served(
        EKPAY,
        requested(1, "--version"),
        requested(2, "config", "show", "--json", EKPAY_HOME=str(tmp_path / "a")),
        requested(3, "payments", "show"),
        requested(4, "reconcile", "breaks", "--state", "odd"),
    )
    assert (code, complaint) == (0, "")
    assert answers[1] == {"id": 1, "code": 0, "stdout": "ekpay 0.1.0\n", "stderr": ""}
    assert json.loads(answers[2]["stdout"])
    assert (answers[3]["code"], answers[3]["stdout"]) == (2, "")
    assert "ekpay payments show PAYMENT" in answers[3]["stderr"]
    assert (answers[4]["code"], answers[4]["stdout"]) == (2, "")


def test_a_command_has_its_own_environment_output_and_end() -> None:
    """A signal is told as a negative code; what one command is told no other one sees."""
    code, answers, _ = served(
        WORDS,
        requested(1, "say", OWN="mine"),
        requested(2, "say"),
        requested(3, "large"),
        requested(4, "kill"),
        requested(5, "raise"),
    )
    assert code == 0
    assert answers[1] == {"id": 1, "code": 7, "stdout": "mine True ['ekpay', 'say']\n", "stderr": ""}
    assert answers[2]["stdout"] == "none True ['ekpay', 'say']\n"
    assert (answers[3]["code"], answers[3]["stdout"]) == (0, "x" * LARGE)
    assert answers[4]["code"] == -9
    assert answers[5]["code"] == 1


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("rubbish", "the whole line: Invalid JSON"),
        ('{"id": "1", "arguments": []}', "id: "),
        ('{"id": 1}', "arguments: "),
        ('{"id": 1, "arguments": [], "more": 1}', "more: "),
        ('{"id": 1, "arguments": [], "environment": {"A": 1}}', "environment.A: "),
    ],
)
def test_a_line_that_is_no_request_is_the_last_and_is_named(line: str, fault: str) -> None:
    code, answers, complaint = served(WORDS, requested(1, "say"), line, requested(2, "say"))
    assert (code, list(answers)) == (2, [1])
    assert f"line 2: {fault}" in complaint


def test_importing_all_commands_starts_no_thread() -> None:
    """A fork copies the locks of other threads as they are, and would wait for them for ever."""
    source = """
import os, sys, threading
from ekpay_switch.cli.operations.command_server import import_commands, read_manifests
import_commands()
read_manifests()
tasks = "/proc/self/task"
threads = len(os.listdir(tasks)) if os.path.isdir(tasks) else threading.active_count()
print(threads, "matplotlib.figure" in sys.modules, "polars" in sys.modules)
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    seen = subprocess.run(  # noqa: S603 - no shell, and words of this file
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, env=environment
    )
    assert seen.stdout == "1 True False\n"


def test_manifests_are_parsed_once_for_all_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree("config", config)
    for path in config.glob("*/*.toml"):
        path.write_text(f"{path.read_text()}\n# {tmp_path}\n")
    monkeypatch.setenv("EKPAY_CONFIG", str(config))
    read_manifests()

    def _refuse(text: str) -> NoReturn:
        raise AssertionError(f"parsed again: {text[:40]}")

    monkeypatch.setattr("ekpay_switch.wing_kit.manifest_file.tomllib.loads", _refuse)
    settings = read_settings()
    assert billers.profiles_of(settings)
    assert connectors.profiles_of(settings)


def test_a_fault_of_a_manifest_is_told_by_the_command_that_needs_it(tmp_path: Path) -> None:
    shutil.copytree("config", tmp_path / "config")
    (tmp_path / "config" / "billers" / "desco_postpaid.toml").write_text("id = ")
    here = {"EKPAY_CONFIG": str(tmp_path / "config"), "EKPAY_HOME": str(tmp_path / "home")}
    code, answers, complaint = served(
        EKPAY, requested(1, "billers", "show", "titas_gas"), requested(2, "--version"), environment=here
    )
    assert (code, complaint) == (0, "")
    assert answers[1]["code"] != 0
    assert "desco_postpaid.toml" in answers[1]["stderr"] + answers[1]["stdout"]
    assert answers[2]["code"] == 0


def test_a_wing_that_cannot_be_imported_is_complained_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        name, value = "broken", "nowhere:app"

        def load(self) -> None:
            raise ModuleNotFoundError("nowhere")

    monkeypatch.setattr(command_server, "installed_apps", lambda: [Broken()])
    import_commands()
    assert "broken cannot be loaded from nowhere:app: ModuleNotFoundError: nowhere" in capsys.readouterr().err
