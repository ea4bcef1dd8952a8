"""The effect of each fault on an exchange, a function each."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sandbox.network.proxy.exchange import Exchange, FarSideGoneError
from sandbox.network.proxy.faults import NetworkFault
from sandbox.network.proxy.framing import body_of

_HTML = b"<!doctype html><title>Proxy</title><p>The service is under maintenance.</p>"
PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: "
    + str(len(_HTML)).encode()
    + b"\r\n\r\n"
    + _HTML
)
"""The answer that replaces the far side's when a web page is served."""

_HIGH_BIT = 0x80


class FaultWaiting:
    """What a fault waits for: its seconds, or a hold until the release."""

    def __init__(self, seconds: float | None, hold: Callable[[], Awaitable[None]]) -> None:
        self.seconds = seconds or 0.0
        self.hold = hold


async def _reset_before(exchange: Exchange, _waiting: FaultWaiting) -> None:
    exchange.reset()


async def _reset_after(exchange: Exchange, _waiting: FaultWaiting) -> None:
    await exchange.answer_to(await exchange.request())
    exchange.reset()


async def _cut(exchange: Exchange, _waiting: FaultWaiting) -> None:
    await exchange.answer_to(await exchange.request())
    exchange.close()


async def _half_answer(exchange: Exchange, _waiting: FaultWaiting) -> None:
    answer = await exchange.answer_to(await exchange.request())
    exchange.reply(answer[: len(answer) // 2])
    exchange.close()


async def _half_close(exchange: Exchange, _waiting: FaultWaiting) -> None:
    exchange.reply(await exchange.answer_to(await exchange.request(), closing=True))
    # The far side will take no second request on this connection.
    exchange.close()


async def _black_hole_before(exchange: Exchange, _waiting: FaultWaiting) -> None:
    await exchange.wait_until_caller_gone()


async def _black_hole_after(exchange: Exchange, _waiting: FaultWaiting) -> None:
    await exchange.answer_to(await exchange.request())
    await exchange.wait_until_caller_gone()


async def _delay_request(exchange: Exchange, waiting: FaultWaiting) -> None:
    request = await exchange.request()
    await asyncio.sleep(waiting.seconds)
    exchange.reply(await exchange.answer_over_new_connection_to(request))


async def _hold_request(exchange: Exchange, waiting: FaultWaiting) -> None:
    request = await exchange.request()
    await waiting.hold()
    exchange.reply(await exchange.answer_over_new_connection_to(request))


async def _delay_answer(exchange: Exchange, waiting: FaultWaiting) -> None:
    answer = await exchange.answer_to(await exchange.request())
    await asyncio.sleep(waiting.seconds)
    exchange.reply(answer)


async def _corrupt(exchange: Exchange, _waiting: FaultWaiting) -> None:
    exchange.reply(corrupted(await exchange.answer_to(await exchange.request())))


async def _html(exchange: Exchange, _waiting: FaultWaiting) -> None:
    await exchange.answer_to(await exchange.request())
    exchange.reply(PAGE)


async def _html_before(exchange: Exchange, _waiting: FaultWaiting) -> None:
    await exchange.request()
    exchange.reply(PAGE)


async def _duplicate(exchange: Exchange, _waiting: FaultWaiting) -> None:
    request = await exchange.request()
    answer = await exchange.answer_to(request)
    with suppress(FarSideGoneError):
        await exchange.answer_over_new_connection_to(request)
    exchange.reply(answer)


async def _slow_drip(exchange: Exchange, waiting: FaultWaiting) -> None:
    answer = await exchange.answer_to(await exchange.request())
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    for position in range(len(answer)):
        due_at = began_at + waiting.seconds * (position + 1) / len(answer)
        await asyncio.sleep(due_at - loop.time())
        if not exchange.can_reply:
            return
        exchange.reply(answer[position : position + 1])


FAULT_EFFECTS: dict[NetworkFault, Callable[[Exchange, FaultWaiting], Awaitable[None]]] = {
    NetworkFault.RESET_BEFORE: _reset_before,
    NetworkFault.RESET_AFTER: _reset_after,
    NetworkFault.CUT: _cut,
    NetworkFault.HALF_ANSWER: _half_answer,
    NetworkFault.HALF_CLOSE: _half_close,
    NetworkFault.BLACK_HOLE_BEFORE: _black_hole_before,
    NetworkFault.BLACK_HOLE_AFTER: _black_hole_after,
    NetworkFault.DELAY_REQUEST: _delay_request,
    NetworkFault.HOLD_REQUEST: _hold_request,
    NetworkFault.DELAY_ANSWER: _delay_answer,
    NetworkFault.CORRUPT: _corrupt,
    NetworkFault.HTML: _html,
    NetworkFault.HTML_BEFORE: _html_before,
    NetworkFault.DUPLICATE: _duplicate,
    NetworkFault.SLOW_DRIP: _slow_drip,
}
"""Every fault but `refuse`, which acts before there is an exchange."""


def corrupted(answer: bytes) -> bytes:
    """The answer with one byte of its body changed; unchanged without a body."""
    body = body_of(answer)
    if not body:
        return answer
    position = body[len(body) // 2]
    return answer[:position] + bytes([answer[position] ^ _HIGH_BIT]) + answer[position + 1 :]
