"""The accounts of an office; a demand that depends on a choice is a demand of its own.

So the fees before and after a skills test, or of two kinds of passport, are paid one by one, and a demand's
number says which choice it was made for.
"""

from dataclasses import replace

from typing_extensions import override

from sandbox.kit.biller.accounts import BillerAccounts
from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.institution import FeeByChoice

_BEFORE_CHOICE = "/"


class ChallanAccounts(BillerAccounts):
    """Accounts whose bill numbers end in the choice that decided the amount, if there is one."""

    @override
    def bills_of(self, number: str, choice: str | None = None) -> tuple[SimulatedBill, ...]:
        bills = super().bills_of(number, choice)
        if not self._has_choices:
            return bills
        return tuple(
            replace(bill, bill_number=f"{bill.bill_number}{_BEFORE_CHOICE}{bill.choice}") for bill in bills
        )

    @override
    def bill(self, bill_number: str, choice: str | None = None) -> SimulatedBill | None:
        if not self._has_choices:
            return super().bill(bill_number, choice)
        base, _, choice_in_number = bill_number.rpartition(_BEFORE_CHOICE)
        serial = self.institution.serial_in("{bill_number}", base)
        if serial is None or choice not in {None, choice_in_number}:
            return None
        bills = self.bills_of(self.institution.number_of(serial), choice_in_number)
        return bills[0] if bills else None

    @property
    def _has_choices(self) -> bool:
        return isinstance(self.institution.amount, FeeByChoice)
