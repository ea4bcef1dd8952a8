"""What a link owner works with: its lease, the host's settings and the timeouts of a link."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Self

from connectors.families.iso8583.mac import MacKey
from connectors.families.iso8583.settings import LinkSettings
from connectors.manifest_parts import Means, Reply
from ekpay_switch.ports.host_links import LinkLease

# The least that a timeout is shortened to when a demo runs faster.
_SECONDS_MIN = 1.0


@dataclass
class ActiveLease:
    """A lease of ours; `until` is the last moment (monotonic) at which it is certainly valid."""

    lease: LinkLease
    until: float
    lost: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Host:
    """One bank's host; `replies` are the response codes of its manifest."""

    connector_id: str
    address: str
    settings: LinkSettings
    key: MacKey
    replies: Mapping[str, Reply]
    divisor: float = 1.0

    def approves(self, code: str) -> bool:
        """Whether a response code is an approval."""
        return code in self.replies and self.replies[code].means is Means.DONE

    def decides(self, code: str) -> bool:
        """Whether a response code settles a request; one that is not in the manifest never does (law 4)."""
        return self.approves(code) or (code in self.replies and self.replies[code].means is Means.DECLINED)


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """A link's timeouts in seconds, divided where a demo or a test runs faster."""

    connect: float
    network_answer: float
    echo_idle: float

    @classmethod
    def of(cls, host: Host) -> Self:
        """The timeouts of the manifest, divided by the host's divisor."""
        settings = host.settings
        return cls(
            connect=_divided(settings.connect_seconds, host),
            network_answer=_divided(settings.network_answer_seconds, host),
            echo_idle=_divided(settings.echo_idle_seconds, host),
        )


def _divided(seconds: float, host: Host) -> float:
    return max(seconds / host.divisor, _SECONDS_MIN)


async def wait_for_first(*awaitables: Awaitable[object]) -> None:
    """Return when the first of the awaitables is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
