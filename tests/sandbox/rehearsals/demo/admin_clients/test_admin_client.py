"""Admin calls wait for a simulator that is busy or starting, and none is sent twice."""

import asyncio

import aiohttp
import pytest

from sandbox.kit.tcp_ports import free_port
from sandbox.rehearsals.demo.admin_clients import admin_client
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminClient, SimulatorAddress

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def test_a_call_waits_until_a_simulator_listens_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_client, "_PAUSE_SECONDS", 0.02)
    port = free_port()

    async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        writer.close()

    async with AdminClient(SimulatorAddress(f"http://127.0.0.1:{port}", "")) as client:
        call = asyncio.create_task(client.admin("GET", "health"))
        await asyncio.sleep(0.1)
        assert not call.done()
        async with await asyncio.start_server(_answer, "127.0.0.1", port):
            assert await call == {}


async def test_an_order_whose_answer_is_lost_is_not_sent_again() -> None:
    """A fault that is set twice would strike two payments."""
    arrived = 0

    async def _drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        await reader.readuntil(b"\r\n\r\n")
        arrived += 1
        writer.close()

    async with await asyncio.start_server(_drop, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with AdminClient(SimulatorAddress(f"http://127.0.0.1:{port}", "")) as client:
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await client.admin("POST", "faults", {"fault": "slow"})
    assert arrived == 1
