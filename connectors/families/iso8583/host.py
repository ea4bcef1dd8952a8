"""What an owner of a link holds: the lease with its last moment, what is known of the host, and its times."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Self

from connectors.families.iso8583.mac import MacKey
from connectors.families.iso8583.settings import LinkSettings
from connectors.manifest_parts import Means, Reply
from ekpay_switch.ports.host_links import LinkLease

# However much faster than life a demo runs, the machine under it does not.
_SECONDS_MIN = 1.0


@dataclass
class HeldLease:
    """A lease with the last moment, on our monotonic clock, at which it is certainly ours."""

    lease: LinkLease
    until: float
    lost: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Host:
    """What is known of one bank's host; `replies` are its response codes, as its manifest has them."""

    connector_id: str
    address: str
    settings: LinkSettings
    key: MacKey
    replies: Mapping[str, Reply]
    divisor: float = 1.0

    def approves(self, code: str) -> bool:
        """Whether a code says that the money was taken."""
        return code in self.replies and self.replies[code].means is Means.DONE

    def decides(self, code: str) -> bool:
        """Whether a code settles a request; one that is not in the manifest never does (law 4)."""
        return self.approves(code) or (code in self.replies and self.replies[code].means is Means.DECLINED)


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """A link's times in seconds, divided where a demo or a test runs faster than life."""

    connect: float
    network_answer: float
    echo_idle: float

    @classmethod
    def of(cls, host: Host) -> Self:
        """As the manifest states them."""
        settings = host.settings
        real = (settings.connect_seconds, settings.network_answer_seconds, settings.echo_idle_seconds)
        return cls(*(max(seconds / host.divisor, _SECONDS_MIN) for seconds in real))


async def first_of(*waits: Awaitable[object]) -> None:
    """Return with the first of several that only wait; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
