"""Bills that a citizen keeps under a name of their own, so that the next one is paid without typing.

Pure. What is kept names the customer of a biller, and nothing of one bill: neither its number nor its amount
(docs/adr/0125).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from ekpay_switch.domain.citizens.typed_words import single_line

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
    """The name as it is kept, on one line with nothing invisible in it; None where it is too long."""
    text = single_line(typed)
    return text if len(text) <= NICKNAME_MAX else None
