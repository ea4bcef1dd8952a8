"""Commands of the switch that a demo runs side by side."""

import asyncio
import sys
from pathlib import Path

import pytest

from sandbox.rehearsals.installation.ekpay_command import (
    CommandFailedError,
    CommandMissingError,
    EkpayCommand,
    run_few_at_once,
)


async def test_a_few_run_at_once_and_all_of_them_in_the_end() -> None:
    running: set[int] = set()
    crowds, done = [], []

    async def run(item: int) -> None:
        running.add(item)
        crowds.append(len(running))
        await asyncio.sleep(0)
        running.remove(item)
        done.append(item)

    await run_few_at_once(run, range(10))
    assert sorted(done) == list(range(10))
    assert max(crowds) == 4


async def test_one_that_fails_ends_the_others() -> None:
    async def run(item: int) -> None:
        if item == 1:
            raise CommandFailedError("refused")
        await asyncio.sleep(600)

    with pytest.raises(ExceptionGroup) as failed:
        await run_few_at_once(run, range(10))
    assert [str(one) for one in failed.value.exceptions] == ["refused"]


def test_the_command_that_was_typed_serves_where_none_is_beside_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = tmp_path / "elsewhere" / "ekpay"
    typed.parent.mkdir()
    typed.touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(sys, "argv", [str(typed), "run"])
    assert EkpayCommand({}).command("serve") == [str(typed), "serve"]
    monkeypatch.setattr(sys, "argv", ["pytest"])
    with pytest.raises(CommandMissingError):
        EkpayCommand({}).command("serve")
