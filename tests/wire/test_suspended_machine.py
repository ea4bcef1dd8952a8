"""A machine that was suspended for an hour: CLOCK_MONOTONIC stood still meanwhile, the far sides did not."""

import asyncio
import time
from collections.abc import Callable

import pytest

from ekpay_switch.ports.world import NotSent
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wire.http import HttpWire
from ekpay_switch.wire.tcp import TcpLines
from tests.wire.scripted_peer import Caller, a_request, rude_peer

SEND_SECONDS = 10.0


@pytest.fixture
def suspend(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Suspends the machine: only the clock of its boot goes on."""

    def pass_by(seconds: float) -> None:
        read = time.clock_gettime
        monkeypatch.setattr(
            time, "clock_gettime", lambda clock: read(clock) + seconds * (clock == time.CLOCK_BOOTTIME)
        )

    return pass_by


async def polite(caller: Caller) -> None:
    await caller.answer(b"yes")


async def test_suspended_machine_does_not_send_late(suspend: Callable[[float], None]) -> None:
    clock = SystemClock()
    wire = HttpWire(clock)
    async with rude_peer(polite) as peer:
        request = a_request(peer.url(), send_before=clock.monotonic() + SEND_SECONDS)
        suspend(3_600)
        reply = await wire.send("bank", request)
    await wire.close()

    assert reply == NotSent("the send deadline passed")
    assert not peer.heard


async def test_suspended_machine_writes_nothing_late_on_a_host_link(
    suspend: Callable[[float], None],
) -> None:
    heard = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read())
        writer.close()

    clock = SystemClock()
    async with await asyncio.start_server(listen, "127.0.0.1") as server:
        line = await TcpLines(clock).open(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", 5)
        assert not isinstance(line, NotSent)
        send_before = clock.monotonic() + SEND_SECONDS
        suspend(3_600)
        sent = await line.send(b"pay", send_before)
        await line.close()
        assert await heard == b""

    assert sent == NotSent("the deadline to send passed")
