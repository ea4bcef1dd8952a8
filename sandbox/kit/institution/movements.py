"""What moved at an institution, as its back office tells it to whoever writes the files of a day.

The book says it, not the answers that the switch was given. The desk of every institution tells its movements
at `GET /_admin/movements`; `sandbox.rehearsals.day` makes files of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sandbox.kit.institution.admin_api import Answer, Asked
from sandbox.kit.institution.clock import DHAKA


class Moved(StrEnum):
    """What a movement does with the money."""

    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"


class Since(Asked):
    """From which Dhaka day on."""

    since: date

    @property
    def instant(self) -> datetime:
        """The beginning of that day."""
        return datetime(self.since.year, self.since.month, self.since.day, tzinfo=DHAKA)


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement at one house; amounts in signed paisa, negative where money is taken back.

    `at` is an aware instant as text. `ours` is the name that the switch gave it, of a refund the name of the
    payment it gives back; `theirs` the institution's own. `original` is their name of that payment.
    `is_plain` is false for whoever behaves oddly on purpose, so that nothing else is done to it.
    """

    house: str
    moved: Moved
    at: str
    ours: str
    theirs: str
    gross_paisa: int
    fee_paisa: int = 0
    fee_vat_paisa: int = 0
    is_success: bool = True
    is_plain: bool = True
    original: str = ""
    bill: str = ""
    account: str = ""

    @property
    def instant(self) -> datetime:
        """When it moved."""
        return datetime.fromisoformat(self.at)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Movement":
        """Return the movement that an answer tells."""
        return cls(**{**told, "moved": Moved(told["moved"])})


def movements_answer(first: datetime | None, movements: Iterable[Movement], since: Since) -> Answer:
    """Return what moved from a day on, and the Dhaka day on which anything happened first, if it did."""
    told = (one for one in movements if one.instant >= since.instant)
    return {
        "first": None if first is None else first.astimezone(DHAKA).date(),
        "movements": [asdict(one) for one in sorted(told, key=lambda one: one.instant)],
    }


LOOK_BACK = timedelta(days=20)
"""How far back a file may reach: the longest row of closed days and every lag are shorter."""
