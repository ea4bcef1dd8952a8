"""Processes of a rehearsal: one that dies ends the work, one that was stopped may be started again."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tenacity import Retrying, stop_after_delay, wait_fixed

from sandbox.rehearsals.installation.processes import ChildDiedError, Children

PARENT = """
import asyncio, os, sys
from pathlib import Path
from sandbox.rehearsals.installation.processes import Children
async def main():
    async with Children(Path(sys.argv[1]), os.environ) as children:
        await children.start("child", [sys.executable, "-c", "import time; time.sleep(600)"])
        print(children._children["child"].process.pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


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


def test_the_children_of_a_killed_parent_end(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as parent:  # noqa: S603 - our own
        assert parent.stdout is not None
        child = Path("/proc") / parent.stdout.readline().decode().strip() / "stat"
        assert child.exists()
        parent.kill()
    # Gone, or a zombie that nobody waits for.
    for attempt in Retrying(wait=wait_fixed(0.05), stop=stop_after_delay(20)):
        with attempt:
            assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"
