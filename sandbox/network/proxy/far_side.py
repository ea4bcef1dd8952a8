"""The proxy before one far side: connections, armed faults, and the exchanges that they strike.

A dead far side must look to a caller as it would without a proxy. The first connection that cannot be
forwarded is reset, because it was accepted already; from then on the proxy's address refuses connections,
until the far side listens again.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

from sandbox.network.proxy.connection import Link
from sandbox.network.proxy.exchange import CallerGoneError, Exchange, FarSideAddress, FarSideGoneError
from sandbox.network.proxy.fault_effects import FAULT_EFFECTS, FaultWaiting
from sandbox.network.proxy.faults import OPENING_BYTES, FaultQueue, NetworkFault, NetworkFaultOrder
from sandbox.network.proxy.listener import Gate
from sandbox.network.proxy.traffic_counts import TrafficCounts

_LOCAL = "127.0.0.1"

# How often a far side that refused a connection is tried again.
_PROBE_SECONDS = 0.02
# A connection is idle when the far side has sent nothing for so long and the caller is next.
_IDLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """The proxy's address for a far side, port 0 being any free one, and the far side's own address."""

    listen_port: int
    to_port: int
    listen_host: str = _LOCAL
    to_host: str = _LOCAL


class ProxiedFarSide:
    """The proxy before one far side; the owner of its links."""

    def __init__(self, route: ProxyRoute) -> None:
        """Bind the address; connections are refused before it is opened.

        Raises:
            OSError: the address is taken.
        """
        self.address = FarSideAddress(route.to_host, route.to_port)
        self.tally = TrafficCounts()
        self.held_requests = 0
        self._faults = FaultQueue()
        self._gate = Gate(route.listen_host, route.listen_port, lambda: Link(self).caller)
        self._refusal: NetworkFaultOrder | None = None
        self._refusal_ends: asyncio.TimerHandle | None = None
        self._is_dead = False
        self._released = asyncio.Event()
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where the proxy listens."""
        return self._gate.port

    @property
    def is_listening(self) -> bool:
        """Whether connections are accepted now."""
        return self._gate.is_open

    def open(self) -> None:
        """Accept connections."""
        self._gate.open()

    async def close(self) -> None:
        """Accept no more, end every connection, and drop delayed and held requests."""
        self._forget_refusal()
        await self._gate.remove()
        tasks, links = list(self._tasks), list(self._links)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for link in links:
            link.drop()
        await asyncio.gather(*(link.closed for link in links))

    def arm(self, order: NetworkFaultOrder) -> None:
        """Arm a fault; a refusal begins at once and replaces an earlier one."""
        if order.fault is NetworkFault.REFUSE:
            self._refuse(order)
        else:
            self._faults.add(order)

    def lift(self) -> None:
        """Disarm all faults; running faults go on, and held requests stay held."""
        self._faults.clear()
        self._forget_refusal()
        self._set_gate()

    def release(self) -> int:
        """Forward the requests that are held, and return how many."""
        count, self.held_requests = self.held_requests, 0
        self._released.set()
        self._released = asyncio.Event()
        return count

    def listing(self) -> list[dict[str, object]]:
        """The armed faults, a refusal first."""
        refusal = [] if self._refusal is None else [self._refusal.model_dump(mode="json")]
        return refusal + self._faults.listing()

    def welcome(self, link: Link) -> None:
        """Connect a new caller's link to the far side."""
        self.tally.connections += 1
        self._links.add(link)
        self._start(self._join(link))

    def begin(self, link: Link, opening: bytes) -> None:
        """Forward the first bytes of an exchange, unless a fault may strike it."""
        if self._refusal is not None:
            link.close()
            return
        self.tally.count_exchange(opening)
        if self._faults.is_empty:
            link.far_side.send(opening)
            return
        exchange = Exchange(link, self.address, opening)
        link.captor = exchange
        self._start(self._apply_fault(exchange))

    def forget(self, link: Link) -> None:
        """Both connections of a link are gone."""
        self._links.discard(link)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, link: Link) -> None:
        try:
            await link.loop.create_connection(lambda: link.far_side, self.address.host, self.address.port)
        except OSError:
            if not self._is_dead:
                self._is_dead = True
                self._set_gate()
                self._start(self._await_far_side())
        finally:
            if link.far_side.is_open:
                link.join()
            else:
                link.give_up()

    async def _await_far_side(self) -> None:
        while self._is_dead:
            await asyncio.sleep(_PROBE_SECONDS)
            self._is_dead = not await _is_reachable(self.address)
        self._set_gate()

    async def _apply_fault(self, exchange: Exchange) -> None:
        opening = await exchange.opening(OPENING_BYTES) if self._faults.looks_inside else b""
        order = self._faults.take(opening)
        if order is None:
            exchange.forward_unchanged()
            return
        self.tally.struck[order.fault] += 1
        try:
            await FAULT_EFFECTS[order.fault](exchange, FaultWaiting(order.seconds, self._hold))
        except (CallerGoneError, FarSideGoneError):
            exchange.close()
        finally:
            exchange.end()
            if self._refusal is not None:
                exchange.close()

    async def _hold(self) -> None:
        self.held_requests += 1
        await self._released.wait()

    def _refuse(self, order: NetworkFaultOrder) -> None:
        self._forget_refusal()
        self._refusal = order
        if order.seconds is not None:
            loop = asyncio.get_running_loop()
            self._refusal_ends = loop.call_later(order.seconds, self._end_refusal)
        self._set_gate()
        self._close_idle(order)

    def _close_idle(self, refusal: NetworkFaultOrder) -> None:
        if self._refusal is not refusal:
            return
        loop = asyncio.get_running_loop()
        idle_since = loop.time() - _IDLE_SECONDS
        for link in list(self._links):
            if link.is_joined and link.is_at_rest and link.answered_at <= idle_since:
                link.close()
        loop.call_later(_IDLE_SECONDS, self._close_idle, refusal)

    def _end_refusal(self) -> None:
        self._forget_refusal()
        self._set_gate()

    def _forget_refusal(self) -> None:
        self._refusal = None
        if self._refusal_ends is not None:
            self._refusal_ends.cancel()
            self._refusal_ends = None

    def _set_gate(self) -> None:
        if self._refusal is None and not self._is_dead:
            self._gate.open()
        else:
            self._gate.shut()


async def _is_reachable(address: FarSideAddress) -> bool:
    try:
        _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    return True
