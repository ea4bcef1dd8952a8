"""Who keeps a link: one process of all, under a lease, with one connection (docs/adr/0037).

What may surprise: the owner's own process has no shorter way to the host than any other. Every request is a
row that was handed over, and nothing is written under a lease whose time has passed on our own clock.
"""

import asyncio
import os
import platform

from connectors.families.iso8583.host import HeldLease, Host, LinkTimes, first_of
from connectors.families.iso8583.session import Session
from ekpay_switch import telemetry
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.ports.world import Clock, NotSent

# Not divided where a demo runs faster than life: the machine under it does not.
LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
_BACK_OFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
_BACK_OFF_SECONDS_MIN = 0.2


class LinkOwner:
    """Keeps the link to one host whenever nobody else does."""

    def __init__(self, host: Host, ports: HostPorts, clock: Clock) -> None:
        self._host = host
        self._ports = ports
        self._clock = clock
        self._times = LinkTimes.of(host)
        self._has_told_down = False

    async def keep(self, stop: asyncio.Event) -> None:
        """Take the lease when it is free, and keep it; given back on the way out."""
        holder = f"{platform.node()}:{os.getpid()}"
        while not stop.is_set():
            asked_at = self._clock.monotonic()
            lease = await self._ports.links.lease(self._host.connector_id, holder, LEASE_SECONDS)
            if lease is None:
                await first_of(stop.wait(), asyncio.sleep(RENEW_SECONDS))
                continue
            held = HeldLease(lease, asked_at + LEASE_SECONDS)
            renewing = asyncio.create_task(self._renew(held))
            try:
                await self._own(held, stop)
            finally:
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)
                await self._ports.links.release(lease)

    async def _renew(self, held: HeldLease) -> None:
        """Keep the lease; whatever goes wrong, what is held is held until its last moment and no longer."""
        try:
            while True:
                await asyncio.sleep(RENEW_SECONDS)
                asked_at = self._clock.monotonic()
                if not await self._ports.links.renew(held.lease, LEASE_SECONDS):
                    telemetry.log_warning("host_link_lease_lost", connector_id=self._host.connector_id)
                    return
                held.until = asked_at + LEASE_SECONDS
        finally:
            held.lost.set()

    async def _own(self, held: HeldLease, stop: asyncio.Event) -> None:
        """Connect, and connect again after a while whenever the connection ends."""
        # Whoever kept the link before has lost its lease and its connection with it.
        await self._ports.links.lose(held.lease)
        failures = 0
        while not stop.is_set() and not held.lost.is_set():
            was_signed_on = await self._connect(held, stop)
            failures = 0 if was_signed_on else failures + 1
            seconds = _BACK_OFF_SECONDS[min(failures, len(_BACK_OFF_SECONDS) - 1)] / self._host.divisor
            if not stop.is_set():
                pause = asyncio.sleep(max(seconds, _BACK_OFF_SECONDS_MIN))
                await first_of(stop.wait(), held.lost.wait(), pause)

    async def _connect(self, held: HeldLease, stop: asyncio.Event) -> bool:
        """One connection from its first to its last moment; whether the host let us in."""
        line = await self._ports.lines.open(self._host.address, self._times.connect)
        if isinstance(line, NotSent):
            self._tell_down(line.why)
            return False
        session = Session(self._host, self._ports, self._clock, held, line)
        try:
            why = await session.run(stop)
        finally:
            telemetry.HOST_LINK_UP.labels(self._host.connector_id).set(0)
            await line.close()
            await self._ports.links.lose(held.lease)
        if session.was_signed_on:
            self._has_told_down = False
        if stop.is_set():
            telemetry.log("host_link_left", connector_id=self._host.connector_id)
        else:
            self._tell_down(why)
        return session.was_signed_on

    def _tell_down(self, why: str) -> None:
        """Say that the link is down, once until it was up again."""
        if not self._has_told_down:
            telemetry.log_warning("host_link_down", connector_id=self._host.connector_id, reason=why)
        self._has_told_down = True
