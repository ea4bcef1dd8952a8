"""The seven hosts, as a switch meets them that knows nothing but their document."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.providers.iso8583.codec import encode, frame
from sandbox.providers.iso8583.mac import mac_of
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.iso8583.caller import AMOUNT, Fields, Switch, a_switch, mac_key


@pytest.fixture
async def switch(tmp_path: Path, clock: SetClock) -> AsyncIterator[Switch]:
    async with a_switch(tmp_path, clock) as opened:
        yield opened


# ---- network messages


async def test_signing_on_and_off_and_an_echo(switch: Switch) -> None:
    line = await switch.connected()
    assert await line.network("301", "000007") == {7: "0310060000", 11: "000007", 39: "00", 70: "301"}
    request = switch.request(*await switch.consented())
    assert (await line.ask("0200", request))[39] == "58"
    assert (await line.network("001"))[39] == "00"
    assert (await switch.host())["signed_on"] == 1
    assert (await line.network("002"))[39] == "00"
    assert (await line.ask("0420", switch.reversal(request)))[39] == "58"
    host = await switch.host()
    assert (host["links"], host["signed_on"], host["counted"]["not_signed_on"]) == (1, 0, 2)
    assert (await switch.requests(), await switch.reversals()) == ([], [])
    assert (await line.network("161"))[39] == "12"


async def test_a_new_sign_on_does_not_break_the_older_one(switch: Switch) -> None:
    first, second = await switch.signed_on(), await switch.signed_on()
    assert (await switch.host())["signed_on"] == 2
    for line in (first, second):
        assert (await switch.paid(line))[1][39] == "00"
    await first.close()
    await switch.until_links(1)


# ---- 0200


async def judged(switch: Switch, kind: str = "normal", **changes: str) -> Fields:
    line = await switch.signed_on()
    return await line.ask("0200", switch.request(*await switch.consented(kind), **changes))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"DE3": "000000"}, "12"),
        ({"DE49": "840"}, "12"),
        ({"DE42": "ANOTHERSHOP0001"}, "03"),
        ({"DE41": "OTHER001"}, "58"),
        ({"DE32": "025125000"}, "92"),
        ({"DE4": "000000000000"}, "13"),
        ({"DE4": "000000125051"}, "13"),
        ({"DE48": "EKPAYORDER999999999999"}, "12"),
        ({"DE102": "ALZZZZZZZZZZZZZZZZZZ"}, "14"),
        ({"DE102": "1000000000000"}, "14"),
        ({"DE37": "606912999999"}, "30"),
        ({"DE13": "1310"}, "30"),
        ({"DE12": "250000"}, "30"),
    ],
)
async def test_what_is_not_as_it_must_be_is_declined_and_moves_nothing(
    switch: Switch, changes: dict[str, str], code: str
) -> None:
    told = await judged(switch, **changes)
    assert told[39] == code
    assert 38 not in told
    assert (await switch.totals())["taken_paisa"] == 0


@pytest.mark.parametrize("missing", [3, 4, 7, 11, 12, 13, 18, 32, 37, 41, 42, 48, 49, 102])
async def test_a_request_without_one_of_its_fields_is_no_request(switch: Switch, missing: int) -> None:
    line = await switch.signed_on()
    request = switch.request(*await switch.consented())
    del request[missing]
    assert (await line.ask("0200", request))[39] == "30"
    assert await switch.requests() == []


async def test_an_alias_stands_in_its_own_field_alone(switch: Switch) -> None:
    line = await switch.signed_on()
    request = switch.request(*await switch.consented())
    assert (await line.ask("0200", request | {2: "5060990000000000013"}))[39] == "30"
    assert (await line.ask("0200", request))[39] == "00"
    npsb = switch.at("npsb")
    line = await npsb.signed_on()
    request = npsb.request(*await npsb.consented())
    alias = request.pop(2)
    assert (await line.ask("0200", request | {102: alias}))[39] == "30"


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("insufficient_funds", "51", "insufficient_funds"),
        ("declined", "05", "code_05"),
        ("wrong_pin", "55", "code_55"),
        ("says_paid", "05", "code_05"),
    ],
)
async def test_a_payer_can_be_declined(switch: Switch, kind: str, code: str, reason: str) -> None:
    line = await switch.signed_on()
    reference, alias = await switch.consented(kind)
    assert (await line.ask("0200", switch.request(reference, alias)))[39] == code
    order = await switch.order(reference)
    assert (order["state"], order["reason"], order["transaction_id"]) == ("declined", reason, "")


async def test_nobody_pays_more_than_they_have_or_may(tmp_path: Path, clock: SetClock) -> None:
    async with a_switch(tmp_path, clock, balance_paisa=100_000_000) as switch:
        line = await switch.signed_on()
        codes = []
        for amount in ("50000001", "50000000", "50000000", "1"):
            request = switch.request(*await switch.consented(amount=amount), DE4=amount.zfill(12))
            codes.append((await line.ask("0200", request))[39])
        assert codes == ["61", "00", "00", "51"]


async def test_a_day_has_a_limit_and_a_reversal_gives_it_back(tmp_path: Path, clock: SetClock) -> None:
    async with a_switch(tmp_path, clock) as janata:
        bank = janata.at("npsb")
        line = await bank.signed_on()

        async def code_of(amount: str) -> tuple[str, Fields]:
            request = bank.request(*await bank.consented(amount=amount), DE4=amount.zfill(12))
            return (await line.ask("0200", request))[39], request

        outcomes = [await code_of("30000000") for _ in range(4)]
        assert [code for code, _ in outcomes] == ["00", "00", "00", "61"]
        assert (await line.ask("0420", bank.reversal(outcomes[0][1])))[39] == "00"
        assert (await code_of("30000000"))[0] == "00"
        assert (await code_of("30000000"))[0] == "61"
        clock.advance(hours=10)
        assert (await code_of("30000000"))[0] == "00"


async def test_an_alias_is_good_for_one_request(switch: Switch) -> None:
    line = await switch.signed_on()
    reference, alias = await switch.consented()
    codes = [(await line.ask("0200", switch.request(reference, alias)))[39] for _ in range(2)]
    assert codes == ["00", "14"]
    assert (await switch.order(reference))["state"] == "paid"
    refused, alias = await switch.consented()
    codes = [
        (await line.ask("0200", switch.request(refused, alias, DE4=amount)))[39]
        for amount in ("000000000001", f"{AMOUNT:012d}")
    ]
    assert codes == ["13", "14"]


async def test_an_alias_is_good_for_ten_minutes(switch: Switch, clock: SetClock) -> None:
    line = await switch.signed_on()
    early, late = await switch.consented(), await switch.consented()
    clock.advance(seconds=599)
    assert (await line.ask("0200", switch.request(*early)))[39] == "00"
    clock.advance(seconds=1)
    assert (await line.ask("0200", switch.request(*late)))[39] == "54"
    order = await switch.order(late[0])
    assert (order["state"], order["reason"]) == ("expired", "expired")
    assert (await switch.order(early[0]))["state"] == "paid"


async def test_the_other_names_of_an_order_are_no_aliases(switch: Switch) -> None:
    line = await switch.signed_on()
    reference, _ = await switch.consented()
    order = await switch.order(reference)
    for name in (order["provider_reference"], order["page_token"]):
        assert (await line.ask("0200", switch.request(reference, name)))[39] == "14"
    assert (await switch.order(reference))["state"] == "agreed"


async def test_what_waits_for_its_reversal_is_open_to_no_other(switch: Switch) -> None:
    line = await switch.signed_on()
    reference, alias = await switch.consented("any_code", 96)
    request = switch.request(reference, alias)
    assert (await line.ask("0200", request))[39] == "96"
    # Neither another request of the same alias nor the reversal of another one ends it.
    other = switch.request(reference, alias)
    assert (await line.ask("0200", other))[39] == "14"
    never_sent = switch.request(reference, alias)
    assert (await line.ask("0420", switch.reversal(never_sent)))[39] == "25"
    assert (await switch.order(reference))["state"] == "agreed"
    assert (await line.ask("0420", switch.reversal(request)))[39] == "00"
    assert (await switch.order(reference))["state"] == "cancelled"


async def test_an_alias_of_one_bank_is_nothing_to_another(switch: Switch) -> None:
    agrani = switch.at("agrani")
    line = await agrani.signed_on()
    assert (await line.ask("0200", agrani.request(*await switch.consented())))[39] == "14"


# ---- bytes


async def test_several_messages_in_one_segment_are_answered_in_their_order(switch: Switch) -> None:
    line = await switch.signed_on()
    requests = [switch.request(*await switch.consented()) for _ in range(3)]
    await line.send_bytes(b"".join(frame(encode("0200", one, line.key)) for one in requests))
    told = [(await line.read()).fields for _ in requests]
    assert [(one[11], one[39]) for one in told] == [(one[11], "00") for one in requests]


async def test_a_message_may_come_byte_by_byte(switch: Switch) -> None:
    line = await switch.signed_on()
    request = switch.request(*await switch.consented())
    for byte in frame(encode("0200", request, line.key)):
        await line.send_bytes(bytes([byte]))
        await asyncio.sleep(0)
    assert (await line.read()).fields[39] == "00"


async def test_a_second_bitmap_that_says_nothing_is_read(switch: Switch) -> None:
    line = await switch.signed_on()
    request = switch.request(*await switch.consented())
    at_pan = switch.at("npsb")
    line = await at_pan.signed_on()
    request = at_pan.request(*await at_pan.consented())
    plain = encode("0200", request, b"\0" * 16)[:-8]
    bitmap = bytes([plain[4] | 0x80]) + plain[5:12]
    covered = plain[:4] + bitmap + bytes(8) + plain[12:]
    await line.send_bytes(frame(covered + mac_of(mac_key("npsb"), covered)))
    assert (await line.read()).fields[39] == "00"


async def test_a_wrong_mac_is_answered_by_nothing_and_ends_the_connection(switch: Switch) -> None:
    request = switch.request(*await switch.consented())
    for mti, fields in (("0200", request), ("0420", switch.reversal(request))):
        line = await switch.signed_on()
        await line.send(mti, fields, key=mac_key("agrani"))
        assert await line.is_over()
        line = await switch.signed_on()
        await line.send_bytes(frame(encode(mti, fields)))
        assert await line.is_over()
    assert (await switch.host())["counted"]["wrong_mac"] == 4
    assert (await switch.requests(), await switch.reversals()) == ([], [])
