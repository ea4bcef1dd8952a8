"""What a wing adds to `ekpay status`, as a protocol (entry point group `ekpay.status`).

A reader gets the connection of the audit role and only reads. Its module imports the standard library and
this one alone, since the command runs where the extras of a wing are not installed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One line: what it is about, how that stands, and whether somebody has to look at it."""

    label: str
    text: str
    is_well: bool = True


class StatusReader(Protocol):
    """Reads the lines of a wing."""

    async def __call__(self, connection: Any, /) -> Sequence[StatusLine]:  # noqa: ANN401 - asyncpg is not typed
        """The lines in their order."""
        ...
