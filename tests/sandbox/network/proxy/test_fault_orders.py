"""Which exchange an order strikes, and which orders are none."""

import asyncio

import pytest
from pydantic import ValidationError

from sandbox.network.proxy.fault_proxy import FaultProxy, UnknownFarSideError
from sandbox.network.proxy.faults import FaultQueue, NetworkFault, NetworkFaultOrder
from tests.sandbox.network.proxy.test_pass_through import (
    Caller,
    EchoFarSide,
    LineFarSide,
    before,
    calling,
    read_to_the_end,
)

LOGIN = "/desco/api/login"
PAGE_START = b"<!doctype html>"


async def kind_of_answer(caller: Caller, body: bytes = b"{}", path: str = "/desco/api/payment") -> str:
    answer = await caller.ask(body, path)
    if answer == body:
        return "plain"
    return "page" if answer.startswith(PAGE_START) else "spoiled"


async def test_an_order_strikes_as_often_as_it_says() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HTML, times=2)
        assert [await kind_of_answer(caller) for _ in range(3)] == ["page", "page", "plain"]
        assert proxy.faults()["faults"] == []


async def test_an_order_without_times_strikes_until_it_is_lifted() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HTML)
        assert [await kind_of_answer(caller) for _ in range(5)] == ["page"] * 5
        proxy.lift()
        assert await kind_of_answer(caller) == "plain"


async def test_orders_strike_in_the_order_in_which_they_were_given() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.CORRUPT, times=1)
        proxy.set("far", NetworkFault.HTML_BEFORE, times=1)
        assert [await kind_of_answer(caller) for _ in range(3)] == ["spoiled", "page", "plain"]


async def test_only_requests_with_the_text_are_struck() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HTML, times=1, match="/payment ")
        assert await kind_of_answer(caller, path=LOGIN) == "plain"
        assert await kind_of_answer(caller, path="/desco/api/payment-status") == "plain"
        assert await kind_of_answer(caller) == "page"
        assert await kind_of_answer(caller) == "plain"


async def test_where_two_texts_are_wanted_only_requests_with_both_are_struck() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HTML, match="94000001", also="/payment ")
        assert await kind_of_answer(caller, b"94000001", path="/desco/api/payment-status") == "plain"
        assert await kind_of_answer(caller, b"94000002") == "plain"
        assert await kind_of_answer(caller, b"94000001") == "page"


async def test_the_text_is_found_in_a_body_that_comes_after_its_head() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HTML, match="94000001")
        for piece in (b"POST / HTTP/1.1\r\nContent-", b"Length: 10\r\n\r\n94", b"00000", b"1  "):
            caller.writer.write(piece)
            await caller.writer.drain()
            # So that each piece is read by itself; nothing depends on it.
            await asyncio.sleep(0.02)
        assert (await caller.answer()).startswith(PAGE_START)


async def test_the_text_is_not_looked_for_beyond_the_first_512_bytes() -> None:
    async with before(EchoFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HTML, match="needle")
        assert await kind_of_answer(caller, b" " * 600 + b"needle") == "plain"
        assert await kind_of_answer(caller, b" " * 300 + b"needle") == "page"


async def test_a_request_that_is_no_http_is_looked_at_as_well() -> None:
    async with before(LineFarSide().serve) as proxy, calling(proxy.port("far")) as caller:
        await caller.reader.readline()
        proxy.set("far", NetworkFault.HTML_BEFORE, times=1, match="pay")
        caller.writer.write(b"\x00sign on\n")
        assert await caller.reader.readline() == b"\x00SIGN ON\n"
        caller.writer.write(b"\x00pay\n")
        assert await caller.reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_a_greeting_is_not_lost_while_a_request_is_looked_at() -> None:
    async with before(LineFarSide().serve) as proxy:
        proxy.set("far", NetworkFault.HTML, match="nobody says this")
        async with calling(proxy.port("far")) as caller:
            caller.writer.write(b"\x00pay\n")
            assert await caller.reader.readexactly(12) == b"\x00ready\n\x00PAY\n"


async def test_the_end_of_a_request_that_was_looked_at_is_passed_on() -> None:
    async with before(read_to_the_end) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HTML, match="nobody says this")
        caller.writer.write(b"\x00pay")
        caller.writer.write_eof()
        assert await caller.end() == b"\x00PAY"


async def test_a_caller_that_waits_for_leave_is_not_held_up_by_an_order_for_others() -> None:
    async def give_leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.write(await reader.readexactly(4))
        writer.close()

    async with before(give_leave) as proxy, calling(proxy.port("far")) as caller:
        proxy.set("far", NetworkFault.HTML, match="/payment ")
        caller.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        await caller.reader.readuntil(b"\r\n\r\n")
        caller.writer.write(b"body")
        assert await caller.end() == b"body"


def an_order(**changes: object) -> NetworkFaultOrder:
    return NetworkFaultOrder.model_validate({"far_side": "far", "fault": NetworkFault.CUT} | changes)


def test_a_later_order_that_fits_strikes_before_an_earlier_one_that_does_not() -> None:
    queue = FaultQueue()
    queue.add(an_order(match="/payment "))
    queue.add(an_order(fault=NetworkFault.HTML))
    taken = [queue.take(opening) for opening in (b"POST /login ", b"POST /payment ")]
    assert [order.fault for order in taken if order] == [NetworkFault.HTML, NetworkFault.CUT]


def test_the_listing_tells_how_often_an_order_will_still_strike() -> None:
    queue = FaultQueue()
    queue.add(an_order(times=3))
    queue.take(b"")
    assert queue.listing() == [
        {"far_side": "far", "fault": "cut", "times": 2, "seconds": None, "match": None, "also": None}
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"fault": "cut_"}, "fault"),
        ({"times": 0}, "times"),
        ({"times": True}, "times"),
        ({"times": 1.5}, "times"),
        ({"fault": NetworkFault.REFUSE, "times": 1}, "times"),
        ({"fault": NetworkFault.REFUSE, "match": "x"}, "match"),
        ({"fault": NetworkFault.REFUSE, "also": "x"}, "also"),
        ({"fault": NetworkFault.DELAY_ANSWER}, "seconds"),
        ({"fault": NetworkFault.SLOW_DRIP, "seconds": 0}, "seconds"),
        ({"fault": NetworkFault.DELAY_REQUEST, "seconds": float("nan")}, "seconds"),
        ({"fault": NetworkFault.DELAY_REQUEST, "seconds": 86_401}, "seconds"),
        ({"seconds": 1}, "seconds"),
        ({"match": ""}, "match"),
        ({"match": "x" * 513}, "match"),
        ({"far_side": ""}, "far_side"),
        ({"far_side": None}, "far_side"),
        ({"other": 1}, "other"),
    ],
)
def test_an_order_that_means_nothing_is_refused_by_the_name_of_its_field(
    changes: dict[str, object], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        an_order(**changes)
    assert {str(error["loc"][0]) for error in refused.value.errors()} == {field}


async def test_an_order_for_nobody_is_refused() -> None:
    async with FaultProxy({}) as proxy:
        with pytest.raises(UnknownFarSideError):
            proxy.set("far", NetworkFault.CUT)
        with pytest.raises(UnknownFarSideError):
            proxy.lift("far")
        with pytest.raises(UnknownFarSideError):
            proxy.release("far")
