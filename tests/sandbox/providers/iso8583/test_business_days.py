"""Business days of the hosts, their settlement files, and where a switch finds them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.kit.provider.switch_environment import settings_for_switch
from sandbox.providers.iso8583.family import HostsFamily
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.iso8583.caller import AMOUNT, HOUSES, Switch, a_switch, mac_key


@pytest.fixture
async def switch(tmp_path: Path, clock: SetClock) -> AsyncIterator[Switch]:
    async with a_switch(tmp_path, clock) as opened:
        yield opened


async def test_the_business_day_turns_at_the_hosts_own_hour(switch: Switch, clock: SetClock) -> None:
    line = await switch.signed_on()
    assert (await switch.paid(line))[1][15] == "0310"
    clock.advance(hours=10, seconds=-1)
    assert (await switch.paid(line))[1][15] == "0310"
    clock.advance(seconds=1)
    request, told = await switch.paid(line)
    assert (request[13], told[15]) == ("0310", "0311")
    await switch.habits(cut_over_hour=23)
    assert (await switch.paid(line))[1][15] == "0310"
    assert (await switch.host())["business_day"] == "2026-03-10"


async def test_the_file_of_a_day_tells_what_was_posted_and_what_was_reversed(
    switch: Switch, clock: SetClock
) -> None:
    line = await switch.signed_on()
    kept, told = await switch.paid(line)
    back, _ = await switch.paid(line)
    await switch.paid(line, "declined")
    await line.ask("0420", switch.reversal(back))
    clock.advance(hours=11)
    tomorrow, _ = await switch.paid(line)
    rows, trailer = await switch.file()
    assert trailer == ["TRAILER", "2", str(AMOUNT)]
    assert [(row["DE11"], row["reversed"]) for row in rows] == [(kept[11], "N"), (back[11], "Y")]
    row = rows[0]
    sent = {f"DE{number}": kept[number] for number in (3, 4, 7, 11, 12, 13, 32, 37)}
    assert {name: row[name] for name in sent} == sent
    assert (row["MTI"], row["DE15"], row["DE38"], row["DE39"]) == ("0200", "0310", told[38], "00")
    assert (row["fee"], rows[1]["fee"]) == ("625", "0")
    assert row["DE2"] == f"{kept[102][:3]}{'*' * 13}{kept[102][-4:]}"
    (row,), trailer = await switch.file("2026-03-11")
    assert (row["DE11"], row["DE15"], trailer) == (tomorrow[11], "0311", ["TRAILER", "1", str(AMOUNT)])


@pytest.mark.parametrize(
    ("wrong", "count", "names"),
    [
        ("missing_row", "0", []),
        ("extra_row", "2", ["DE37", "DE38"]),
        ("duplicate_row", "2", []),
        ("other_amount", "1", ["DE4"]),
        ("other_fee", "1", ["fee"]),
        ("next_day", "1", ["DE15"]),
        ("wrong_trailer", "0", []),
    ],
)
async def test_a_file_can_have_one_thing_wrong(
    switch: Switch, wrong: str, count: str, names: list[str]
) -> None:
    line = await switch.signed_on()
    await switch.paid(line)
    (right,), _ = await switch.file()
    rows, trailer = await switch.file(more=f"&wrong={wrong}")
    assert trailer[1] == count
    differing = {name for row in rows for name in row if row[name] != right[name]}
    assert differing == set(names)


async def test_a_switch_is_told_where_the_hosts_are_and_what_it_shares_with_them() -> None:
    told = settings_for_switch([HostsFamily], {"iso8583": "http://127.0.0.1:8207"}, "unused")
    assert told["EKPAY_JANATA_URL"] == "http://127.0.0.1:8207/janata"
    assert [told[f"EKPAY_{house.upper()}_HOST"] for house in HOUSES] == [
        f"127.0.0.1:{port}" for port in range(8211, 8218)
    ]
    assert told["EKPAY_NPSB_MAC_KEY"] == mac_key("npsb").hex().upper()
    assert told["EKPAY_NPSB_CONSENT_SECRET"] == "sandbox-consent-npsb"
    assert len(told) == 4 * len(HOUSES)
    elsewhere = HostsFamily.host_port_variables({"janata": 9})
    assert elsewhere == {
        "EKPAY_SANDBOX_GATEWAY_HOST_PORTS": '{"janata": 9}',
        "EKPAY_JANATA_HOST": "127.0.0.1:9",
    }
