"""What a rehearsal that breaks off says: each cause in one line, and where the rest is."""

import asyncio
import io
from pathlib import Path

import pytest
import typer
from rich.console import Console

from sandbox.rehearsals.demo.commands import run_until_stopped
from sandbox.rehearsals.installation.ekpay_command import CommandFailedError


async def _fail_slowly() -> None:
    raise TimeoutError


async def _fail_in_groups() -> None:
    async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as inner:
        inner.create_task(_fail_slowly())
        await asyncio.sleep(0)
        outer.create_task(_refuse())


async def _refuse() -> None:
    raise CommandFailedError("ekpay audit: no key")


def _screen_of(work: object, logs: Path) -> str:
    output = io.StringIO()
    screen = Console(file=output, width=100, soft_wrap=True)
    with pytest.raises(typer.Exit) as ended:
        run_until_stopped(work, screen, logs)  # type: ignore[arg-type]
    assert ended.value.exit_code == 1
    return output.getvalue()


def test_every_cause_in_a_task_group_is_named_with_its_place(tmp_path: Path) -> None:
    shown = _screen_of(_fail_in_groups(), tmp_path / "logs").splitlines()
    place = "tests/sandbox/rehearsals/installation/test_failure_report.py"
    (slow,) = (line for line in shown if line.startswith(f"TimeoutError without a message, at {place}:"))
    assert slow.endswith("in _fail_slowly")
    assert "ekpay audit: no key" in shown
    assert shown[-1] == f"The whole trace: {tmp_path / 'logs' / 'failure.log'}"
    assert "_fail_slowly" in (tmp_path / "logs" / "failure.log").read_text()
    assert not any("ExceptionGroup" in line for line in shown)


def test_an_expected_failure_is_its_own_text(tmp_path: Path) -> None:
    assert _screen_of(_refuse(), tmp_path).splitlines()[0] == "ekpay audit: no key"


def test_a_message_of_many_lines_is_cut_to_its_first(tmp_path: Path) -> None:
    async def _work() -> None:
        raise ValueError("the first line\n" + "x" * 5_000)

    first, *_ = _screen_of(_work(), tmp_path).splitlines()
    assert first.startswith(
        "ValueError: the first line, at tests/sandbox/rehearsals/installation/test_failure_report.py:"
    )
