"""The records of how institutions do, as a protocol; `persistence` implements it."""

from collections.abc import Mapping
from typing import Protocol

from ekpay_switch.domain.health import HealthRecord


class HealthRecords(Protocol):
    """What each institution answered of late; reckoned by the worker, read by pages."""

    async def all(self) -> Mapping[str, HealthRecord]:
        """The newest record of each institution, by its id; one that was never asked has none."""
        ...
