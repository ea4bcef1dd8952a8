"""What a rehearsal tells its visitors: written by whoever runs it into a file of EKPAY_HOME, never by us."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

FILE = "rehearsal.json"
_BYTES_MAX = 64 * 1024


class _Notes(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    order_url: str = ""
    credentials: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class RehearsalNotes:
    """Where a test order is made, empty where nowhere; and credentials by what they are for."""

    order_url: str = ""
    credentials: tuple[tuple[str, str], ...] = ()


def read_notes(home: Path) -> RehearsalNotes:
    """The notes of this installation; none where the file is away or unreadable."""
    path = home / FILE
    try:
        if path.stat().st_size > _BYTES_MAX:
            return RehearsalNotes()
        notes = _Notes.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return RehearsalNotes()
    is_link = notes.order_url.startswith(("http://", "https://"))
    return RehearsalNotes(notes.order_url if is_link else "", tuple(notes.credentials.items()))
