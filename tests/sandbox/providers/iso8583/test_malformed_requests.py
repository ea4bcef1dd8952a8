"""Whatever is sent to a host, it answers in its own words or hangs up, and never breaks or moves money."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.pages import PageVisit
from sandbox.providers.iso8583 import consent_page as consent
from sandbox.providers.iso8583.codec import FORMS, decode, encode, frame
from sandbox.providers.iso8583.family import HostsFamily
from sandbox.providers.iso8583.host import Host, LinkState
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.iso8583.caller import Switch, a_switch, host_settings, mac_key

MTIS = ("0200", "0420", "0421", "0800", "0810", "0210", "0220", "0100", "1200", "0500")
DIGITS = st.text("0123456789", max_size=42)
FIELDS = st.dictionaries(st.sampled_from(sorted(FORMS)), DIGITS | st.text("AZaz 09|", max_size=28))


@pytest.fixture(scope="module")
def institution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostsFamily]:
    opened = HostsFamily.open(host_settings(tmp_path_factory.mktemp("hosts")), Clock(SetClock().now))
    yield opened
    opened.close()


@pytest.fixture
async def switch(tmp_path: Path, clock: SetClock) -> AsyncIterator[Switch]:
    async with a_switch(tmp_path, clock) as opened:
        yield opened


def the_host(institution: HostsFamily) -> Host:
    return institution.hosts["janata"]


def written(mti: str, fields: dict[int, str]) -> bytes | None:
    try:
        return encode(mti, fields, mac_key("janata"))
    except ValueError:
        return None


@given(content=st.binary(max_size=300), is_signed_on=st.booleans())
def test_any_bytes_end_the_connection(
    institution: HostsFamily, content: bytes, *, is_signed_on: bool
) -> None:
    host = the_host(institution)
    before = host.counted["unreadable"] + host.counted["wrong_mac"]
    assert host.receive(LinkState(is_signed_on), content) is None
    assert host.counted["unreadable"] + host.counted["wrong_mac"] == before + 1


@given(mti=st.sampled_from(MTIS), fields=FIELDS, is_signed_on=st.booleans())
def test_any_sealed_message_is_answered_or_ends_the_connection(
    institution: HostsFamily, mti: str, fields: dict[int, str], *, is_signed_on: bool
) -> None:
    content = written(mti, fields)
    if content is None:
        return
    told = the_host(institution).receive(LinkState(is_signed_on), content)
    is_spoken = mti in {"0200", "0420", "0421"} or (mti == "0800" and {7, 11, 70} <= fields.keys())
    assert (told is not None) is is_spoken
    for answer in told or []:
        read = decode(answer.content)
        assert read.mti == {"0200": "0210", "0800": "0810"}.get(mti, "0430")
        assert read.fields[39] != "00" or mti == "0800"
    assert list(institution.book.orders_of("janata")) == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x03\xe9",  # a length of 1,001
        b"\xff\xff",
        b"\0\0",
        frame(b""),
        frame(b"GET / HTTP/1.1\r\n\r\n"),
        frame(encode("0800", {7: "0310060000", 11: "000001"})),
        frame(encode("0220", {3: "500000"}, mac_key("janata"))),
        frame(encode("0210", {39: "00"}, mac_key("janata"))),
    ],
)
async def test_what_cannot_be_read_ends_the_connection_and_is_counted(switch: Switch, sent: bytes) -> None:
    line = await switch.signed_on()
    # What comes behind it is not looked at any more.
    await line.send_bytes(sent + frame(encode("0800", {7: "0310060000", 11: "000001", 70: "301"})))
    assert await line.is_over()
    host = await switch.host()
    assert (host["links"], host["counted"]["unreadable"]) == (0, 1)
    assert (await (await switch.signed_on()).network("301"))[39] == "00"


async def test_a_message_of_a_thousand_bytes_is_read(switch: Switch) -> None:
    line = await switch.signed_on()
    request = switch.request(*await switch.consented())
    room = 1_000 - len(encode("0200", request | {62: ""}, line.key))
    assert (await line.ask("0200", request | {62: "x" * room}))[39] == "00"


async def test_half_a_message_is_waited_for_and_then_forgotten(switch: Switch) -> None:
    line = await switch.signed_on()
    content = frame(encode("0200", switch.request(*await switch.consented()), line.key))
    await line.send_bytes(content[:-1])
    assert await line.is_silent()
    await line.close()
    await switch.until_links(0)
    assert await switch.requests() == []


async def test_one_connections_rubbish_is_no_other_ones(switch: Switch) -> None:
    line, other = await switch.signed_on(), await switch.signed_on()
    await line.send_bytes(b"\xff" * 50)
    assert await line.is_over()
    assert (await switch.paid(other))[1][39] == "00"


async def test_an_answer_to_nobody_is_lost_and_nothing_breaks(switch: Switch) -> None:
    await switch.fault("slow", "request")
    line = await switch.signed_on()
    request = switch.request(*await switch.consented())
    await line.send("0200", request)
    await line.close()
    await switch.until_links(0)
    await asyncio.sleep(0.4)
    assert (await switch.order(request[48]))["state"] == "paid"


@pytest.mark.parametrize("path", ["faults", "habits", "drop", "confirm", "push"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"nothing":1}', b'{"house":"sonali"}'])
async def test_an_order_to_the_desk_that_cannot_be_read_is_400(
    switch: Switch, path: str, body: bytes
) -> None:
    async with switch.session.post(f"{switch.origin}/_admin/{path}", data=body) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("question", ["requests", "reversals", "totals", "calls", "payers"])
async def test_a_question_about_no_house_is_400(switch: Switch, question: str) -> None:
    async with switch.session.get(f"{switch.origin}/_admin/{question}?house=sonali") as answer:
        assert answer.status == 400


@given(query=st.dictionaries(st.sampled_from(["order", "amount", "sign", "return"]), st.text(max_size=40)))
def test_any_link_is_refused_and_opens_nothing(institution: HostsFamily, query: dict[str, str]) -> None:
    visit = PageVisit("GET", query, {}, {})
    found = consent.open_order_of_link(institution.providers["janata"], visit)
    assert getattr(found, "start", {}).get("status") == 403
    assert list(institution.book.orders_of("janata")) == []
