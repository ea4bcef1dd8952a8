"""What a flow reaches out for, in order, and the place where its process is made to die."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class CrashError(Exception):
    """The process is gone: nothing after this point of the flow happens."""


@dataclass
class Steps:
    """Notes each reach for the outside; `crash_at` is `before` or `after` and a step, such as `after pay`."""

    taken: list[str] = field(default_factory=list)
    crash_at: str = ""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._pass(f"before {name}")
        self.taken.append(name)
        yield
        self._pass(f"after {name}")

    def _pass(self, point: str) -> None:
        if point == self.crash_at:
            self.crash_at = ""
            raise CrashError(point)
