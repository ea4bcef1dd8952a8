"""The billers behind this switch; the numbers follow the patterns of billers.md 1.1, the amounts are ours."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from typing_extensions import override

from sandbox.kit.biller.bills import AmountSplitRules, SimulatedBill
from sandbox.kit.biller.institution import AmountRange, House, rehearsal_institution
from sandbox.kit.biller.own_file_columns import GAS, WASA

FAMILY = "upstream"
BILLER_ID = "bllr_id"
"""The name in `House.extra` of what the messages call an institution by."""

_METERED, _NON_METERED = "M", "NM"
_BILL_TYPE = "bill_type"
_GAS_LINES = AmountSplitRules(late_bp=1_000)
_WATER = AmountSplitRules(vat_bp=1_500, late_bp=500, other_bp=3_000)


@dataclass(frozen=True, kw_only=True)
class MeteredInstitution(House):
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


def _gas(house_id: str, biller_id: str, name: str, number: str, town: str) -> House:
    return MeteredInstitution(
        id=house_id,
        name=name,
        family=FAMILY,
        number=number,
        bill_number="{yy}{mm}{number}",
        fields={"customer_code": "{number}", _BILL_TYPE: _NON_METERED, "mobile": "017001{serial}"},
        unchecked_fields=frozenset({_BILL_TYPE, "mobile"}),
        amount=AmountRange(99_000, 108_000, 9_000),
        lines=_GAS_LINES,
        town=town,
        layout=GAS,
        family_data=_known_as(biller_id),
    )


def _wasa(house_id: str, biller_id: str, name: str, number: str, town: str) -> House:
    return House(
        id=house_id,
        name=name,
        family=FAMILY,
        number=number,
        bill_number="{yyyy}{mm}{number}",
        fields={"bill_no": "{bill_number}"},
        amount=AmountRange(20_000, 300_000),
        lines=_WATER,
        town=town,
        layout=WASA,
        family_data=_known_as(biller_id),
    )


def _known_as(biller_id: str) -> Mapping[str, str]:
    return MappingProxyType({BILLER_ID: biller_id})


INSTITUTIONS: tuple[House, ...] = (
    _gas("jalalabad_gas", "b430", "Jalalabad Gas", "12#####", "Sylhet"),
    _gas("bakhrabad_gas", "b451", "Bakhrabad Gas", "34#####", "Cumilla"),
    _gas("pgcl_gas", "b529", "Pashchimanchal Gas", "56#####", "Sirajganj"),
    _gas("sundarban_gas", "b9041", "Sundarban Gas", "78#####", "Khulna"),
    _wasa("khulna_wasa", "b416", "Khulna WASA", "42#####", "Khulna"),
    _wasa("rajshahi_wasa", "b605", "Rajshahi WASA", "51#####", "Rajshahi"),
    replace(rehearsal_institution(FAMILY), family_data=_known_as("b9999")),
)
