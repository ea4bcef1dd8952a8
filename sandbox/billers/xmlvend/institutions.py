"""The utilities of this family; the numbers follow the pattern of billers.md 1.1, the amounts are ours."""

from sandbox.billers.prepaid.institutions import BOUNDS, FREE, LINES, PAYER, RECHARGE
from sandbox.billers.prepaid.utility import PrepaidUtility
from sandbox.kit.biller.institution import REHEARSAL

FAMILY = "xmlvend"

INSTITUTIONS: tuple[PrepaidUtility, ...] = (
    PrepaidUtility(
        id="bpdb_prepaid",
        name="BPDB (prepaid)",
        family=FAMILY,
        number="0101123#####",
        fields={"meter_no": "{number}", **PAYER},
        unchecked_fields=FREE,
        amount=RECHARGE,
        lines=LINES,
        payment_rule=BOUNDS,
        town="Sylhet",
        office_code="SYL-2",
        # With the credit 4 to 12 lines: 80 to 240 digits.
        tariff_lines=(3, 11),
    ),
    PrepaidUtility(
        id=REHEARSAL,
        name="Rehearsal",
        family=FAMILY,
        number="7000000#####",
        fields={"meter_no": "{number}", **PAYER},
        unchecked_fields=FREE,
        amount=RECHARGE,
        lines=LINES,
        payment_rule=BOUNDS,
    ),
)
