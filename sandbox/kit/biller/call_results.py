"""What a till says to a payment or a question; the codec puts it into its own words.

`how` tells in which way the answer is to be given (`answering.answered`); None is plainly.
"""

from dataclasses import dataclass

from sandbox.kit.biller.bills import CounterBill
from sandbox.kit.biller.book import Payment
from sandbox.kit.biller.faults import Fault


@dataclass(frozen=True, slots=True)
class Taken:
    """Paid, now or, if `is_repeat`, by an earlier call of the same reference."""

    payment: Payment
    is_repeat: bool = False
    how: Fault | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such account or bill."""

    how: Fault | None = None


@dataclass(frozen=True, slots=True)
class PaidAlready:
    """The bill is paid, under another reference or before all time."""

    how: Fault | None = None


@dataclass(frozen=True, slots=True)
class OtherAmount:
    """The amount is not what is owed: `due_paisa`, or the most that would be taken."""

    due_paisa: int
    how: Fault | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The house does not want the payment; or, if `how` is set, has not even looked at it."""

    how: Fault | None = None


Verdict = Taken | Unknown | PaidAlready | OtherAmount | Refused


@dataclass(frozen=True, slots=True)
class Owed:
    """The unpaid bills that were asked for, oldest first; never none."""

    bills: tuple[CounterBill, ...]
