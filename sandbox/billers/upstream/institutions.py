"""The billers behind this switch, from `institutions.toml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.institution_file import load_institutions

FAMILY = "upstream"
BILLER_ID = "bllr_id"
"""The name in `BillerInstitution.extra` of what the messages call an institution by."""

_METERED, _NON_METERED = "M", "NM"
_BILL_TYPE = "bill_type"


@dataclass(frozen=True, kw_only=True)
class MeteredInstitution(BillerInstitution):
    """An institution some of whose customers have a meter: a fetch with the other bill type finds nothing."""

    @override
    def fields_of(self, bill: SimulatedBill, *, reported_paisa: int | None = None) -> dict[str, str]:
        return super().fields_of(bill, reported_paisa=reported_paisa) | {_BILL_TYPE: bill_type_of(bill)}

    @override
    def matches_parameters(self, bill: SimulatedBill, texts: Mapping[str, str]) -> bool:
        is_type = texts.get(_BILL_TYPE, bill_type_of(bill)) == bill_type_of(bill)
        return is_type and super().matches_parameters(bill, texts)


def bill_type_of(bill: SimulatedBill) -> str:
    """Return what kind of customer this is: every second one has a meter."""
    return _NON_METERED if int(bill.serial) % 2 else _METERED


INSTITUTIONS = load_institutions(
    Path(__file__).with_name("institutions.toml"),
    FAMILY,
    BillerInstitution,
    kinds={"metered": MeteredInstitution},
)
