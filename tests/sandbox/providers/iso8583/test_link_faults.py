"""How the hosts' links misbehave, and what the desk takes and tells."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.providers.iso8583.faults import HostFault, HostStep
from sandbox.providers.iso8583.institutions import INSTITUTIONS
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.iso8583.caller import AMOUNT, Fields, Line, Switch, a_switch


@pytest.fixture
async def switch(tmp_path: Path, clock: SetClock) -> AsyncIterator[Switch]:
    async with a_switch(tmp_path, clock, pending_seconds=0.3) as opened:
        yield opened


@pytest.fixture
async def line(switch: Switch) -> Line:
    return await switch.signed_on()


async def state(switch: Switch, request: Fields) -> str:
    told: str = (await switch.order(request[48]))["state"]
    return told


async def a_request(switch: Switch, kind: str = "normal", nth: int = 0) -> Fields:
    return switch.request(*await switch.consented(kind, nth))


# ---- the link


async def test_signing_on_is_refused_or_not_answered(switch: Switch) -> None:
    await switch.fault(HostFault.CODE_91, HostStep.SIGN_ON)
    line = await switch.connected()
    assert (await line.network("001"))[39] == "91"
    assert (await switch.host())["signed_on"] == 0
    await switch.fault(HostFault.LOST_UNDONE, HostStep.SIGN_ON)
    await line.send("0800", {7: "0310060000", 11: "000002", 70: "001"})
    assert await line.is_silent()
    assert (await switch.host())["signed_on"] == 0
    assert (await line.network("001"))[39] == "00"


async def test_echoes_are_lost_and_late(switch: Switch, line: Line) -> None:
    await switch.fault(HostFault.LOST_DONE, HostStep.ECHO, times=2)
    for _ in range(2):
        await line.send("0800", {7: "0310060000", 11: "000002", 70: "301"})
    assert await line.is_silent()
    await switch.habits(slow_seconds=0.2)
    await switch.fault(HostFault.SLOW, HostStep.ECHO)
    began = time.monotonic()
    assert (await line.network("301", "000003"))[11] == "000003"
    assert time.monotonic() - began >= 0.2


async def test_connections_are_refused_for_a_while(switch: Switch, line: Line) -> None:
    agrani = switch.at("agrani")
    other = await agrani.signed_on()
    await switch.fault(HostFault.REFUSE, seconds=0.3)
    assert await line.is_over()
    assert (await switch.host())["is_open"] is False
    with pytest.raises(ConnectionRefusedError):
        await switch.connected()
    # It is of one house.
    assert (await other.network("301"))[39] == "00"
    async with asyncio.timeout(10):
        while True:
            if (await switch.host())["is_open"]:
                break
            await asyncio.sleep(0.02)
    again = await switch.signed_on()
    assert (await switch.paid(again))[1][39] == "00"


async def test_a_second_refusal_lasts_as_long_as_it_says(switch: Switch) -> None:
    await switch.fault(HostFault.REFUSE, seconds=60)
    await switch.fault(HostFault.REFUSE, seconds=0.05)
    async with asyncio.timeout(10):
        while True:
            if (await switch.host())["is_open"]:
                break
            await asyncio.sleep(0.02)


async def test_connections_are_dropped_and_may_come_again(switch: Switch, line: Line) -> None:
    told = await switch.admin("POST", "drop", {"house": "janata"})
    assert told["house"] == "janata"
    assert await line.is_over()
    assert (await (await switch.signed_on()).network("301"))[39] == "00"


# ---- the desk


async def test_a_fault_is_of_one_order_one_payer_or_anybody(switch: Switch, line: Line) -> None:
    request, other = await a_request(switch), await a_request(switch)
    await switch.fault(HostFault.CODE_06, HostStep.REQUEST, order=request[48])
    assert (await line.ask("0200", other))[39] == "00"
    assert (await line.ask("0200", request))[39] == "06"
    await switch.fault(HostFault.CODE_77, HostStep.REQUEST, payer=await switch.number("normal"), times=2)
    assert (await switch.paid(line))[1][39] == "77"
    listed = (await switch.admin("GET", "faults"))["faults"]
    assert [(one["house"], one["step"], one["fault"], one["times"]) for one in listed] == [
        ("janata", "request", "code_77", 1)
    ]
    assert (await switch.admin("DELETE", "faults"))["faults"] == []
    assert (await switch.paid(line))[1][39] == "00"


async def test_an_order_for_a_fault_that_cannot_be_is_refused(switch: Switch) -> None:
    right = {"house": "janata", "step": "request", "fault": "code_96"}
    for wrong in (
        {"house": "sonali"},
        {"fault": "code_97"},
        {"step": None},
        {"step": "login"},
        {"order": "A", "payer": "B"},
        {"seconds": 3},
        {"fault": "refuse", "step": None},
        {"fault": "after_reversal", "step": "reversal"},
        {"fault": "no_original"},
        {"times": 0},
    ):
        assert await switch.refused_order(right | wrong), wrong


async def test_every_kind_of_payer_is_listed_with_what_it_means(switch: Switch) -> None:
    payers = (await switch.admin("GET", "payers?house=npsb"))["payers"]
    numbers = {one["kind"]: one["number"] for one in payers}
    assert len(numbers) == len({*numbers.values()})
    assert numbers["any_code"] == "1099900000000"
    assert all(one["means"] for one in payers)
    assert {"bad_mac", "reversal_96", "after_reversal", "refused_at_page"} <= numbers.keys()
    assert len(INSTITUTIONS) == 7


async def test_the_desk_tells_what_came_and_what_moved(switch: Switch, line: Line) -> None:
    kept, _ = await switch.paid(line)
    back, _ = await switch.paid(line)
    await switch.paid(line, "declined")
    await line.ask("0420", switch.reversal(back))
    await a_request(switch)
    totals = await switch.totals()
    assert totals["orders"] == {
        "opened": 0, "agreed": 1, "paid": 1, "declined": 1, "cancelled": 1, "expired": 0,
    }  # fmt: skip
    figures = ("requests", "posted", "posted_paisa", "reversals", "moved_back", "moved_back_paisa")
    assert [totals[name] for name in figures] == [3, 2, 2 * AMOUNT, 1, 1, AMOUNT]
    assert (totals["paid_paisa"], totals["taken_paisa"], totals["fee_paisa"]) == (AMOUNT, AMOUNT, 625)
    dump = await switch.admin("GET", "dump")
    assert [len(dump[name]) for name in ("orders", "requests", "reversals")] == [4, 3, 1]
    assert dump["requests"][0]["identity"].split()[1:3] == [kept[11], kept[37]]
    assert (await switch.admin("GET", "calls?house=janata"))["calls"] == {"0200": 3, "0420": 1}
    assert (await switch.requests())[0] == dump["requests"][0]
    assert (await switch.at("npsb").totals())["requests"] == 0
