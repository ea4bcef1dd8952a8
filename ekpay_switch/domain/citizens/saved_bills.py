"""Bills that a citizen keeps under a name of their own, so that the next one is paid without typing.

Pure. What is kept names the customer of a biller, and nothing of one bill: neither its number nor its amount
(docs/adr/0125).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

# How many a citizen may keep, and how long the name of one may be.
SAVED_MAX = 30
NICKNAME_MAX = 40


@dataclass(frozen=True, slots=True)
class SavedBill:
    """What names the bills of one customer at one biller; `fields` are by the manifest's names.

    `nickname` is the citizen's own word for it, or empty.
    """

    saved_id: UUID
    biller_id: str
    fields: Mapping[str, str] = field(repr=False)
    nickname: str = field(default="", repr=False)


def read_nickname(typed: str) -> str | None:
    """The name as it is kept: blanks are single, and nothing invisible is in it; None where it is too long.

    Bangla needs the two joiners of Unicode, which are invisible and stay.
    """
    shown = "".join(" " if letter.isspace() else letter for letter in typed)
    text = " ".join("".join(letter for letter in shown if letter in _JOINERS or _is_visible(letter)).split())
    return text if len(text) <= NICKNAME_MAX else None


_JOINERS = "\u200c\u200d"


def _is_visible(letter: str) -> bool:
    return not unicodedata.category(letter).startswith("C")
