"""A far side that refuses connections: for whom, and for how long."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sandbox.network.proxy.fault_proxy import FaultProxy
from sandbox.network.proxy.faults import NetworkFault
from tests.sandbox.network.proxy.test_fault_effects import ANSWER, BODY, send_and_be_held
from tests.sandbox.network.proxy.test_pass_through import EchoFarSide, before, calling, refuses, until


async def refusal_over(proxy: FaultProxy) -> None:
    await until(lambda: proxy.faults()["faults"] == [])


async def lifted(proxy: FaultProxy) -> None:
    proxy.lift("far")


@pytest.mark.parametrize(("seconds", "end"), [(None, lifted), (0.3, refusal_over)])
async def test_a_refusal_closes_idle_connections_and_ends(
    seconds: float | None, end: Callable[[FaultProxy], Awaitable[None]]
) -> None:
    far_side = EchoFarSide()
    async with before(far_side.serve) as proxy:
        port = proxy.port("far")
        async with calling(port) as idle:
            await idle.ask(BODY)
            proxy.set("far", NetworkFault.REFUSE, seconds=seconds)
            assert await refuses(port)
            assert await idle.end() == b""
        await end(proxy)
        async with calling(port) as caller:
            assert await caller.ask(b"back") == b"back"


async def test_a_later_refusal_is_not_ended_by_the_seconds_of_the_one_before() -> None:
    async with before(EchoFarSide().serve) as proxy:
        proxy.set("far", NetworkFault.REFUSE, seconds=0.1)
        proxy.set("far", NetworkFault.REFUSE)
        await asyncio.sleep(0.3)
        assert await refuses(proxy.port("far"))
        assert len(str(proxy.faults()).split("refuse")) == 2


async def test_a_refusal_lets_what_has_begun_end_and_nothing_new_begin() -> None:
    may_answer = asyncio.Event()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4_096):
            await may_answer.wait()
            writer.write(ANSWER)
        writer.close()

    async with before(answer_late) as proxy, calling(proxy.port("far")) as caller:
        caller.send(BODY)
        await until(lambda: "'exchanges': 1" in str(proxy.statistics()))
        proxy.set("far", NetworkFault.REFUSE)
        assert await caller.is_silent()
        may_answer.set()
        assert await caller.answer() == BODY
        caller.send(BODY)
        # It may be closed already, because it is idle now, or because of what was sent.
        assert await caller.end() in (b"", "reset")
        assert "'exchanges': 1" in str(proxy.statistics())


async def test_a_refusal_closes_a_connection_as_soon_as_its_struck_exchange_is_over() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HOLD_REQUEST, times=1)
        await send_and_be_held(caller, proxy)
        proxy.set("far", NetworkFault.REFUSE)
        proxy.release()
        assert await caller.end() == ANSWER
