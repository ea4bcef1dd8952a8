"""Progress display of a demo: one line a step, with a bar where its length is known."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class ProgressStep:
    """A step in progress."""

    def __init__(self, advance: Callable[[], None], describe: Callable[[str], None]) -> None:
        """`advance` counts one more part as done, `describe` changes the description."""
        self.advance = advance
        self.describe = describe


class ProgressSteps:
    """The lines of all steps so far; without a terminal, each is printed once when it begins."""

    def __init__(self, screen: Console) -> None:
        """Nothing is printed yet."""
        self._screen = screen
        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=screen,
            disable=not screen.is_terminal,
        )

    def __enter__(self) -> Self:
        """Start the display."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the lines as they are."""
        self._progress.stop()

    @contextmanager
    def step(self, description: str, total: int | None = None) -> Iterator[ProgressStep]:
        """Show one step and tick it off at the end; `total` is the number of its parts, if known."""
        if not self._screen.is_terminal:
            self._screen.print(f"{description} …")
        progress, done = self._progress, 0
        task = progress.add_task(description, total=total, count="")

        def _advance() -> None:
            nonlocal done
            done += 1
            progress.update(task, completed=done, count=f"{done:,} of {total:,}" if total else "")

        def _describe(text: str) -> None:
            progress.update(task, description=text)

        yield ProgressStep(_advance, _describe)
        progress.update(task, total=total or 1, completed=total or 1)
