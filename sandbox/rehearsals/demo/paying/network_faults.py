"""The network between switch and billers, as the fault proxy spoils it: one exchange at a time."""

from typing import Self

import aiohttp

from sandbox.network.proxy.faults import Fault
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminCallRefusedError

PREFIX = "network"
"""Stands before a fault of the network, as the script names it."""

# Each leaves the switch with another half of the truth; none of them waits for somebody to lift it.
FAULTS = (
    Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.CUT, Fault.HALF_ANSWER, Fault.BLACK_HOLE_BEFORE,
    Fault.BLACK_HOLE_AFTER, Fault.CORRUPT, Fault.HTML, Fault.HTML_BEFORE, Fault.DUPLICATE,
)  # fmt: skip

_CALL_SECONDS = 30.0


class NetworkFaults:
    """Gives orders to the proxy; use it as an asynchronous context manager."""

    def __init__(self, control: str) -> None:
        """`control` is where the proxy takes orders, such as http://127.0.0.1:8319."""
        self._control = control
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_CALL_SECONDS))

    async def __aenter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def strike(self, far_side: str, fault: str, match: str) -> None:
        """Let a fault strike the next request to a far side that holds this text.

        Raises:
            DeskClosedError: the proxy refused the order.
        """
        order = {"far_side": far_side, "fault": fault, "times": 1, "match": match}
        async with self._session.post(f"{self._control}/faults", json=order) as answer:
            if not answer.ok:
                raise AdminCallRefusedError(await answer.text())
