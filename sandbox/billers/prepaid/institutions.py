"""The utilities of this family; the numbers follow the patterns of billers.md 1.1, the amounts are ours."""

from sandbox.billers.prepaid.charges import VAT_BP
from sandbox.billers.prepaid.utility import AMOUNT, MOBILE, PrepaidUtility
from sandbox.kit.biller.bills import AmountSplitRules
from sandbox.kit.biller.institution import REHEARSAL, AmountRange, AnyAmount

FAMILY = "prepaid"

PAYER = {MOBILE: "017001{serial}", AMOUNT: "{taka}"}
FREE = frozenset(PAYER)
BOUNDS = AnyAmount(10_000, 1_500_000)
RECHARGE = AmountRange(30_000, 300_000, 10_000)
LINES = AmountSplitRules(vat_bp=VAT_BP)

INSTITUTIONS: tuple[PrepaidUtility, ...] = (
    PrepaidUtility(
        id="desco_prepaid",
        name="DESCO (smart prepaid)",
        family=FAMILY,
        number="412#####",
        fields={"account_no": "{number}", **PAYER},
        unchecked_fields=FREE,
        amount=RECHARGE,
        lines=LINES,
        payment_rule=BOUNDS,
        # A meter whose account ends with 4 is out of reach, and its token is keyed in.
        remote_digits=frozenset("012356789"),
    ),
    PrepaidUtility(
        id="dpdc_prepaid",
        name="DPDC (prepaid)",
        family=FAMILY,
        number="234#####",
        fields={"customer_no": "{number}", **PAYER},
        alternative_fields={"meter_no": "212345{serial}", **PAYER},
        unchecked_fields=FREE,
        amount=RECHARGE,
        lines=LINES,
        payment_rule=BOUNDS,
        remote_digits=frozenset("26"),
        tariff_lines=(1, 11, 5),
    ),
    PrepaidUtility(
        id="breb_prepaid",
        name="Palli Bidyut (prepaid)",
        family=FAMILY,
        number="3101234#####",
        fields={"meter_no": "{number}", **PAYER},
        unchecked_fields=FREE,
        amount=RECHARGE,
        lines=LINES,
        payment_rule=BOUNDS,
        town="Gazipur",
        office_code="PBS-4",
        tariff_lines=(11,),
    ),
    PrepaidUtility(
        id="wzpdcl_prepaid",
        name="West Zone Power (prepaid)",
        family=FAMILY,
        number="3201234#####",
        fields={"meter_no": "{number}", **PAYER},
        unchecked_fields=FREE,
        amount=RECHARGE,
        lines=LINES,
        payment_rule=BOUNDS,
        town="Khulna",
        # With the credit 9 or 11 lines at home, and 5 in a shop.
        tariff_lines=(8, 10, 4),
    ),
    PrepaidUtility(
        id=REHEARSAL,
        name="Rehearsal",
        family=FAMILY,
        number="700#####",
        fields={"account_no": "{number}", AMOUNT: "{taka}"},
        unchecked_fields=FREE,
        amount=RECHARGE,
        lines=LINES,
        payment_rule=BOUNDS,
    ),
)
