"""The accounts of an office; a demand that depends on a choice is a demand of its own.

So the fees before and after a skills test, or of two kinds of passport, are paid one by one, and a demand's
number says which choice it was made for.
"""

from dataclasses import replace

from typing_extensions import override

from sandbox.kit.biller.accounts import World
from sandbox.kit.biller.bills import CounterBill
from sandbox.kit.biller.institution import Choice

_BEFORE_CHOICE = "/"


class ChallanWorld(World):
    """A world whose bill numbers end in the choice that their amount was made for, if there is one."""

    @override
    def bills_of(self, number: str, choice: str | None = None) -> tuple[CounterBill, ...]:
        bills = super().bills_of(number, choice)
        if not self._has_choices:
            return bills
        return tuple(
            replace(bill, bill_number=f"{bill.bill_number}{_BEFORE_CHOICE}{bill.choice}") for bill in bills
        )

    @override
    def bill(self, bill_number: str, choice: str | None = None) -> CounterBill | None:
        if not self._has_choices:
            return super().bill(bill_number, choice)
        base, _, told = bill_number.rpartition(_BEFORE_CHOICE)
        serial = self.house.serial_in("{bill_number}", base)
        if serial is None or choice not in {None, told}:
            return None
        bills = self.bills_of(self.house.number_of(serial), told)
        return bills[0] if bills else None

    @property
    def _has_choices(self) -> bool:
        return isinstance(self.house.amount, Choice)
