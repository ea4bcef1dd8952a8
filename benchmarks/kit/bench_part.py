"""What every part of the bench comes back with, and how one runs by itself."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from rich.console import Console

from benchmarks.kit.errors import BenchError

CLEAN = "clean"


class BenchPart(Protocol):
    """The numbers of one part; `audit` is the last line of `ekpay audit`."""

    @property
    def audit(self) -> str:
        """What the audit said at its end."""

    def figures(self) -> dict[str, Any]:
        """Its keys of results.json."""

    def show(self, console: Console) -> None:
        """Print it for a person."""


def run_alone(name: str, measuring: Coroutine[Any, Any, BenchPart]) -> int:
    """One part by itself, printed and not written down; 0 if its audit is clean."""
    console = Console()
    try:
        part = asyncio.run(measuring)
    except (BenchError, TimeoutError) as problem:
        console.print(f"{name}: {str(problem) or type(problem).__name__}", style="red", markup=False)
        return 1
    part.show(console)
    return 0 if part.audit == CLEAN else 1
