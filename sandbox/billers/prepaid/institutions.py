"""The utilities of this family; the numbers follow the patterns of billers.md 1.1, the amounts are ours."""

from sandbox.billers.prepaid.charges import VAT_BP
from sandbox.billers.prepaid.utility import AMOUNT, MOBILE, PrepaidHouse
from sandbox.kit.biller.bills import Lines
from sandbox.kit.biller.institution import REHEARSAL, AmountRange, TakesAny

FAMILY = "prepaid"

PAYER = {MOBILE: "017001{serial}", AMOUNT: "{taka}"}
FREE = frozenset(PAYER)
BOUNDS = TakesAny(10_000, 1_500_000)
RECHARGE = AmountRange(30_000, 300_000, 10_000)
LINES = Lines(vat_bp=VAT_BP)

HOUSES: tuple[PrepaidHouse, ...] = (
    PrepaidHouse(
        id="desco_prepaid",
        name="DESCO (smart prepaid)",
        family=FAMILY,
        number="412#####",
        fields={"account_no": "{number}", **PAYER},
        free=FREE,
        amount=RECHARGE,
        lines=LINES,
        takes=BOUNDS,
        # A meter whose account ends with 4 is out of reach, and its token is keyed in.
        remote_digits=frozenset("012356789"),
    ),
    PrepaidHouse(
        id="dpdc_prepaid",
        name="DPDC (prepaid)",
        family=FAMILY,
        number="234#####",
        fields={"customer_no": "{number}", **PAYER},
        also={"meter_no": "212345{serial}", **PAYER},
        free=FREE,
        amount=RECHARGE,
        lines=LINES,
        takes=BOUNDS,
        remote_digits=frozenset("26"),
        tariff_lines=(1, 11, 5),
    ),
    PrepaidHouse(
        id="breb_prepaid",
        name="Palli Bidyut (prepaid)",
        family=FAMILY,
        number="3101234#####",
        fields={"meter_no": "{number}", **PAYER},
        free=FREE,
        amount=RECHARGE,
        lines=LINES,
        takes=BOUNDS,
        town="Gazipur",
        office_code="PBS-4",
        tariff_lines=(11,),
    ),
    PrepaidHouse(
        id="wzpdcl_prepaid",
        name="West Zone Power (prepaid)",
        family=FAMILY,
        number="3201234#####",
        fields={"meter_no": "{number}", **PAYER},
        free=FREE,
        amount=RECHARGE,
        lines=LINES,
        takes=BOUNDS,
        town="Khulna",
        # With the credit 9 or 11 lines at home, and 5 in a shop.
        tariff_lines=(8, 10, 4),
    ),
    PrepaidHouse(
        id=REHEARSAL,
        name="Rehearsal",
        family=FAMILY,
        number="700#####",
        fields={"account_no": "{number}", AMOUNT: "{taka}"},
        free=FREE,
        amount=RECHARGE,
        lines=LINES,
        takes=BOUNDS,
    ),
)
