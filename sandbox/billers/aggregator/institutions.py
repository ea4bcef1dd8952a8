"""The utilities behind the aggregator; what names a bill is from billers.md 1.1 and 2.7, amounts are ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from types import MappingProxyType

from typing_extensions import override

from sandbox.kit.biller.bills import AmountSplitRules, SimulatedBill
from sandbox.kit.biller.institution import (
    REHEARSAL,
    AmountRange,
    AnyAmount,
    BillerInstitution,
    FeeByChoice,
    rehearsal_institution,
)
from sandbox.kit.biller.own_file_columns import WASA

FAMILY = "aggregator"
BURNER_TYPE = "burner_type"
MONTHS_MAX = 12

_STAMP_PAISA = 1_000
_ELECTRICITY = AmountSplitRules(vat_bp=500, late_bp=500, stamp_paisa=_STAMP_PAISA)
_YEAR, _MONTH = re.compile(r"20[0-9]{2}"), re.compile(r"0[1-9]|1[0-2]")
_WORD, _ROUTING = re.compile(r"[A-Za-z0-9 ._-]{1,64}"), re.compile(r"[0-9]{9}")
# A month is surcharged at most so many days after a bill's due day; see `StatedMonthsUtility`.
_SURELY_NOT_DUE = timedelta(days=21)
_TARIFF_PAISA = MappingProxyType({"single": 99_000, "double": 108_000})


@dataclass(frozen=True, kw_only=True)
class Utility(BillerInstitution):
    """An institution as the aggregator knows it.

    `members_by_parameter` names, for each parameter of a bill, the members of bill-info whose texts joined
    are its value. `member_patterns` are the forms of members, which must be there unless `optional`.
    `payment_members` are those that bill-payment must carry. Where `may_withhold_tax`, a payer may keep back
    a tax at source.
    """

    members_by_parameter: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    member_patterns: Mapping[str, re.Pattern[str]] = field(default_factory=lambda: MappingProxyType({}))
    optional: frozenset[str] = frozenset()
    payment_members: tuple[str, ...] = ()
    may_withhold_tax: bool = False

    @property
    def auth_key(self) -> str:
        """The first of the two keys of this utility."""
        return f"{self.id}-auth"

    @property
    def secret_key(self) -> str:
        """The second one."""
        return f"{self.id}-secret"


@dataclass(frozen=True, kw_only=True)
class StatedMonthsUtility(Utility):
    """A utility without bills: its customers state months and pay the tariff of their connection for each."""

    surcharge_bp: int = 1_000
    due_day: int = 20
    """A month is surcharged after this day of the following month."""

    @override
    def fields_of(self, bill: SimulatedBill, *, reported_paisa: int | None = None) -> dict[str, str]:
        # A month that is not overdue, so that the stated months add up to the account's bill.
        month = bill.due_on + _SURELY_NOT_DUE
        named = super().fields_of(bill, reported_paisa=reported_paisa)
        return {**named, "from_month": f"{month:%Y%m}"}


def _rehearsal() -> Utility:
    institution = rehearsal_institution(FAMILY)
    values = {data_field.name: getattr(institution, data_field.name) for data_field in fields(institution)}
    return Utility(**values, members_by_parameter={"account_no": ("account_number",)})


INSTITUTIONS: tuple[Utility, ...] = (
    Utility(
        id="bpdb_postpaid",
        name="BPDB (postpaid)",
        family=FAMILY,
        number="401#####",
        bill_number="{yy}{mm}{number}",
        fields={"account_no": "{number}", "bill_period": "{yyyy}{mm}"},
        amount=AmountRange(15_000, 800_000),
        lines=_ELECTRICITY,
        members_by_parameter={"account_no": ("account_number",), "bill_period": ("bill_year", "bill_month")},
        member_patterns={"bill_year": _YEAR, "bill_month": _MONTH},
        payment_members=("payment_mode", "remarks"),
    ),
    Utility(
        id="dpdc_postpaid_aggregator",
        name="DPDC (postpaid), by the aggregator",
        family=FAMILY,
        number="234#####",
        bill_number="{yy}{mm}{number}",
        fields={"customer_no": "{number}", "bill_period": "{yyyy}{mm}"},
        amount=AmountRange(15_000, 900_000),
        lines=_ELECTRICITY,
        office_code="B6",
        shares_accounts_with="dpdc_postpaid",
        members_by_parameter={
            "customer_no": ("account_number",),
            "bill_period": ("bill_years", "bill_months"),
        },
        member_patterns={
            "bill_years": _YEAR,
            "bill_months": _MONTH,
            "location_code": re.compile(r"[A-Z0-9]{1,4}"),
        },
        payment_members=("payment_mode", "cheque_remarks", "channel_id"),
    ),
    Utility(
        id="titas_metered",
        name="Titas Gas (metered)",
        family=FAMILY,
        number="110#####",
        bill_number="{yy}{mm}{number}",
        fields={"invoice_no": "{bill_number}", "customer_code": "{number}"},
        amount=AmountRange(50_000, 2_500_000, 50),
        lines=AmountSplitRules(late_bp=1_200, stamp_paisa=_STAMP_PAISA),
        members_by_parameter={"invoice_no": ("invoiceNo",), "customer_code": ("customerCode",)},
        member_patterns={
            "branchRoutingNo": _ROUTING,
            "operator": _WORD,
            "bill_type": re.compile("METERED"),
            "sourceTaxAmount": re.compile(r"[0-9]{1,9}\.[0-9]{2}"),
            "chalanNo": re.compile(r"[0-9A-Z-]{4,25}"),
            "chalanDate": re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}"),
            "chalanBank": _WORD,
        },
        optional=frozenset({"chalanNo", "chalanDate", "chalanBank"}),
        may_withhold_tax=True,
    ),
    StatedMonthsUtility(
        id="titas_nonmetered",
        name="Titas Gas (non-metered)",
        family=FAMILY,
        number="220#####",
        fields={
            "customer_code": "{number}",
            BURNER_TYPE: "{choice}",
            "from_month": "{yyyy}{mm}",
            "mobile": "017000{serial}",
        },
        unchecked_fields=frozenset({"from_month", "mobile"}),
        amount=FeeByChoice(_TARIFF_PAISA, parameter=BURNER_TYPE),
        payment_rule=AnyAmount(min(_TARIFF_PAISA.values()), 2 * MONTHS_MAX * max(_TARIFF_PAISA.values())),
        members_by_parameter={"customer_code": ("customer",)},
        member_patterns={"bill_type": re.compile("NONMETERED")},
    ),
    Utility(
        id="dhaka_wasa",
        name="Dhaka WASA",
        family=FAMILY,
        number="511#####",
        bill_number="{yyyy}{mm}{number}",
        fields={"bill_no": "{bill_number}"},
        alternative_fields={"account_no": "{number}"},
        amount=AmountRange(20_000, 400_000),
        lines=AmountSplitRules(vat_bp=1_500, late_bp=500, other_bp=4_000),
        layout=WASA,
        members_by_parameter={"bill_no": ("billno",), "account_no": ("account_no",)},
        payment_members=("branch_id", "payment_type", "channel_type", "remarks"),
    ),
    _rehearsal(),
)

UTILITIES: Mapping[str, Utility] = MappingProxyType(
    {institution.id: institution for institution in INSTITUTIONS}
)


def service_list() -> list[dict[str, str]]:
    """Return the utilities as service-list lists them, without the one for rehearsals."""
    return [
        {"utility": institution.id, "name": institution.name}
        for institution in INSTITUTIONS
        if institution.id != REHEARSAL
    ]
