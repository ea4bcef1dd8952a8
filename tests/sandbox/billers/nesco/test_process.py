"""The simulated NESCO as a process of its own, killed after a vend."""

import json
import signal
from pathlib import Path

import aiohttp

from tests.sandbox.caller import NescoCaller, process_of
from tests.sandbox.test_process import run


async def test_quotes_and_vends_outlive_a_kill(tmp_path: Path) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with process_of(tmp_path, "--nesco-port") as (process, origin):
            nesco = NescoCaller(session, origin)
            await nesco.log_in()
            quoted, vended = await nesco.a_quote("10000000"), await nesco.a_quote("84000000")
            late = await nesco.a_quote("83000000")
            answer = await nesco.vend(vended)
            assert (await nesco.vend(late))["resultcode"] == "10115"
            before = await nesco.admin("GET", "dump")
            process.send_signal(signal.SIGKILL)
            await process.wait()
        async with process_of(tmp_path, "--nesco-port") as (_, origin):
            nesco = NescoCaller(session, origin)
            await nesco.log_in()
            assert await nesco.admin("GET", "dump") == before
            assert await nesco.vend(vended) == await nesco.history(vended) == answer
            assert (await nesco.vend(quoted))["resultcode"] == "0"
            tokens = [(await nesco.history(late))["data"]["token"] for _ in range(2)]
            assert [len(token) for token in tokens] == [0, 20]
            assert len({quoted, vended, late, await nesco.a_quote("10000000")}) == 4


async def test_faults_and_dump_by_command(tmp_path: Path) -> None:
    async with process_of(tmp_path, "--nesco-port") as (_, origin):
        here = ("--of", "nesco", "--address", origin)
        code, output = await run("faults", "late_token", "--times", "2", *here)
        assert code == 0
        struck = [{"step": "vend", "number": "*", "fault": "late_token", "times": 2}]
        assert json.loads(output)["faults"] == struck
        code, output = await run("dump", *here)
        assert (code, json.loads(output)) == (0, {"vends": [], "quotes": 0})
