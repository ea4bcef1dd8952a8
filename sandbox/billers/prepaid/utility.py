"""A utility that sells for prepaid meters: how meters are credited, and what its tokens are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.institution import BillerInstitution

AMOUNT, MOBILE = "amount", "mobile"
PAISA_PER_TAKA = 100


@dataclass(frozen=True, kw_only=True)
class PrepaidUtility(BillerInstitution):
    """One utility; the bill of an account only says for how much it might be charged.

    An account behaves by the last digit of its serial. Those in `remote_digits` are credited from afar
    and get no token. `tariff_lines` are the lengths that a set of new prices may have.
    """

    remote_digits: frozenset[str] = frozenset()
    tariff_lines: tuple[int, ...] = (3,)

    @override
    def fields_of(self, bill: SimulatedBill, *, reported_paisa: int | None = None) -> dict[str, str]:
        fields = super().fields_of(bill, reported_paisa=reported_paisa)
        paisa = bill.base_paisa if reported_paisa is None else reported_paisa
        return {**fields, AMOUNT: str(paisa // PAISA_PER_TAKA)}

    def names_of(self, bill: SimulatedBill) -> Mapping[str, str]:
        """Return every number that an account is known by, those of all groups of parameters."""
        return self._fill_templates(self.naming_fields, bill, bill.base_paisa)

    def is_remote(self, serial: int) -> bool:
        """Whether the meter of an account is credited from afar."""
        return str(serial % 10) in self.remote_digits
