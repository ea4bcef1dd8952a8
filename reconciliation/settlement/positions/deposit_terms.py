"""When our deposit at a prefunded utility is to be topped up, and by how much: pure, in whole paisa.

    floor   =  alarm days * a day's vends            the deposit should never be below it
    target  =  target days * a day's vends           what a top-up fills it to, never less than the floor

The alarm days are those below which the alarm `deposit_low` is raised (`alarm_below_days` of the biller's
manifest), so a proposal and an alarm are about one number.

A day's vends are the largest business day of the last ones: what has happened can happen again, and a mean
would leave the deposit empty on the first day of a month.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Final

# What a row of withdrawals names in place of a bucket.
DEPOSIT: Final = "deposit"
_TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class DepositTerms:
    """The terms of the deposit at one utility.

    A top-up is at least `minimum` and at most `maximum` paisa; a maximum of None is no limit. Of the last
    `look_back_days` the largest counts as a day's vends.
    """

    target_days: int = 3
    look_back_days: int = 14
    minimum: int = 0
    maximum: int | None = None


USUAL_TERMS: Final = DepositTerms()
# Where no manifest says it.
USUAL_ALARM_DAYS: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class DepositStanding:
    """Our deposit at one utility by our books; amounts in paisa.

    `in_transit` is what two persons have let leave and no bank has booked yet, `vends_of_day` the vends of a
    day, `waiting_number` the top-up that waits for a second person, and `alarm_days` for how many such days
    the deposit should last at least.
    """

    biller: str
    balance: int
    in_transit: int
    vends_of_day: int
    waiting_number: int | None = None
    terms: DepositTerms = USUAL_TERMS
    alarm_days: Decimal = USUAL_ALARM_DAYS

    @property
    def is_below(self) -> bool:
        """Whether less is left than the floor, or more was vended than we have put there."""
        return self.balance < self.alarm_days * self.vends_of_day or self.balance < 0

    @property
    def proposed_amount(self) -> int:
        """What to top it up by; nothing while a top-up is on its way or waits for a second person."""
        if not self.is_below or self.in_transit > 0 or self.waiting_number is not None:
            return 0
        days = max(Decimal(self.terms.target_days), self.alarm_days)
        target = int((days * self.vends_of_day).to_integral_value(ROUND_UP))
        wanted = max(target - self.balance, self.terms.minimum)
        return wanted if self.terms.maximum is None else min(wanted, self.terms.maximum)

    @property
    def days_left(self) -> Decimal | None:
        """For how many such days the deposit lasts, in tenths rounded down; None where nothing is vended."""
        if not self.vends_of_day:
            return None
        return (Decimal(self.balance) / self.vends_of_day).quantize(_TENTH, ROUND_DOWN)


def largest_day(vends: Mapping[date, int], night: date, look_back_days: int) -> int:
    """The most that was vended on one of so many days up to a night, or on a later one, in paisa."""
    earliest = night - timedelta(days=look_back_days)
    return max((paisa for day, paisa in vends.items() if day > earliest and paisa > 0), default=0)
