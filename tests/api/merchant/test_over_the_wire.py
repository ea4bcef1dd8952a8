"""The merchant API over a real socket: the address that counts is that of the connection."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import uvicorn

from tests.api.merchant.merchant_api_setup import MALFORMED, NOBODY, Stall, without_member
from tests.scenarios.merchant_orders import an_order, as_bytes


@pytest.fixture
async def port(stall: Stall) -> AsyncIterator[int]:
    config = uvicorn.Config(
        stall.app, port=0, http="httptools", log_config=None, lifespan="off", proxy_headers=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - the server tells nobody when it is ready
            await asyncio.sleep(0.005)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def sent(port: int, request: bytes) -> tuple[int, bytes]:
    """The status and the body that a request is answered with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(20):
            writer.write(request)
            await writer.drain()
            head, _, body = (await reader.read(1_000_000)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return int(head.split(b" ")[1]), body


def a_request(body: bytes, *headers: str, path: str = "/ekpaypg/v1/merchant-api") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: s", "Connection: close", "Content-Type: application/json"]
    return "\r\n".join([*lines, *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body


async def test_a_server_is_known_by_the_address_it_calls_from(stall: Stall, port: int) -> None:
    request = a_request(as_bytes(an_order()), "X-Forwarded-For: 192.0.2.7")
    assert await sent(port, request) == (400, NOBODY)
    stall.market.add(replace(stall.market.shop, networks=("127.0.0.0/8",)))
    status, body = await sent(port, request)
    assert (status, json.loads(body)["msg_code"]) == (200, "1000")


async def test_what_is_no_order_is_refused_in_two_keys(port: int) -> None:
    status, body = await sent(port, a_request(b""))
    assert (status, without_member(body)) == (400, MALFORMED)
    status, body = await sent(port, a_request(b" " * 70_000))
    assert (status, MALFORMED in body) == (413, True)
    assert await sent(port, a_request(b"{}", path="/ekpaypg/v1/nothing")) == (404, MALFORMED)
