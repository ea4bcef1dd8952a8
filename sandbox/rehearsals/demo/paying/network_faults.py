"""Network faults between switch and billers, injected by the fault proxy one exchange at a time."""

from typing import Any, Self

from sandbox.network.proxy.faults import NetworkFault
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminCallRefusedError, PatientSession

PREFIX = "network"
"""Prefix of a network fault in the script."""

# Each leaves the switch with different partial knowledge; all of them end by themselves.
FAULTS = (
    NetworkFault.RESET_BEFORE, NetworkFault.RESET_AFTER, NetworkFault.CUT, NetworkFault.HALF_ANSWER,
    NetworkFault.BLACK_HOLE_BEFORE,
    NetworkFault.BLACK_HOLE_AFTER, NetworkFault.CORRUPT, NetworkFault.HTML, NetworkFault.HTML_BEFORE,
    NetworkFault.DUPLICATE,
)  # fmt: skip


class NetworkFaults:
    """Client of the proxy's control API; use it as an asynchronous context manager."""

    def __init__(self, control: str) -> None:
        """`control` is the base URL of the proxy's control API, such as http://127.0.0.1:8319."""
        self._control = control
        self._session = PatientSession()

    async def __aenter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def strike(self, far_side: str, fault: str, match: str, times: int | None = 1) -> None:
        """Set a fault for the next requests to a simulator that contain this text; None is all of them.

        Raises:
            AdminCallRefusedError: the proxy refused the order.
        """
        order = {"far_side": far_side, "fault": fault, "times": times, "match": match}
        await self._order("POST", "faults", json=order)

    async def lift(self, far_side: str) -> None:
        """Remove every fault set before a simulator; raises as `strike` does."""
        await self._order("DELETE", "faults", params={"far_side": far_side})

    async def release(self, far_side: str) -> None:
        """Let the requests arrive that are held before a simulator; raises as `strike` does."""
        await self._order("POST", "release", params={"far_side": far_side})

    async def _order(self, method: str, path: str, **order: Any) -> None:  # noqa: ANN401 - as aiohttp takes it
        async with self._session.request(method, f"{self._control}/{path}", **order) as answer:
            if not answer.ok:
                raise AdminCallRefusedError(await answer.text())
