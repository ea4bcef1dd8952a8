"""The offices and taxes of this family: their numbers, heads and amounts, all invented.

Where an office demands a fee, its bill is the demand. Where a payer states what to pay, the account is the
payer's own number and any amount is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from sandbox.billers.challan.challan_list import CHALLAN_LAYOUT
from sandbox.kit.biller.bills import WHOLE_BP, AmountSplitRules, SimulatedBill
from sandbox.kit.biller.institution import REHEARSAL, AmountRange, AnyAmount, FeeByChoice, FixedFee, House
from sandbox.kit.institution.seeded_values import share_half_up

FAMILY = "challan"
FEE_KEY = "fee_key"
"""What an e-passport's fee depends on, three parameters in one: `48-5-regular`."""

_VAT_CODE, _VAT_BP = "1141101", 1_500
_WITH_VAT = AmountSplitRules(vat_bp=_VAT_BP)
_ANY_TAX = AnyAmount(100, 5_000_000_000)
_SOME_TAX = AmountRange(100_000, 5_000_000, 5_000)
_MOBILE = "017120{serial}"
_PAYER = frozenset({"mobile"})
_PASSPORT_TAKA: Mapping[str, tuple[int, int, int]] = {
    "48-5": (4_025, 6_325, 8_625),
    "48-10": (5_750, 8_050, 10_350),
    "64-5": (6_325, 8_625, 12_075),
    "64-10": (8_050, 10_350, 13_800),
}
_DELIVERIES = ("regular", "express", "super_express")


class EconomicHead(NamedTuple):
    """One economic code, and its share of what is left after VAT, in basis points."""

    economic_code: str
    title: str
    share_bp: int = WHOLE_BP


class EconomicHeadAmount(NamedTuple):
    """One economic code and what a demand has for it, in paisa."""

    economic_code: str
    title: str
    paisa: int


@dataclass(frozen=True, kw_only=True)
class TreasuryInstitution(House):
    """An office or a tax, with its account of the treasury and the heads of its fee.

    The last head takes what the others leave. `is_demanded`: the office says what is to be paid, and
    the payment names its demand. `other_forms` are further ways to write a parameter that names an
    account. An institution that says `takes_any_head` takes whatever economic code a payer states.
    """

    organization_code: str
    heads: tuple[EconomicHead, ...]
    is_demanded: bool = True
    takes_any_head: bool = False
    other_forms: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def heads_of(self, bill: SimulatedBill) -> tuple[EconomicHeadAmount, ...]:
        """Return what a demand has for each head; the sum is the bill's amount."""
        net = bill.base_paisa - bill.vat_paisa
        amounts = [share_half_up(net, head.share_bp, WHOLE_BP) for head in self.heads[:-1]]
        amounts.append(net - sum(amounts))
        heads = [
            EconomicHeadAmount(head.economic_code, head.title, paisa)
            for head, paisa in zip(self.heads, amounts, strict=True)
        ]
        return (
            (*heads, EconomicHeadAmount(_VAT_CODE, "VAT", bill.vat_paisa)) if bill.vat_paisa else tuple(heads)
        )

    @property
    def economic_codes(self) -> frozenset[str]:
        """The codes that a payment to this institution may carry, VAT among them."""
        return frozenset({head.economic_code for head in self.heads} | {_VAT_CODE})

    def rewritten(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return a payer's parameters with other forms of a number written as the institution knows it."""
        known = dict(texts)
        for name, template in self.other_forms.items():
            serial = self.serial_in(template, known.get(name, "").replace("-", ""))
            if serial is not None:
                known[name] = self.number_of(serial)
        return known


INSTITUTIONS: tuple[TreasuryInstitution, ...] = (
    TreasuryInstitution(
        id="epassport_fee",
        name="Immigration and passports",
        family=FAMILY,
        number="OID25110#####",
        bill_number="EP-{number}",
        fields={"application_id": "{number}", "mobile": _MOBILE},
        alternative_fields={"applicant_id": "19900{serial}"},
        other_forms={"application_id": "41010000{serial}"},
        unchecked_fields=_PAYER,
        amount=FeeByChoice(
            {
                f"{book}-{delivery}": taka * 100
                for book, fees in _PASSPORT_TAKA.items()
                for delivery, taka in zip(_DELIVERIES, fees, strict=True)
            },
            parameter=FEE_KEY,
        ),
        lines=_WITH_VAT,
        layout=CHALLAN_LAYOUT,
        organization_code="1220301103520",
        heads=(EconomicHead("1142202", "Passport fee"),),
    ),
    TreasuryInstitution(
        id="police_clearance",
        name="Police",
        family=FAMILY,
        number="PC25110#####",
        bill_number="CC-{number}",
        fields={"application_ref": "{number}", "passport_no": "A01{serial}", "mobile": _MOBILE},
        unchecked_fields=_PAYER,
        amount=FixedFee(150_000),
        layout=CHALLAN_LAYOUT,
        organization_code="1220104102001",
        heads=(EconomicHead("1422328", "Police clearance fee"),),
    ),
    TreasuryInstitution(
        id="birth_registration",
        name="Registrar of births and deaths",
        family=FAMILY,
        number="250#####",
        bill_number="BR-{number}",
        fields={
            "application_type": "{choice}",
            "application_id": "{number}",
            "date_of_birth": "2015-01-01",
        },
        amount=FeeByChoice(
            {
                "birth_late": 5_000,
                "birth_early": 2_500,
                "birth_correction": 5_000,
                "birth_date_correction": 10_000,
                "death": 5_000,
                "death_correction": 5_000,
            },
            parameter="application_type",
        ),
        layout=CHALLAN_LAYOUT,
        organization_code="1370101110000",
        heads=(EconomicHead("1422301", "Registration fee"),),
    ),
    TreasuryInstitution(
        id="brta_vehicle",
        name="Road transport authority, vehicles",
        family=FAMILY,
        number="BSR-2511-#####",
        bill_number="BV-{number}",
        fields={"service_request_no": "{number}"},
        amount=AmountRange(300_000, 2_500_000, 50),
        lines=_WITH_VAT,
        layout=CHALLAN_LAYOUT,
        organization_code="1340401110250",
        heads=(
            EconomicHead("1142106", "Registration fee", 4_000),
            EconomicHead("1142107", "Tax token", 4_500),
            EconomicHead("1422203", "Fitness fee"),
        ),
    ),
    TreasuryInstitution(
        id="brta_driving_licence",
        name="Road transport authority, driving licences",
        family=FAMILY,
        number="BDL-2511-#####",
        bill_number="DL-{number}",
        fields={"service_request_no": "{number}", "stage": "{choice}", "nid": "19900{serial}"},
        amount=FeeByChoice({"before_test": 51_800, "after_test": 449_700}, parameter="stage"),
        lines=_WITH_VAT,
        layout=CHALLAN_LAYOUT,
        organization_code="1340401110251",
        heads=(EconomicHead("1422204", "Driving licence fee"),),
    ),
    TreasuryInstitution(
        id="court_fee",
        name="Courts",
        family=FAMILY,
        number="CR-#####/2025",
        bill_number="CF-{number}",
        fields={"case_no": "{number}", "court_code": "1301"},
        alternative_fields={"application_no": "AP-{serial}/2025"},
        amount=AmountRange(5_000, 200_000, 500),
        layout=CHALLAN_LAYOUT,
        organization_code="1240201110300",
        heads=(EconomicHead("1421602", "Court fee"),),
    ),
    TreasuryInstitution(
        id="customs_duty",
        name="Customs",
        family=FAMILY,
        number="C2#####",
        bill_number="CD-{number}",
        fields={
            "bill_of_entry_no": "{number}",
            "fiscal_year": "{fiscal_year}",
            "customs_office_code": "301",
            "amount": "{taka}",
            "ain": "301123456",
            "phone": _MOBILE,
        },
        unchecked_fields=frozenset({"amount", "phone"}),
        amount=AmountRange(1_000_000, 90_000_000, 100),
        lines=_WITH_VAT,
        layout=CHALLAN_LAYOUT,
        organization_code="1140101100301",
        heads=(EconomicHead("1151101", "Customs duty", 9_000), EconomicHead("1111201", "Advance income tax")),
    ),
    TreasuryInstitution(
        id="income_tax",
        name="Board of revenue, income tax",
        family=FAMILY,
        number="1234567#####",
        fields={
            "tin": "{number}",
            "assessment_year": "2025-2026",
            "economic_code": "1111101",
            "amount": "{taka}",
        },
        unchecked_fields=frozenset({"assessment_year", "economic_code", "amount"}),
        amount=_SOME_TAX,
        payment_rule=_ANY_TAX,
        layout=CHALLAN_LAYOUT,
        organization_code="1130101100001",
        heads=tuple(
            EconomicHead(code, "Income tax")
            for code in ("1111101", "1112101", "1111102", "1112102", "1111103", "1111104")
        ),
        is_demanded=False,
    ),
    TreasuryInstitution(
        id="vat_online",
        name="Board of revenue, VAT",
        family=FAMILY,
        number="00123456#####",
        fields={
            "bin": "{number}",
            "period": "202509",
            "economic_code": "1141201",
            "amount": "{taka}",
            "vat_amount": "500.00",
        },
        unchecked_fields=frozenset({"period", "economic_code", "amount", "vat_amount"}),
        amount=_SOME_TAX,
        payment_rule=_ANY_TAX,
        layout=CHALLAN_LAYOUT,
        organization_code="1130201100001",
        heads=tuple(
            EconomicHead(code, "VAT and duties")
            for code in ("1141101", "1141201", "1141301", "1141401", "1141501")
        ),
        is_demanded=False,
    ),
    TreasuryInstitution(
        id="achallan_generic",
        name="Any other office",
        family=FAMILY,
        number="19900#####",
        fields={
            "nid": "{number}",
            "economic_code": "1422199",
            "organization_code": "1090101100001",
            "amount": "{taka}",
            "mobile": _MOBILE,
        },
        alternative_fields={"tin": "1234567{serial}", "bin": "00123456{serial}"},
        unchecked_fields=frozenset({"economic_code", "organization_code", "amount", "mobile"}),
        amount=_SOME_TAX,
        payment_rule=_ANY_TAX,
        layout=CHALLAN_LAYOUT,
        organization_code="",
        heads=(EconomicHead("1422199", "Other receipts"),),
        is_demanded=False,
        takes_any_head=True,
    ),
    TreasuryInstitution(
        id=REHEARSAL,
        name="Rehearsal",
        family=FAMILY,
        number="700#####",
        fields={"account_no": "{number}"},
        bill_number="RH-{number}",
        amount=AmountRange(10_000, 500_000),
        lines=_WITH_VAT,
        layout=CHALLAN_LAYOUT,
        organization_code="1000000000000",
        heads=(EconomicHead("1422100", "Rehearsal fee"),),
    ),
)
