"""The billers of this family; the numbers follow the patterns of billers.md 1.1, the amounts are ours."""

from sandbox.kit.biller.bills import AmountSplitRules
from sandbox.kit.biller.institution import AmountRange, House, InParts, rehearsal_institution
from sandbox.kit.biller.own_file_columns import GAS, NESCO, WASA

FAMILY = "direct"

_STAMP_PAISA = 1_000
_ELECTRICITY = AmountSplitRules(vat_bp=500, late_bp=500, stamp_paisa=_STAMP_PAISA)
_WATER = AmountSplitRules(vat_bp=1_500, late_bp=500, other_bp=3_000)
_TELEPHONE = AmountSplitRules(vat_bp=1_500, stamp_paisa=_STAMP_PAISA)

HOUSES: tuple[House, ...] = (
    House(
        id="dpdc_postpaid",
        name="DPDC (postpaid)",
        family=FAMILY,
        number="234#####",
        bill_number="{yy}{mm}{number}",
        fields={"customer_no": "{number}", "bill_period": "{yyyy}{mm}"},
        amount=AmountRange(15_000, 900_000),
        lines=_ELECTRICITY,
        office_code="B6",
    ),
    House(
        id="nesco_postpaid",
        name="NESCO (postpaid)",
        family=FAMILY,
        number="345#####",
        bill_number="{yy}{mm}{number}",
        fields={"bill_no": "{bill_number}"},
        amount=AmountRange(12_000, 700_000),
        lines=_ELECTRICITY,
        town="Rajshahi",
        office_code="RAJ-1",
        layout=NESCO,
    ),
    House(
        id="wzpdcl_postpaid",
        name="West Zone Power (postpaid)",
        family=FAMILY,
        number="3012#####",
        bill_number="{yy}{mm}{number}",
        fields={"account_no": "{number}"},
        amount=AmountRange(12_000, 700_000),
        lines=_ELECTRICITY,
        town="Khulna",
    ),
    House(
        id="kgdcl_gas",
        name="Karnaphuli Gas",
        family=FAMILY,
        number="201#####",
        bill_number="{yy}{mm}{number}",
        fields={"customer_code": "{number}", "mobile": "017000{serial}"},
        unchecked_fields=frozenset({"mobile"}),
        amount=AmountRange(99_000, 108_000, 9_000),
        lines=AmountSplitRules(late_bp=1_000, stamp_paisa=_STAMP_PAISA),
        town="Chattogram",
        layout=GAS,
    ),
    House(
        id="chattogram_wasa",
        name="Chattogram WASA",
        family=FAMILY,
        number="41#####",
        bill_number="{yyyy}{mm}{number}",
        fields={"month": "{mm}", "bill_no": "{bill_number}"},
        amount=AmountRange(20_000, 300_000),
        lines=_WATER,
        town="Chattogram",
        layout=WASA,
    ),
    House(
        id="holding_tax_city",
        name="Holding tax (city corporation)",
        family=FAMILY,
        number="H-#####",
        bill_number="{yy}{mm}-{number}",
        fields={"holding_no": "{number}", "ward": "{ward}", "quarter": "{quarter}"},
        amount=AmountRange(50_000, 1_500_000, 1_000),
        lines=AmountSplitRules(late_bp=500),
        payment_rule=InParts(),
        months_apart=3,
    ),
    House(
        id="btcl_bill",
        name="BTCL telephone",
        family=FAMILY,
        number="02410#####",
        bill_number="{yy}{mm}{number}",
        fields={"phone_no": "{number}", "exchange_code": "0241"},
        alternative_fields={"bill_no": "{bill_number}"},
        amount=AmountRange(15_000, 150_000, 50),
        lines=_TELEPHONE,
    ),
    rehearsal_institution(FAMILY),
)
