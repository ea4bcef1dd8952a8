"""The hosts as a process of its own, killed between a posting and its reversal."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from sandbox.registry import UnreadablePortError, read_host_ports
from tests.sandbox.caller import ROOT
from tests.sandbox.providers.iso8583.caller import AMOUNT, HOUSES, Switch
from tests.sandbox.test_process import RealClock, run


@asynccontextmanager
async def hosts_of(home: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Switch]]:
    free = [argument for house in HOUSES for argument in ("--host-port", f"{house}=0")]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "serve", "--port", "iso8583=0", *free, "--home", str(home),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        origin = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()[-1]
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            switch = Switch(session, origin, RealClock(), {})
            switch.places = {
                one["house"]: one["place"] for one in (await switch.admin("GET", "hosts"))["hosts"]
            }
            try:
                yield process, switch
            finally:
                await switch.leave()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_what_was_posted_before_a_kill_is_reversed_after_it(tmp_path: Path) -> None:
    async with hosts_of(tmp_path) as (process, switch):
        line = await switch.signed_on()
        kept, _ = await switch.paid(line)
        lost = switch.request(*await switch.consented("take_lost_done"))
        await line.send("0200", lost)
        assert (await line.network("301"))[39] == "00"
        before = await switch.admin("GET", "dump")
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert await line.is_over()
    async with hosts_of(tmp_path) as (_, switch):
        after = await switch.admin("GET", "dump")
        for dump in (before, after):
            for order in dump["orders"]:
                del order["page_url"]
        assert after == before
        line = await switch.signed_on()
        assert [(await line.ask("0421", switch.reversal(lost)))[39] for _ in range(2)] == ["00", "00"]
        assert (await line.ask("0200", kept))[39] == "00"
        assert (await switch.totals())["taken_paisa"] == AMOUNT


def test_the_port_of_a_host_is_named_by_its_house() -> None:
    assert read_host_ports([]) == {}
    assert read_host_ports(["janata=0", "npsb=65535"]) == {"janata": 0, "npsb": 65_535}


@pytest.mark.parametrize(
    "texts", [["janata"], ["janata="], ["=1"], ["bkash=1"], ["janata=65536"], ["npsb=1", "npsb=2"], ["7"]]
)
def test_the_port_of_a_host_in_another_form_is_refused(texts: list[str]) -> None:
    with pytest.raises(UnreadablePortError, match="agrani, bank_asia"):
        read_host_ports(texts)


async def test_the_command_refuses_the_port_of_no_house(tmp_path: Path) -> None:
    code, _ = await run(
        "serve", "--port", "iso8583=0", "--host-port", "bkash=0", "--home", str(tmp_path / "books")
    )
    assert code == 2
    assert not (tmp_path / "books").exists()
