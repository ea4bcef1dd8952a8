"""Whether a process that was started answers yet."""

import aiohttp
from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, stop_after_delay, wait_fixed

# A busy machine takes minutes to start twelve processes.
_READY_SECONDS = 300.0
_POLL_SECONDS = 0.1


class NotReadyError(Exception):
    """A process was started and did not answer in time."""


async def wait_until_ready(url: str) -> None:
    """Wait until this address answers with HTTP 200.

    Raises:
        NotReadyError: it did not answer within five minutes.
    """
    tries = AsyncRetrying(
        retry=retry_if_exception_type((aiohttp.ClientError, TimeoutError)),
        stop=stop_after_delay(_READY_SECONDS),
        wait=wait_fixed(_POLL_SECONDS),
    )
    try:
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            async for attempt in tries:
                with attempt:
                    async with session.get(url):
                        return
    except RetryError:
        raise NotReadyError(f"{url} does not answer") from None
