"""The billers of this family; the numbers follow the patterns of billers.md 1.1, the amounts are ours."""

from sandbox.kit.biller.bills import AmountSplitRules
from sandbox.kit.biller.institution import AmountRange, House, rehearsal_institution

FAMILY = "batch"

INSTITUTIONS: tuple[House, ...] = (
    House(
        id="nu_fee",
        name="National University fees",
        family=FAMILY,
        number="562#####",
        bill_number="{yy}{mm}{number}",
        fields={"pay_slip_no": "{bill_number}"},
        alternative_fields={"application_id": "{number}"},
        amount=AmountRange(48_500, 70_000, 21_500),
        town="Gazipur",
    ),
    House(
        id="school_fee",
        name="School or college tuition",
        family=FAMILY,
        number="S-#####",
        bill_number="{yyyy}{mm}-{number}",
        fields={"institute_id": "MDHS01", "student_id": "{number}", "billing_month": "{yyyy}{mm}"},
        amount=AmountRange(60_000, 400_000, 5_000),
        lines=AmountSplitRules(late_bp=500, other_bp=1_000),
    ),
    House(
        id="up_holding_tax",
        name="Union Parishad holding tax",
        family=FAMILY,
        number="HT-#####",
        bill_number="{yyyy}{mm}-{number}",
        fields={"union_id": "26140011", "holding_no": "{number}", "year": "{yyyy}"},
        amount=AmountRange(20_000, 150_000, 1_000),
        months_apart=12,
        town="Savar",
    ),
    rehearsal_institution(FAMILY),
)
