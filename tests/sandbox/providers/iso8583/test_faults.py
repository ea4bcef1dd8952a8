"""How the hosts misbehave: by an order at the desk, and by the payer's number."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.providers.iso8583.codec import UnreadableMessageError, decode
from sandbox.providers.iso8583.faults import HostFault, HostStep
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


# How a fault comes about: ordered at the desk, or brought by a payer. Each is (fault, kind of payer).
async def struck(switch: Switch, how: str, fault: HostFault, kind: str) -> Fields:
    if how == "payer":
        return await a_request(switch, kind)
    request = await a_request(switch)
    await switch.fault(fault, HostStep.REQUEST, order=request[48])
    return request


both = pytest.mark.parametrize("how", ["desk", "payer"])


@both
async def test_posted_and_never_answered(switch: Switch, line: Line, how: str) -> None:
    request = await struck(switch, how, HostFault.LOST_DONE, "take_lost_done")
    await line.send("0200", request)
    assert await line.is_silent()
    assert await state(switch, request) == "paid"
    # The repeat is answered as the first would have been.
    assert (await line.ask("0200", request))[39] == "00"
    assert (await line.ask("0420", switch.reversal(request)))[39] == "00"
    assert await state(switch, request) == "cancelled"


@both
async def test_not_posted_and_never_answered(switch: Switch, line: Line, how: str) -> None:
    request = await struck(switch, how, HostFault.LOST_UNDONE, "take_lost_undone")
    await line.send("0200", request)
    assert await line.is_silent()
    assert (await state(switch, request), await switch.requests()) == ("agreed", [])
    assert (await line.ask("0420", switch.reversal(request)))[39] == "25"
    assert (await line.ask("0200", request))[39] == "94"
    assert await state(switch, request) == "cancelled"


@both
async def test_posted_and_answered_late_while_others_are_answered(
    switch: Switch, line: Line, how: str
) -> None:
    request = await struck(switch, how, HostFault.SLOW, "take_slow")
    began = time.monotonic()
    await line.send("0200", request)
    assert (await line.network("301"))[39] == "00"
    assert time.monotonic() - began < 0.3
    assert (await line.ask("0420", switch.reversal(request)))[39] == "00"
    late = (await line.read()).fields
    assert time.monotonic() - began >= 0.3
    assert (late[39], late[11]) == ("00", request[11])
    assert await state(switch, request) == "cancelled"


@both
async def test_the_answer_comes_after_the_reversal_was_confirmed(
    switch: Switch, line: Line, how: str
) -> None:
    request = await struck(switch, how, HostFault.AFTER_REVERSAL, "after_reversal")
    await line.send("0200", request)
    assert await line.is_silent()
    assert await state(switch, request) == "paid"
    reversed_ = await line.ask("0420", switch.reversal(request))
    late = await line.read()
    assert (reversed_[39], late.mti, late.fields[39]) == ("00", "0210", "00")
    assert await state(switch, request) == "cancelled"
    assert (await switch.totals())["taken_paisa"] == 0


async def test_a_request_that_its_reversal_overtook_is_posted_and_reversed_by_a_new_one(
    switch: Switch, line: Line
) -> None:
    request = await a_request(switch)
    await switch.fault(HostFault.BEHIND_REVERSAL, HostStep.REQUEST)
    await line.send("0200", request)
    assert await line.is_silent()
    assert (await state(switch, request), await switch.requests()) == ("agreed", [])
    no_original = await line.ask("0420", switch.reversal(request))
    late = await line.read()
    assert (no_original[39], late.mti, late.fields[39]) == ("25", "0210", "00")
    assert await state(switch, request) == "paid"
    assert (await line.ask("0420", switch.reversal(request)))[39] == "00"
    assert await state(switch, request) == "cancelled"
    assert (await switch.totals())["taken_paisa"] == 0


async def test_a_late_answer_waits_for_a_confirmation_that_is_sent(switch: Switch, line: Line) -> None:
    request = await a_request(switch, "after_reversal")
    await line.send("0200", request)
    await switch.fault(HostFault.LOST_DONE, HostStep.REVERSAL)
    await line.send("0420", switch.reversal(request))
    assert await line.is_silent()
    other = await switch.signed_on()
    assert (await other.ask("0421", switch.reversal(request)))[39] == "00"
    assert (await other.read()).mti == "0210"


@both
async def test_the_answer_has_a_wrong_mac(switch: Switch, line: Line, how: str) -> None:
    await line.send("0200", await struck(switch, how, HostFault.BAD_MAC, "bad_mac"))
    told = decode(await line.read_bytes())
    assert (told.fields[39], told.is_sealed(line.key)) == ("00", False)


@both
async def test_the_answer_is_no_message(switch: Switch, line: Line, how: str) -> None:
    request = await struck(switch, how, HostFault.RUBBISH, "take_html")
    await line.send("0200", request)
    with pytest.raises(UnreadableMessageError):
        decode(await line.read_bytes())
    assert await state(switch, request) == "paid"


@both
async def test_the_answer_tells_another_amount(switch: Switch, line: Line, how: str) -> None:
    request = await struck(switch, how, HostFault.OTHER_AMOUNT, "other_amount")
    assert (await line.ask("0200", request))[4] == f"{AMOUNT + 100:012d}"
    assert (await switch.totals())["taken_paisa"] == AMOUNT


@both
async def test_the_answer_tells_another_currency(switch: Switch, line: Line, how: str) -> None:
    request = await struck(switch, how, HostFault.OTHER_CURRENCY, "other_currency")
    assert (await line.ask("0200", request))[49] == "840"


@both
async def test_the_answer_bears_another_stan(switch: Switch, line: Line, how: str) -> None:
    request = await struck(switch, how, HostFault.OTHER_STAN, "other_stan")
    assert (await line.ask("0200", request))[11] == f"{int(request[11]) + 1:06d}"


@both
async def test_the_link_is_dropped_in_the_middle_of_the_answer(switch: Switch, line: Line, how: str) -> None:
    request = await struck(switch, how, HostFault.CUT, "cut")
    await line.send("0200", request)
    async with asyncio.timeout(10):
        length = int.from_bytes(await line.reader.readexactly(2))
        rest = await line.reader.read()
    assert 0 < len(rest) < length
    assert await state(switch, request) == "paid"


@both
async def test_the_answer_comes_twice_in_one_segment(switch: Switch, line: Line, how: str) -> None:
    await line.send("0200", await struck(switch, how, HostFault.TWICE_IN_ONE, "twice_in_one"))
    assert await line.read_bytes() == await line.read_bytes()


@both
async def test_the_answer_comes_byte_by_byte(switch: Switch, line: Line, how: str) -> None:
    request = await struck(switch, how, HostFault.SINGLE_BYTES, "single_bytes")
    await line.send("0200", request)
    pieces = [await line.reader.read(1_000)]
    async with asyncio.timeout(10):
        while len(whole := b"".join(pieces)) < 2 or len(whole) < 2 + int.from_bytes(whole[:2]):
            pieces.append(await line.reader.read(1_000))
    assert decode(whole[2:]).fields[11] == request[11]
    # A busy machine may hand over a few bytes at once, though they were sent one by one.
    assert len(pieces) > 20


CODES = ["05", "06", "51", "77", "91", "94", "96"]


@pytest.mark.parametrize("code", CODES)
@both
async def test_the_answer_has_another_code_and_nothing_is_posted(
    switch: Switch, line: Line, how: str, code: str
) -> None:
    if how == "desk":
        request = await struck(switch, how, HostFault(f"code_{code}"), "")
    else:
        request = await a_request(switch, "any_code", int(code))
    told = await line.ask("0200", request)
    assert (told[39], 38 in told) == (code, False)
    assert (await switch.totals())["taken_paisa"] == 0
    # What declines for good ends the order; with the others it waits for its reversal.
    ends = code in {"05", "51", "91"}
    assert await state(switch, request) == ("declined" if ends else "agreed")
    assert (await line.ask("0200", request))[39] == code
    assert (await line.ask("0420", switch.reversal(request)))[39] == "00"
    assert await state(switch, request) == ("declined" if ends else "cancelled")


@pytest.mark.parametrize("code", ["06", "77", "94", "96"])
@both
async def test_the_answer_has_another_code_and_it_is_posted(
    switch: Switch, line: Line, how: str, code: str
) -> None:
    if how == "desk":
        request = await struck(switch, how, HostFault(f"code_{code}_done"), "")
    else:
        request = await a_request(switch, "any_code", 100 + int(code))
    told = await line.ask("0200", request)
    assert (told[39], 38 in told) == (code, False)
    assert (await switch.totals())["taken_paisa"] == AMOUNT
    assert (await line.ask("0420", switch.reversal(request)))[39] == "00"
    assert (await switch.totals())["taken_paisa"] == 0


async def test_code_96_of_the_kits_own_payer_is_not_posted(switch: Switch, line: Line) -> None:
    request, told = await switch.paid(line, "take_http_500")
    assert (told[39], await state(switch, request)) == ("96", "agreed")


@pytest.mark.parametrize(
    ("kind", "code", "then"),
    [("pending_then_paid", "00", "paid"), ("pending_then_declined", "05", "declined")],
)
async def test_a_payer_can_be_answered_after_a_while(
    switch: Switch, line: Line, kind: str, code: str, then: str
) -> None:
    began = time.monotonic()
    request, told = await switch.paid(line, kind)
    assert time.monotonic() - began >= 0.3
    assert (told[39], await state(switch, request)) == (code, then)


async def test_a_payer_can_be_pending_for_ever(switch: Switch, line: Line) -> None:
    request = await a_request(switch, "pending")
    await line.send("0200", request)
    assert await line.is_silent(0.5)
    assert await state(switch, request) == "agreed"
    assert (await line.ask("0420", switch.reversal(request)))[39] == "25"


# ---- reversals


@pytest.mark.parametrize("nth", [0, 2])
@pytest.mark.parametrize(("kind", "code"), [("reversal_unanswered", ""), ("reversal_96", "96")])
async def test_a_payers_reversals_fail_as_often_as_the_number_says(
    switch: Switch, line: Line, kind: str, code: str, nth: int
) -> None:
    request = await a_request(switch, kind, nth)
    await line.send("0200", request)
    assert await line.is_silent()
    reversal = switch.reversal(request)
    for failed in range(nth + 1):
        await line.send("0421" if failed else "0420", reversal)
        if code:
            assert (await line.read()).fields[39] == code
        else:
            assert await line.is_silent()
        assert await state(switch, request) == "paid"
    assert (await line.ask("0421", reversal))[39] == "00"
    assert await state(switch, request) == "cancelled"
    calls = (await switch.order(request[48]))["calls"]
    assert (calls["0200"], calls["0420"], calls["0421"]) == (1, 1, nth + 1)


async def test_reversals_fail_by_order_of_the_desk_so_many_times(switch: Switch, line: Line) -> None:
    request, _ = await switch.paid(line)
    reversal = switch.reversal(request)
    await switch.fault(HostFault.CODE_96, HostStep.REVERSAL, order=request[48], times=2)
    assert [(await line.ask("0421", reversal))[39] for _ in range(2)] == ["96", "96"]
    assert await state(switch, request) == "paid"
    await switch.fault(HostFault.LOST_DONE, HostStep.REVERSAL)
    await line.send("0421", reversal)
    assert await line.is_silent()
    assert await state(switch, request) == "cancelled"
    assert (await line.ask("0421", reversal))[39] == "00"


async def test_a_reversal_is_carried_out_and_answered_with_25(switch: Switch, line: Line) -> None:
    request, _ = await switch.paid(line)
    await switch.fault(HostFault.NO_ORIGINAL)
    assert [(await line.ask("0420", switch.reversal(request)))[39] for _ in range(2)] == ["25", "25"]
    assert await state(switch, request) == "cancelled"
    assert (await switch.totals())["taken_paisa"] == 0


async def test_a_reversal_and_its_answer_are_spoilt_as_any(switch: Switch, line: Line) -> None:
    request, _ = await switch.paid(line)
    await switch.fault(HostFault.BAD_MAC, HostStep.REVERSAL)
    await line.send("0420", switch.reversal(request))
    assert not decode(await line.read_bytes()).is_sealed(line.key)
    assert await state(switch, request) == "cancelled"
