"""The result of a part of the bench, and running one part alone."""

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
        """The last line of the audit."""

    def figures(self) -> dict[str, Any]:
        """Its keys of results.json."""

    def show(self, console: Console) -> None:
        """Print it for a person."""


def run_alone(name: str, measuring: Coroutine[Any, Any, BenchPart]) -> int:
    """Run one part and print its result without storing it; 0 if its audit is clean."""
    console = Console()
    try:
        part = asyncio.run(measuring)
    except (BenchError, TimeoutError) as problem:
        console.print(f"{name}: {str(problem) or type(problem).__name__}", style="red", markup=False)
        return 1
    part.show(console)
    return 0 if part.audit == CLEAN else 1
