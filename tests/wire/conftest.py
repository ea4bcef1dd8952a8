import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from ekpay_switch.wire.http import HttpWire


@dataclass
class HandClock:
    """A clock whose monotonic reading moves only by hand, or as `readings` says."""

    reading: float = 1_000.0
    readings: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.readings.pop(0) if self.readings else self.reading

    def now(self) -> datetime:
        return datetime(2025, 10, 20, 6, 0, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.reading += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def wire(clock: HandClock) -> AsyncIterator[HttpWire]:
    wire = HttpWire(clock)
    yield wire
    await wire.close()
