"""REST v1 over a real socket, called by a shop's own client that was written from the contract alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import uvicorn

from sandbox.callers.client.client import ApiClient, RefusedError
from sandbox.callers.client.messages import ApiOrder, RefundOrder
from tests.api.v1.v1_setup import NO_PAYMENT, PAYMENTS, SHOP_KEY, Till, a_key, an_order, as_bytes
from tests.factories import BILL_NO, TOTAL
from tests.scenarios.job_rounds import collect_due

ORDER = ApiOrder("b025", {"bill_no": BILL_NO}, TOTAL, "https://shop.example/done?order=7")


@dataclass
class Line:
    """The switch on a loopback port."""

    till: Till
    port: int

    async def raw(self, sent: bytes) -> bytes:
        """Everything that comes back until the line is closed; empty when it was cut."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(20):
                writer.write(sent)
                await writer.drain()
                return await reader.read(1_000_000)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    def post(self, body: bytes, *headers: str) -> bytes:
        """A request as its bytes."""
        lines = [f"POST {PAYMENTS} HTTP/1.1", "Host: s", f"Authorization: Bearer {SHOP_KEY}", *headers]
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body


@pytest.fixture
async def line(till: Till) -> AsyncIterator[Line]:
    config = uvicorn.Config(till.app, port=0, http="httptools", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - the server tells nobody when it is ready
            await asyncio.sleep(0.005)
    yield Line(till, server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    await serving


@pytest.fixture
async def client(line: Line) -> AsyncIterator[ApiClient]:
    async with ApiClient(f"http://127.0.0.1:{line.port}", SHOP_KEY) as client:
        yield client


async def test_a_payment_from_the_order_to_the_refund(line: Line, client: ApiClient) -> None:
    key = a_key()
    made = await client.create(ORDER, key)
    assert (made.is_repeat, made.payment.status) == (False, "pending")
    assert made.payment.page_url == "https://bkash.example/pay/P1"
    line.till.page().is_agreed = True
    await line.till.comes_back()
    await collect_due(line.till.small.world)
    paid = await client.get(made.payment.id)
    assert (paid.status, paid.page_url) == ("paid", None)
    wish, refund_key = RefundOrder(TOTAL, "paid for the wrong meter"), a_key()
    first = await client.refund(paid.id, wish, refund_key)
    again = await client.refund(paid.id, wish, refund_key)
    assert (first.is_repeat, again.is_repeat, first.refund.id) == (False, True, again.refund.id)
    repeat = await client.create(ORDER, key)
    assert (repeat.is_repeat, repeat.payment.status, repeat.payment.refunded) == (True, "paid", TOTAL)


async def test_another_page_and_a_cancellation(client: ApiClient) -> None:
    made = await client.create(ORDER, a_key())
    other = await client.try_again(made.payment.id)
    assert other.page_url != made.payment.page_url
    assert (await client.cancel(other.id)).reason == "cancelled"


async def test_the_client_reads_every_refusal(line: Line, client: ApiClient) -> None:
    made = await client.create(ORDER, a_key())
    with pytest.raises(RefusedError) as held:
        await client.create(ORDER, a_key())
    with pytest.raises(RefusedError) as missing:
        await client.get(NO_PAYMENT)
    with pytest.raises(RefusedError) as malformed:
        await client.create(ApiOrder("b025", {"BILL": "1"}, 0, "javascript:1"), a_key())
    with pytest.raises(RefusedError) as stranger:
        async with ApiClient(f"http://127.0.0.1:{line.port}", "sk_nobody") as nobody:
            await nobody.get(made.payment.id)
    assert held.value.problem.payment_id == made.payment.id
    assert malformed.value.problem.errors == (("/parameters", "malformed"), ("/amount", "out_of_range"))
    assert [one.value.problem.code for one in (held, missing, malformed, stranger)] == [
        "bill_already_in_progress",
        "not_found",
        "validation_failed",
        "unauthenticated",
    ]


async def test_a_caller_that_hangs_up_has_its_payment_all_the_same(line: Line, client: ApiClient) -> None:
    till, key = line.till, a_key()
    gate = till.small.biller.gate = asyncio.Event()
    _, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(line.post(as_bytes(ORDER.document()), f"Idempotency-Key: {key}"))
    await till.has_asked_for_bills(1)
    writer.transport.abort()
    await asyncio.sleep(0.01)
    gate.set()
    await till.v1.tasks.drain(10.0)
    assert (await client.create(ORDER, key)).is_repeat
    assert len(till.small.connector.orders) == 1


async def test_fifty_megabytes_are_refused_and_the_line_stays_good(line: Line, client: ApiClient) -> None:
    answer = await line.raw(line.post(b"[" * 50 * 2**20, f"Idempotency-Key: {a_key()}"))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
    assert (await client.create(ORDER, a_key())).payment.status == "pending"


@pytest.mark.parametrize("key", ["k" * 16 + "\r\nX-More: 1", "k" * 16 + "\n", "k\0" * 16])
async def test_a_key_that_breaks_its_line_makes_no_second_header(line: Line, key: str) -> None:
    answer = await line.raw(line.post(as_bytes(an_order()), f'Idempotency-Key: "{key}', "Connection: close"))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert line.till.small.tables.collections == {}
