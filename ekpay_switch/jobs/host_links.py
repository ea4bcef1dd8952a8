"""The job that keeps links to banks' hosts, in every process: the one with a link's lease keeps it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ekpay_switch import telemetry
from ekpay_switch.ports.connectors import Connector, KeepsLink

AGAIN_SECONDS = 1.0
# Time for outstanding answers and the sign-off.
LEAVE_SECONDS = 15.0


@asynccontextmanager
async def keep_host_links(connectors: Sequence[Connector]) -> AsyncIterator[None]:
    """Keep the links while the block runs, then end them, with sign-off where possible."""
    stop = asyncio.Event()
    keeping = asyncio.create_task(run_host_links(connectors, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait([keeping], timeout=LEAVE_SECONDS)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def run_host_links(connectors: Sequence[Connector], stop: asyncio.Event) -> None:
    """Keep every link that no other process keeps, until `stop` is set; links fail independently."""
    await asyncio.gather(
        *(
            _keep(connector.profile.id, connector, stop)
            for connector in connectors
            if isinstance(connector, KeepsLink)
        )
    )


async def _keep(connector_id: str, connector: KeepsLink, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await connector.keep_link(stop)
        except Exception as error:  # noqa: BLE001 - a database error must not end the link for good
            telemetry.count_error("host_link_failed", connector_id=connector_id, error=error)
        else:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), AGAIN_SECONDS)
