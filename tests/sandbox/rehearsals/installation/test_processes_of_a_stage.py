"""Processes of a rehearsal: one that dies ends the work, one that was stopped may be started again."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from sandbox.rehearsals.installation.processes import ChildDiedError, Children


async def test_a_child_that_dies_ends_the_work_and_shows_what_it_said_last(tmp_path: Path) -> None:
    async with Children(tmp_path, os.environ) as children:
        await children.start("patient", [sys.executable, "-c", "import time; time.sleep(600)"])
        await children.start("hasty", [sys.executable, "-c", "print('no bread left'); raise SystemExit(3)"])
        with pytest.raises(ChildDiedError, match=r"hasty ended by itself with 3(.|\n)*no bread left"):
            await children.watched(asyncio.sleep(600))


async def test_a_child_that_was_stopped_may_be_started_again(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    async with Children(tmp_path, os.environ) as children:
        await children.start("sleeper", sleeper)
        await children.stop("sleeper", signal.SIGKILL)
        await children.start("sleeper", sleeper)
        assert await children.watched(asyncio.sleep(0, "done")) == "done"
