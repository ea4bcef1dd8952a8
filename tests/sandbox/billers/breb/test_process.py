"""The simulated BREB as a process of its own, killed in the middle of a payment."""

import json
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.sandbox.caller import BrebCaller, process_of
from tests.sandbox.test_process import run


async def logged_in(session: aiohttp.ClientSession, origin: str) -> BrebCaller:
    caller = BrebCaller(session, origin)
    await caller.log_in()
    return caller


async def test_locks_and_payments_outlive_a_kill(tmp_path: Path) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with process_of(tmp_path, "--breb-port") as (process, origin):
            breb = await logged_in(session, origin)
            locked = await breb.a_locked_save("1003010000000", "T1")
            saved = await breb.a_locked_save("1003010000001", "T2")
            assert await breb.code("payment", saved) == "1200"
            complete = await breb.a_locked_save("1003010000002", "T3")
            for step in ("payment", "acknowledge"):
                assert await breb.code(step, complete) == "1200"
            dropped = await breb.a_locked_save("9500000000000", "T4")
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await breb.code("payment", dropped)
            before = await breb.admin("GET", "dump")
            process.send_signal(signal.SIGKILL)
            await process.wait()
        async with process_of(tmp_path, "--breb-port") as (_, origin):
            breb = BrebCaller(session, origin, breb.access, breb.refresh)
            assert await breb.admin("GET", "dump") == before
            assert (await breb.code("status", saved), await breb.renew()) == ("1271", "1271")
            await breb.log_in()
            assert [await breb.code("bill", one) for one in (locked, saved, complete)] == [
                "1252",
                "1261",
                "1278",
            ]
            assert [await breb.code("payment", one) for one in (locked, saved, dropped)] == ["1200"] * 3
            assert [await breb.code("status", one) for one in (saved, complete)] == ["1267", "1268"]


async def test_faults_and_dump_by_command(tmp_path: Path) -> None:
    async with (
        process_of(tmp_path, "--breb-port") as (_, origin),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        here = ("--of", "breb", "--address", origin)
        order = ("refuse", "--account", "1003010000000", "--step", "acknowledge")
        code, output = await run("faults", *order, *here)
        assert code == 0
        assert json.loads(output)["faults"] == [
            {"step": "acknowledge", "number": "1003010000000", "fault": "refuse", "times": 1}
        ]
        breb = await logged_in(session, origin)
        save = await breb.a_locked_save("1003010000000")
        steps = ("payment", "acknowledge", "acknowledge")
        assert [await breb.code(step, save) for step in steps] == ["1200", "1282", "1200"]
        code, output = await run("dump", *here)
        assert code == 0
        assert [line["account"] for line in json.loads(output)["payments"]] == ["1003010000000"]
        code, _ = await run("faults", "lost_paid", *here)
        assert code == 1
