"""One movement of money, as a row of our books or of a file."""

from copy import copy
from enum import StrEnum
from typing import Any

from sandbox.rehearsals.month.model.institutions import MonthInstitution


class RowEvent(StrEnum):
    """The kind of movement; our books have no chargeback."""

    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"
    CHARGEBACK = "chargeback"


class RowStatus(StrEnum):
    """The status of a movement."""

    SUCCESS = "success"
    FAILED = "failed"
    UNKNOWN = "unknown"


class RowDefect(StrEnum):
    """What makes a row unreadable."""

    BLANK_TIME = "blank time"
    NO_DAY = "a day that is none"
    NUMBER = "a reference that is a number"


class MonthRow:
    """A movement; amounts in signed paisa, the instant in milliseconds since 1970 in UTC.

    Gross less fee less VAT is net. Unimportant fields of a file are derived from `number`. A row that was
    handed on is never changed: `but` makes a copy.
    """

    __slots__ = (
        "account", "bill", "currency", "event", "fee", "gross", "institution", "mark", "ms", "net", "number",
        "original", "ours", "payment_id", "spoiled", "status", "theirs", "vat",
    )  # fmt: skip

    def __init__(
        self, payment_id: str, institution: MonthInstitution, number: int, ours: str, ms: int, gross: int
    ) -> None:
        """A successful payment of an amount, charged by the schedule of its institution."""
        self.payment_id = payment_id
        self.institution = institution
        self.number = number
        self.event = RowEvent.PAYMENT
        self.status = RowStatus.SUCCESS
        self.ours = ours
        self.theirs = ""
        self.ms = ms
        self.gross = gross
        self.fee, self.vat = institution.charge.of(gross)
        self.net = gross - self.fee - self.vat
        self.currency = "BDT"
        self.original: MonthRow | None = None
        """The payment that it refunds or reverses."""
        self.spoiled: RowDefect | None = None
        self.bill = ""
        """The paid bill and its account: not compared, and derived from the number where empty."""
        self.account = ""
        self.mark: int | None = None
        """The night in which its place in the file goes into the key."""

    @property
    def is_taking_back(self) -> bool:
        """Whether it is a refund, a reversal or a chargeback."""
        return self.event is not RowEvent.PAYMENT

    @property
    def is_settled(self) -> bool:
        """Whether its net is paid out."""
        return self.status is RowStatus.SUCCESS and self.currency == "BDT"

    def but(self, **other: Any) -> "MonthRow":  # noqa: ANN401 - any of the slots
        """Return a copy with other values; net follows."""
        made = copy(self)
        for name, value in other.items():
            setattr(made, name, value)
        made.net = made.gross - made.fee - made.vat
        return made

    def of_amount(self, gross: int) -> "MonthRow":
        """Return a copy with another amount and the scheduled charge on it."""
        fee, vat = self.institution.charge.of(gross)
        return self.but(gross=gross, fee=fee, vat=vat)

    def failed(self) -> "MonthRow":
        """Return it as a file lists a failed movement: nothing is charged or settled."""
        made = self.but(status=RowStatus.FAILED, fee=0, vat=0)
        made.net = 0
        return made

    def taken_back(self, event: RowEvent, part: int, ms: int, theirs: str) -> "MonthRow":
        """Return the row of a refund or reversal of a part of a payment."""
        fee, vat = self.institution.charge.of_taking_back(-part)
        return self.but(event=event, gross=-part, fee=fee, vat=vat, ms=ms, theirs=theirs, original=self)
