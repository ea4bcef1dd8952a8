"""Repeats and reversals at the hosts: nothing moves twice, and what is reversed moved nothing in the end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.caller import SetClock
from tests.sandbox.providers.iso8583.caller import AMOUNT, Switch, a_switch


@pytest.fixture
async def switch(tmp_path: Path, clock: SetClock) -> AsyncIterator[Switch]:
    async with a_switch(tmp_path, clock) as opened:
        yield opened


# ---- repeats


async def test_a_repeat_is_answered_as_the_first_was(switch: Switch) -> None:
    line, other = await switch.signed_on(), await switch.signed_on()
    for kind, code in (("normal", "00"), ("declined", "05")):
        request, told = await switch.paid(line, kind)
        assert told[39] == code
        assert await line.ask("0200", request) == told
        assert await other.ask("0200", request) == told
    totals = await switch.totals()
    assert (totals["requests"], totals["posted"], totals["taken_paisa"]) == (2, 1, AMOUNT)
    assert [one["repeats"] for one in await switch.requests()] == [2, 2]


async def test_a_repeat_can_be_answered_with_94(switch: Switch) -> None:
    await switch.habits(is_repeat_94=True)
    line = await switch.signed_on()
    request, told = await switch.paid(line)
    assert told[39] == "00"
    assert (await line.ask("0200", request))[39] == "94"
    assert (await switch.totals())["taken_paisa"] == AMOUNT
    await switch.habits(is_repeat_94=False)
    assert (await line.ask("0200", request | {4: "000000000001"}))[39] == "94"


# ---- reversals


async def test_a_reversal_is_confirmed_as_often_as_it_comes(switch: Switch) -> None:
    line = await switch.signed_on()
    request, _ = await switch.paid(line)
    reversal = switch.reversal(request)
    first = await line.ask("0420", reversal)
    assert (first[39], first[90], first[11], first[15]) == ("00", reversal[90], reversal[11], "0310")
    repeats = [await line.ask("0421", reversal) for _ in range(2)]
    assert repeats == [first, first]
    (kept,) = await switch.reversals()
    assert (kept["repeats"], kept["is_moved_back"], kept["has_original"]) == (2, True, True)
    assert (await switch.totals())["taken_paisa"] == 0
    # A repeat of what was reversed is no new request.
    assert (await line.ask("0200", request))[39] == "94"
    assert (await switch.totals())["taken_paisa"] == 0


async def test_a_reversal_that_comes_first_stops_its_request(switch: Switch) -> None:
    line = await switch.signed_on()
    reference, alias = await switch.consented()
    request = switch.request(reference, alias)
    reversal = switch.reversal(request)
    assert (await line.ask("0420", reversal))[39] == "25"
    assert (await line.ask("0421", reversal))[39] == "25"
    assert [(await line.ask("0200", request))[39] for _ in range(2)] == ["94", "94"]
    order = await switch.order(reference)
    assert (order["state"], order["reason"], order["calls"]["0200"]) == ("cancelled", "reversed", 2)
    # The alias went with it: another request of the same order moves nothing either.
    assert (await line.ask("0200", switch.request(reference, alias)))[39] == "14"
    assert (await switch.totals())["taken_paisa"] == 0


async def test_a_reversal_of_nothing_leaves_what_was_paid(switch: Switch) -> None:
    line = await switch.signed_on()
    request, _ = await switch.paid(line)
    stranger = switch.reversal(request, DE90=f"0200999999{request[7]}{request[32].zfill(11) * 2}")
    assert (await line.ask("0420", stranger))[39] == "25"
    assert (await switch.order(request[48]))["state"] == "paid"
    assert (await switch.totals())["taken_paisa"] == AMOUNT


async def test_a_reversal_of_a_declined_request_is_confirmed(switch: Switch) -> None:
    line = await switch.signed_on()
    request, told = await switch.paid(line, "declined")
    assert told[39] == "05"
    assert (await line.ask("0420", switch.reversal(request)))[39] == "00"
    assert (await switch.order(request[48]))["state"] == "declined"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"DE4": "000000000001"}, "13"),
        ({"DE90": "0" * 42}, "30"),
        ({"DE90": "0220" + "0" * 38}, "30"),
    ],
)
async def test_a_reversal_that_does_not_fit_stays_open(
    switch: Switch, changes: dict[str, str], code: str
) -> None:
    line = await switch.signed_on()
    request, _ = await switch.paid(line)
    assert (await line.ask("0420", switch.reversal(request, **changes)))[39] == code
    assert await switch.reversals() == []
    assert (await line.ask("0421", switch.reversal(request)))[39] == "00"


@pytest.mark.parametrize("missing", [3, 4, 7, 11, 12, 13, 32, 37, 39, 41, 42, 49, 90, 102])
async def test_a_reversal_without_one_of_its_fields_is_none(switch: Switch, missing: int) -> None:
    line = await switch.signed_on()
    reversal = switch.reversal(switch.request(*await switch.consented()))
    del reversal[missing]
    assert (await line.ask("0420", reversal))[39] == "30"
    assert await switch.reversals() == []
