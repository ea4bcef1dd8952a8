"""What was left on earlier days: a file is made once, statements go on, and some things come later."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

_NAME = "day.json"


@dataclass(slots=True)
class Left:
    """A file that was made: what its institution pays for it, and until when its movements were known."""

    house: str
    date: int
    cycle: int
    settled_paisa: int
    made_at: str


@dataclass(slots=True)
class Later:
    """A file that comes in a later night; `content` is hexadecimal."""

    night: int
    name: str
    content: str


@dataclass(slots=True)
class State:
    """Everything that the next night must know."""

    left: dict[str, Left] = field(default_factory=dict)
    later: list[Later] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    """How many sequence numbers an institution has left out."""
    statements: dict[str, list[int]] = field(default_factory=dict)
    """Number, closing balance and day of each bank's last statement."""
    strangers: int = 0

    @classmethod
    def read(cls, home: Path) -> Self:
        """Return the state that is kept in a folder, or the first one."""
        path = home / _NAME
        if not path.exists():
            return cls()
        told: dict[str, Any] = json.loads(path.read_text())
        told["left"] = {name: Left(**one) for name, one in told["left"].items()}
        told["later"] = [Later(**one) for one in told["later"]]
        return cls(**told)

    def write(self, home: Path) -> None:
        """Keep it in place of the one before."""
        part = home / f"{_NAME}.part"
        part.write_text(json.dumps(asdict(self)))
        part.replace(home / _NAME)
