"""The owner of a link: one process of the cluster, under a lease, with one connection (docs/adr/0037).

The owner's own process hands requests over as rows like any other process. Nothing is written under a lease
that has expired on our own clock.
"""

import asyncio
import os
import platform

from connectors.families.iso8583.host import ActiveLease, Host, LinkTimes, wait_for_first
from connectors.families.iso8583.session import Session
from ekpay_switch import telemetry
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.ports.world import Clock, NotSent

# Not divided where a demo runs faster, since the machine does not.
LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
_BACK_OFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
_BACK_OFF_SECONDS_MIN = 0.2


class LinkOwner:
    """Keeps the link to one host while no other process does."""

    def __init__(self, host: Host, ports: HostPorts, clock: Clock) -> None:
        self._host = host
        self._ports = ports
        self._clock = clock
        self._times = LinkTimes.of(host)
        self._has_logged_down = False

    async def keep_link(self, stop: asyncio.Event) -> None:
        """Take the lease when it is free and keep the link until `stop`; releases the lease at the end."""
        holder = f"{platform.node()}:{os.getpid()}"
        while not stop.is_set():
            requested_at = self._clock.monotonic()
            lease = await self._ports.links.lease(self._host.connector_id, holder, LEASE_SECONDS)
            if lease is None:
                await wait_for_first(stop.wait(), asyncio.sleep(RENEW_SECONDS))
                continue
            active_lease = ActiveLease(lease, requested_at + LEASE_SECONDS)
            renewing = asyncio.create_task(self._renew(active_lease))
            try:
                await self._keep_connected(active_lease, stop)
            finally:
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)
                await self._ports.links.release(lease)

    async def _renew(self, active_lease: ActiveLease) -> None:
        """Renew the lease until that fails or is cancelled; then the lease counts as lost."""
        try:
            while True:
                await asyncio.sleep(RENEW_SECONDS)
                requested_at = self._clock.monotonic()
                if not await self._ports.links.renew(active_lease.lease, LEASE_SECONDS):
                    telemetry.log_warning("host_link_lease_lost", connector_id=self._host.connector_id)
                    return
                active_lease.until = requested_at + LEASE_SECONDS
        finally:
            active_lease.lost.set()

    async def _keep_connected(self, active_lease: ActiveLease, stop: asyncio.Event) -> None:
        """Connect, and connect again after a pause whenever the connection ends."""
        # The previous owner has lost its lease, and its connection with it.
        await self._ports.links.mark_lost(active_lease.lease)
        failures = 0
        while not stop.is_set() and not active_lease.lost.is_set():
            was_signed_on = await self._run_connection(active_lease, stop)
            failures = 0 if was_signed_on else failures + 1
            seconds = _BACK_OFF_SECONDS[min(failures, len(_BACK_OFF_SECONDS) - 1)] / self._host.divisor
            if not stop.is_set():
                pause = asyncio.sleep(max(seconds, _BACK_OFF_SECONDS_MIN))
                await wait_for_first(stop.wait(), active_lease.lost.wait(), pause)

    async def _run_connection(self, active_lease: ActiveLease, stop: asyncio.Event) -> bool:
        """Run one connection until it ends; whether the host accepted the sign-on."""
        line = await self._ports.connections.open(self._host.address, self._times.connect)
        if isinstance(line, NotSent):
            self._log_link_down(line.why)
            return False
        session = Session(self._host, self._ports, self._clock, active_lease, line)
        try:
            why = await session.run(stop)
        finally:
            telemetry.HOST_LINK_UP.labels(self._host.connector_id).set(0)
            await line.close()
            await self._ports.links.mark_lost(active_lease.lease)
        if session.was_signed_on:
            self._has_logged_down = False
        if stop.is_set():
            telemetry.log("host_link_left", connector_id=self._host.connector_id)
        else:
            self._log_link_down(why)
        return session.was_signed_on

    def _log_link_down(self, why: str) -> None:
        """Log that the link is down, once until it was up again."""
        if not self._has_logged_down:
            telemetry.log_warning("host_link_down", connector_id=self._host.connector_id, reason=why)
        self._has_logged_down = True
