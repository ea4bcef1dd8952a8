"""The simulator as a process of its own, started and killed as a demonstration does it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

import sandbox
from tests.sandbox.caller import Caller

CallerOpener = Callable[[str], Awaitable[Caller]]

ROOT = Path(str(sandbox.__file__)).parent.parent


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@asynccontextmanager
async def serving(home: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    arguments = ["serve", "--port", "0", "--home", str(home), "--accounts", "50", "--slow-seconds", "0.1"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        yield process, line.split()[-1].removesuffix("/desco/api")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox",
        *arguments,
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


@pytest.fixture
async def open_caller() -> AsyncIterator[CallerOpener]:
    async with AsyncExitStack() as stack:

        async def open_one(origin: str) -> Caller:
            connector = aiohttp.TCPConnector(force_close=True)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            caller = Caller(session, origin, RealClock())
            await caller.log_in()
            return caller

        yield open_one


async def test_the_book_outlives_a_kill(tmp_path: Path, open_caller: CallerOpener) -> None:
    async with serving(tmp_path) as (process, origin):
        caller = await open_caller(origin)
        save = await caller.a_save("10000000")
        assert await caller.code_of(save) == 323
        lost = await caller.a_save("94000000", "T2")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await caller.code_of(lost)
        dropped = await caller.a_save("95000000", "T3")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await caller.code_of(dropped)
        before = await caller.dump()
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with serving(tmp_path) as (_, origin):
        caller = await open_caller(origin)
        assert await caller.dump() == before
        assert [await caller.code_of(one) for one in (save, lost, dropped)] == [323, 323, 323]
        assert await caller.code_of(save | {"transactionId": "T9", "scrollNo": 9}) == 324
        assert [line["saves"] for line in await caller.dump()] == [2, 2, 1]


async def test_faults_and_dump_by_command(tmp_path: Path, open_caller: CallerOpener) -> None:
    async with serving(tmp_path) as (_, origin):
        code, output = await run("faults", "refuse", "--account", "10000000", "--address", origin)
        assert code == 0
        assert json.loads(output)["faults"] == [{"number": "10000000", "fault": "refuse", "times": 1}]
        caller = await open_caller(origin)
        save = await caller.a_save("10000000")
        assert [await caller.code_of(save), await caller.code_of(save)] == [328, 323]
        code, output = await run("dump", "--address", origin)
        assert code == 0
        assert [line["account"] for line in json.loads(output)["payments"]] == ["10000000"]
        code, _ = await run("faults", "refuse", "--address", origin)
        assert code == 1
        code, _ = await run("serve", "--port", "0", "--home", str(tmp_path))
        assert code == 1


async def test_it_ends_by_itself_on_a_polite_signal_even_while_a_call_hangs(
    tmp_path: Path, open_caller: CallerOpener
) -> None:
    async with serving(tmp_path) as (process, origin):
        caller = await open_caller(origin)
        await caller.admin("POST", "outage", {"mode": "hang"})
        held = asyncio.create_task(caller.send("bill", {"billNo": "1"}))
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
        with pytest.raises(aiohttp.ClientError):
            await held
