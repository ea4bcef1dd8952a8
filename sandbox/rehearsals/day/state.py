"""State kept between nights: files already deposited, statement numbers, and files to send later."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

_NAME = "day.json"


@dataclass(slots=True)
class DepositedFile:
    """A file that was made: the amount paid for it, and the instant up to which movements were known."""

    institution_id: str
    date: int
    cycle: int
    settled_paisa: int
    made_at: str


@dataclass(slots=True)
class LaterFile:
    """A file to be sent in a later night; `content` is hexadecimal."""

    night: int
    name: str
    content: str


@dataclass(slots=True)
class DayState:
    """Everything that the next night must know."""

    deposited: dict[str, DepositedFile] = field(default_factory=dict)
    """Every file so far, by its name without the extension."""
    later: list[LaterFile] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    """How many sequence numbers an institution has left out."""
    statements: dict[str, list[int]] = field(default_factory=dict)
    """Number, closing balance and day of each bank's last statement."""
    unknown_payments: int = 0
    """How many unknown payments were put into files so far."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the state that is kept in a folder, or an empty one."""
        path = folder / _NAME
        if not path.exists():
            return cls()
        document: dict[str, Any] = json.loads(path.read_text())
        deposited = {
            name: DepositedFile(file.pop("house"), **file) for name, file in document.pop("left").items()
        }
        later = [LaterFile(**file) for file in document.pop("later")]
        unknown_payments = document.pop("strangers")
        return cls(deposited=deposited, later=later, unknown_payments=unknown_payments, **document)

    def write(self, folder: Path) -> None:
        """Replace the stored state; the document keeps its old keys `left`, `house` and `strangers`."""
        document = asdict(self)
        document["left"] = {
            name: {"house": file.pop("institution_id"), **file}
            for name, file in document.pop("deposited").items()
        }
        document["strangers"] = document.pop("unknown_payments")
        part = folder / f"{_NAME}.part"
        part.write_text(json.dumps(document))
        part.replace(folder / _NAME)
