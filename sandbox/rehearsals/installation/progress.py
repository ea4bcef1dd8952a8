"""Progress display of a rehearsal: one line a step, and one for the whole with the time that is left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from typing_extensions import override

_MINUTE = 60
# An estimate is not the end: the bar waits short of it.
_ALMOST = 0.98


class ProgressStep:
    """A step in progress."""

    def __init__(self, advance: Callable[[], None], describe: Callable[[str], None]) -> None:
        """`advance` counts one more part as done, `describe` changes the description."""
        self.advance = advance
        self.describe = describe


class _TimedProgress(Progress):
    """A display whose tasks with `expected` seconds follow the clock."""

    @override
    def get_renderables(self) -> Iterator[RenderableType]:
        for task in self.tasks:
            expected = task.fields.get("expected")
            if expected and not task.finished:
                elapsed = task.elapsed or 0.0
                task.completed = min(elapsed, expected * _ALMOST)
                task.fields["count"] = time_left_text(expected - elapsed)
        yield from super().get_renderables()


class ProgressSteps:
    """The lines of all steps so far; without a terminal, each is printed once when it begins."""

    def __init__(self, screen: Console, expected_seconds: float | None = None) -> None:
        """Nothing is printed yet; the whole is estimated to last `expected_seconds`, if that is known."""
        self._screen = screen
        self._expected_seconds = expected_seconds
        self._progress = _TimedProgress(
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
        if self._expected_seconds is not None:
            expected = self._expected_seconds
            self._progress.add_task("the whole", total=expected, expected=expected, count="")
            if not self._screen.is_terminal:
                about = time_left_text(expected).removesuffix(" left")
                self._screen.print(f"It takes {about} alone on two quiet cores.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the lines as they are."""
        whole = [task for task in self._progress.tasks if task.fields.get("expected")]
        for task in whole if kind is None else ():
            self._progress.update(task.id, completed=task.total, count="")
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


def time_left_text(seconds: float) -> str:
    """The rest of an estimate in words; an estimate that was too short says so."""
    if seconds < 0:
        return "longer than expected"
    minutes = round(seconds / _MINUTE)
    return f"about {minutes} min left" if minutes else "less than a minute left"
