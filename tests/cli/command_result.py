"""How the tests type a command, and what it leaves behind."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Typed:
    """A command that has ended."""

    code: int
    out: str
    err: str


class Ekpay(Protocol):
    """Types a command; keyword arguments are environment variables for it alone."""

    def __call__(self, *words: str, **environment: str) -> Typed: ...
