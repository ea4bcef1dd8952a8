"""The proxy as a process of its own, its control calls, and the commands that make them."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import typer

import sandbox
from sandbox.network.proxy.commands import lift, release, show, strike
from sandbox.network.proxy.faults import NetworkFault
from tests.sandbox.network.proxy.test_fault_effects import (
    ANSWERED,
    BODY,
    CONNECTION_LOST,
    SECONDS,
    SILENT,
    times_forwarded,
)
from tests.sandbox.network.proxy.test_pass_through import EchoFarSide, calling, listening, refuses, until

ROOT = Path(str(sandbox.__file__)).parent.parent
NOBODY = "127.0.0.1:1"
RUBBISH = [
    ("POST", "faults", b"", "body"),
    ("POST", "faults", b"{", "body"),
    ("POST", "faults", b"[]", "body"),
    ("POST", "faults", b"null", "body"),
    ("POST", "faults", b"\xff\xfe", "body"),
    ("POST", "faults", b"[" * 5_000, "body"),
    ("POST", "faults", b"{}", "far_side, fault"),
    ("POST", "faults", b'{"far_side":"far","fault":"cut","times":NaN}', "times"),
    ("POST", "faults", b'{"far_side":"far","fault":"cut","times":"1"}', "times"),
    ("POST", "faults", b'{"far_side":"far","fault":"slow_drip"}', "seconds"),
    ("POST", "faults", b'{"far_side":"far","fault":"refuse","times":1,"match":"x"}', "match, times"),
    ("POST", "faults", b'{"far_side":"far","fault":"cut","other":1}', "other"),
    ("POST", "faults", b'{"far_side":"near","fault":"cut"}', "far_side"),
    ("DELETE", "faults?far_side=near", None, "far_side"),
    ("DELETE", "faults?far_side=", None, "far_side"),
    ("DELETE", "faults?farside=far", None, "farside"),
    ("POST", "release?far_side=near", None, "far_side"),
]


@dataclass
class Standing:
    """A proxy that runs, with one far side named `far` behind it."""

    process: asyncio.subprocess.Process
    port: int
    control: str
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        async with self.session.request(method, f"http://{self.control}/{path}", data=body) as answer:
            return answer.status, await answer.json(content_type=None)

    async def order(self, **order: object) -> tuple[int, Any]:
        return await self.call("POST", "faults", json.dumps(order).encode())


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox.network.proxy",
        *arguments,
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def standing(far_side: EchoFarSide) -> AsyncIterator[Standing]:
    async with listening(far_side.serve) as far_port, aiohttp.ClientSession() as session:
        process = await started("--control", "127.0.0.1:0", "--before", f"far:0:{far_port}")
        assert process.stdout is not None
        try:
            async with asyncio.timeout(30):
                far_line = (await process.stdout.readline()).decode().split()
                control_line = (await process.stdout.readline()).decode()
            assert (far_line[0], far_line[-1]) == ("far", f"127.0.0.1:{far_port}")
            control = control_line.rsplit("http://")[-1].strip()
            yield Standing(process, int(far_line[1].rpartition(":")[2]), control, session)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def ended_by(one: Standing, number: signal.Signals) -> int | None:
    one.process.send_signal(number)
    return await asyncio.wait_for(one.process.wait(), 20)


async def test_orders_are_given_listed_counted_and_lifted() -> None:
    far_side = EchoFarSide()
    async with standing(far_side) as one:
        armed = {"far_side": "far", "fault": "cut", "times": 2, "seconds": None, "match": "/pay", "also": " "}
        assert await one.order(**armed) == (200, {"faults": [armed], "held": {"far": 0}})
        async with calling(one.port) as caller:
            caller.send(b"1", "/pay")
            assert await caller.end() == b""
        assert await one.call("GET", "faults") == (
            200,
            {"faults": [armed | {"times": 1}], "held": {"far": 0}},
        )
        assert await one.call("DELETE", "faults?far_side=far") == (200, {"faults": [], "held": {"far": 0}})
        async with calling(one.port) as caller:
            assert await caller.ask(b"2", "/pay") == b"2"
        counted = {"connections": 2, "exchanges": 2, "struck": {"cut": 1}, "paths": {"/pay": 2}}
        assert await one.call("GET", "stats") == (200, {"far_sides": {"far": counted}})
        status, health = await one.call("GET", "health")
        assert (status, health["status"], health["far_sides"]["far"]["is_listening"]) == (200, "ok", True)


async def test_the_process_resets_refuses_holds_and_releases() -> None:
    far_side = EchoFarSide()
    async with standing(far_side) as one:
        for fault in (NetworkFault.RESET_BEFORE, NetworkFault.RESET_AFTER):
            await one.order(far_side="far", fault=fault, times=1)
            async with calling(one.port) as caller:
                caller.send(fault.encode())
                assert await caller.end() == "reset"
        assert far_side.got == [b"reset_after"]
        async with calling(one.port) as idle:
            await idle.ask(b"idle")
            await one.order(far_side="far", fault="refuse")
            assert await refuses(one.port)
            assert await idle.end() == b""
        await one.call("DELETE", "faults")
        await one.order(far_side="far", fault="hold_request", times=1)
        async with calling(one.port) as caller:
            caller.send(b"late")
            while (await one.call("GET", "faults"))[1]["held"] != {"far": 1}:
                assert one.process.returncode is None
        assert await one.call("POST", "release") == (200, {"released": 1})
        await until(lambda: far_side.got[-1] == b"late")
        big = os.urandom(1_048_576)
        async with calling(one.port) as caller:
            assert await caller.ask(big) == big


async def test_every_fault_strikes_in_the_process_as_it_does_in_a_test() -> None:
    # The process runs another event loop than the tests.
    far_side = EchoFarSide()
    async with standing(far_side) as one:
        for fault, seen in CONNECTION_LOST.items():
            await one.order(far_side="far", fault=fault, times=1)
            async with calling(one.port) as caller:
                caller.send(BODY)
                assert await caller.end() == seen, fault
        for fault, answer in ANSWERED.items():
            await one.order(far_side="far", fault=fault, times=1, seconds=SECONDS.get(fault))
            async with calling(one.port) as caller:
                assert [await caller.ask(BODY) for _ in range(2)] == [answer, BODY], fault
        for fault in SILENT:
            await one.order(far_side="far", fault=fault, times=1)
            async with calling(one.port) as caller:
                caller.send(BODY)
                assert await caller.is_silent(), fault
        struck = [*CONNECTION_LOST, *ANSWERED, *SILENT]
        assert len(far_side.got) == len(ANSWERED) + sum(map(times_forwarded, struck))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_by_itself_on_a_polite_signal_with_connections_open(number: signal.Signals) -> None:
    far_side = EchoFarSide()
    async with standing(far_side) as one, calling(one.port) as idle, calling(one.port) as held:
        await idle.ask(b"idle")
        await one.order(far_side="far", fault="hold_request")
        held.send(b"held")
        assert await ended_by(one, number) == 0
        assert [await idle.end(), await held.end()] == [b"", b""]
        await until(lambda: far_side.open_connections == 0)
        assert far_side.got == [b"idle"]


async def test_rubbish_is_400_with_the_names_of_its_fields_and_changes_nothing() -> None:
    async with standing(EchoFarSide()) as one:
        await one.order(far_side="far", fault="html")
        before = await one.call("GET", "faults")
        for method, path, body, named in RUBBISH:
            answered = await one.call(method, path, body)
            assert answered == (400, {"message": f"cannot read: {named}"}), body
        assert (await one.call("POST", "faults", b" " * 100_000))[0] == 413
        assert await one.call("GET", "faults") == before


async def test_the_commands_print_what_the_proxy_answers(capsys: pytest.CaptureFixture[str]) -> None:
    async with standing(EchoFarSide()) as one:
        strike("far", NetworkFault.DELAY_ANSWER, times=3, seconds=2, match="/pay", control=one.control)
        order = {"far_side": "far", "fault": "delay_answer", "times": 3, "seconds": 2.0, "match": "/pay"}
        order |= {"also": None}
        assert json.loads(capsys.readouterr().out)["faults"] == [order]
        show(control=one.control)
        shown = json.loads(capsys.readouterr().out)
        assert shown["armed"]["faults"] == [order]
        assert shown["counted"]["far_sides"]["far"]["exchanges"] == 0
        assert shown["health"]["far_sides"]["far"]["port"] == one.port
        release("far", control=one.control)
        assert json.loads(capsys.readouterr().out) == {"released": 0}
        lift(control=one.control)
        assert json.loads(capsys.readouterr().out) == {"faults": [], "held": {"far": 0}}
        with pytest.raises(typer.Exit) as refused:
            strike("a far side & more", NetworkFault.CUT, control=one.control)
        assert refused.value.exit_code == 1
        assert capsys.readouterr().err == 'refused: {"message": "cannot read: far_side"}\n'


def test_a_command_says_in_one_line_that_no_proxy_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (lift, release, show):
        with pytest.raises(typer.Exit) as failed:
            command(control=NOBODY)
        assert failed.value.exit_code == 1
        assert capsys.readouterr().err == f"no proxy answers at {NOBODY}: ConnectionRefusedError\n"


@pytest.mark.parametrize(
    "before", ["desco", "desco:1", "desco:1:x", ":1:2", "desco:1:65536", "desco:-1:2", "desco:1:2:3"]
)
async def test_a_route_that_cannot_be_read_is_refused_before_anything_starts(before: str) -> None:
    process = await started("--control", "127.0.0.1:0", "--before", before)
    said, _ = await process.communicate()
    assert process.returncode == 2
    assert b"Traceback" not in said


async def test_a_taken_port_is_said_in_one_line() -> None:
    async with listening(EchoFarSide().serve) as taken:
        process = await started("--control", "127.0.0.1:0", "--before", f"far:{taken}:1")
        said, _ = await process.communicate()
        assert process.returncode == 1
        assert said.startswith(b"cannot start: ")
        assert said.count(b"\n") == 1
