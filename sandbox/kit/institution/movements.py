"""The movements of money at an institution, from which the files of a day are made.

They come from its book, not from its answers to the switch. Every admin API lists them at `GET
/_admin/movements`; `sandbox.rehearsals.day` makes files of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sandbox.kit.institution.admin_api import AdminAnswer, AdminRequest, InstitutionRequest
from sandbox.kit.institution.clock import DHAKA


class MovementKind(StrEnum):
    """What a movement does with the money."""

    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"


class Since(AdminRequest):
    """From which Dhaka day on."""

    since: date

    @property
    def instant(self) -> datetime:
        """The beginning of that day."""
        return datetime(self.since.year, self.since.month, self.since.day, tzinfo=DHAKA)


class InstitutionMovementsQuery(InstitutionRequest, Since):
    """Of which institution, and from which Dhaka day on."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement at one institution; amounts in signed paisa, negative where money is taken back.

    `at` is an aware instant as text. `ours` is the name that the switch gave it, of a refund the name of the
    payment it gives back; `theirs` the institution's own. `original` is their name of that payment.
    `is_plain` is false for payers and accounts with a fault; rehearsals add no error of theirs to those.
    """

    institution_id: str
    kind: MovementKind
    at: str
    our_reference: str
    their_reference: str
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
    def read(cls, members: Mapping[str, Any]) -> "Movement":
        """Return the movement that the admin API's JSON describes."""
        return cls(
            institution_id=members["house"],
            kind=MovementKind(members["moved"]),
            our_reference=members["ours"],
            their_reference=members["theirs"],
            **{name: members[name] for name in _SAME_NAMES if name in members},
        )

    def as_json(self) -> dict[str, object]:
        """Return the movement as the admin API writes it."""
        first = {"house": self.institution_id, "moved": self.kind, "at": self.at}
        names = {"ours": self.our_reference, "theirs": self.their_reference}
        return first | names | {name: getattr(self, name) for name in _SAME_NAMES if name != "at"}


_SAME_NAMES = (
    "at",
    "gross_paisa",
    "fee_paisa",
    "fee_vat_paisa",
    "is_success",
    "is_plain",
    "original",
    "bill",
    "account",
)
"""The members of a movement's JSON that are called as its fields are."""


def movements_answer(first: datetime | None, movements: Iterable[Movement], since: Since) -> AdminAnswer:
    """Return what moved from a day on, and the Dhaka day on which anything happened first, if it did."""
    selected = (movement for movement in movements if movement.instant >= since.instant)
    return {
        "first": None if first is None else first.astimezone(DHAKA).date(),
        "movements": [
            movement.as_json() for movement in sorted(selected, key=lambda movement: movement.instant)
        ],
    }


LOOK_BACK = timedelta(days=20)
"""How far back a file may reach: the longest row of closed days and every lag are shorter."""
