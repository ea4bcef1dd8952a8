"""A wing's checks of its own rows in `ekpay audit`, as a protocol (entry point group `ekpay.audits`).

A check gets the connection of the audit role, inside the one snapshot of the whole audit. It only reads. Its
module imports the standard library and this one alone, since the audit runs where the extras of a wing are
not installed.
"""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """The first broken row and what is wrong with it."""

    row: str
    why: str

    def __str__(self) -> str:
        return f"{self.row}: {self.why}"


class AuditCheck(Protocol):
    """One check of the audit."""

    async def __call__(self, connection: Any, /) -> AuditFinding | None:  # noqa: ANN401 - asyncpg is not typed
        """The first broken row, or None where all rows are right."""
        ...
