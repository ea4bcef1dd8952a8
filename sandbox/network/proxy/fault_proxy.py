"""The whole proxy: several far sides behind addresses of their own, under one control."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from sandbox.network.proxy.far_side import ProxiedFarSide, ProxyRoute
from sandbox.network.proxy.faults import NetworkFault, NetworkFaultOrder


class UnknownFarSideError(Exception):
    """There is no far side of this name."""


class FaultProxy:
    """Proxies every far side of `routes` while it is entered; addresses are IPv4, times seconds.

    Leaving it ends all connections and drops delayed and held requests. It belongs to one event loop.
    """

    def __init__(self, routes: Mapping[str, ProxyRoute]) -> None:
        """Nothing is bound yet."""
        self._routes = dict(routes)
        self._far_sides: dict[str, ProxiedFarSide] = {}
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: one of the addresses is taken; then none stays bound.
        """
        async with AsyncExitStack() as stack:
            for name, route in self._routes.items():
                far_side = self._far_sides[name] = ProxiedFarSide(route)
                stack.push_async_callback(far_side.close)
            for far_side in self._far_sides.values():
                far_side.open()
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        await self._closing.aclose()

    def port(self, far_side: str) -> int:
        """Where the proxy listens for this far side."""
        return self._far_side(far_side).port

    def set(
        self,
        far_side: str,
        fault: NetworkFault,
        *,
        times: int | None = None,
        seconds: float | None = None,
        match: str | None = None,
        also: str | None = None,
    ) -> None:
        """Arm a fault; see `NetworkFaultOrder` for what the arguments mean.

        Raises:
            UnknownFarSideError: there is no far side of this name.
            pydantic.ValidationError: the arguments contradict each other.
        """
        self.arm(
            NetworkFaultOrder(
                far_side=far_side, fault=fault, times=times, seconds=seconds, match=match, also=also
            )
        )

    def arm(self, order: NetworkFaultOrder) -> None:
        """Queue an order at its far side; a refusal is in force when this returns.

        Raises:
            UnknownFarSideError: nobody of that name is here.
        """
        self._far_side(order.far_side).arm(order)

    def lift(self, far_side: str | None = None) -> None:
        """Disarm one far side or all; callers are accepted again when this returns. Held requests stay held.

        Raises:
            UnknownFarSideError: nobody of that name is here.
        """
        for side in self._selected(far_side):
            side.lift()

    def release(self, far_side: str | None = None) -> int:
        """Forward the held requests of one far side or of all, and return how many.

        Raises:
            UnknownFarSideError: nobody of that name is here.
        """
        return sum(side.release() for side in self._selected(far_side))

    def faults(self) -> dict[str, object]:
        """The armed faults in order, and how many requests are held."""
        armed = [line for far_side in self._far_sides.values() for line in far_side.listing()]
        return {"faults": armed, "held": {name: side.held_requests for name, side in self._far_sides.items()}}

    def statistics(self) -> dict[str, object]:
        """The traffic and the faults since the start, for each far side."""
        return {"far_sides": {name: side.tally.listing() for name, side in self._far_sides.items()}}

    def health(self) -> dict[str, object]:
        """The ports of each far side, and whether connections to it are accepted now."""
        return {
            "status": "ok",
            "far_sides": {
                name: {"port": side.port, "to_port": side.address.port, "is_listening": side.is_listening}
                for name, side in self._far_sides.items()
            },
        }

    def _far_side(self, name: str) -> ProxiedFarSide:
        try:
            return self._far_sides[name]
        except KeyError:
            raise UnknownFarSideError(name) from None

    def _selected(self, name: str | None) -> list[ProxiedFarSide]:
        return list(self._far_sides.values()) if name is None else [self._far_side(name)]
