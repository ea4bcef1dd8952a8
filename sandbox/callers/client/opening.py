"""Creating a payment and waiting for its page, however slow the switch is (docs/rest-v1.md)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sandbox.callers.client.client import ApiClient, RefusedError
from sandbox.callers.client.messages import PENDING, ApiOrder, ApiPayment, new_key

PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.25

Answer = TypeVar("Answer")


async def open_payment(
    client: ApiClient, order: ApiOrder, *, patience_seconds: float = PATIENCE_SECONDS
) -> ApiPayment:
    """Create a payment, by the same key again while the switch is busy, and wait until its page is open.

    Returns:
        The payment; its `page_url` is None where no page was opened within `patience_seconds`.

    Raises:
        RefusedError: the order is refused, or the switch was busy for all that time.
        aiohttp.ClientError: no answer came.
        TimeoutError: likewise.
    """
    key = new_key()
    created = await _repeat_while_busy(lambda: client.create(order, key), patience_seconds)
    return await await_page(client, created.payment, patience_seconds=patience_seconds)


async def await_page(
    client: ApiClient, payment: ApiPayment, *, patience_seconds: float = PATIENCE_SECONDS
) -> ApiPayment:
    """The payment once its page is open, or as it is when it has ended or `patience_seconds` are over.

    Raises:
        RefusedError: it may not be read, or the switch was busy for all that time.
        aiohttp.ClientError: no answer came.
        TimeoutError: likewise.
    """
    loop, payment_id = asyncio.get_running_loop(), payment.id
    give_up_at = loop.time() + patience_seconds
    while payment.page_url is None and payment.status == PENDING and loop.time() < give_up_at:
        await asyncio.sleep(_PAUSE_SECONDS)
        payment = await _repeat_while_busy(lambda: client.get(payment_id), patience_seconds)
    return payment


async def _repeat_while_busy(call: Callable[[], Awaitable[Answer]], patience_seconds: float) -> Answer:
    """The answer to a call that may be repeated, sent again while it is refused with `retryable`."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + patience_seconds
    while True:
        try:
            return await call()
        except RefusedError as refused:
            if not refused.problem.is_retryable or loop.time() >= give_up_at:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)
