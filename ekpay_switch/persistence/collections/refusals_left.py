"""How many more refusals of instruments a merchant's payment bears, by the merchant's agreement."""

from ekpay_switch.domain.collections.funding import (
    INSTRUMENT_REFUSALS,
    LockedTry,
    NothingCollected,
    TryFinding,
)
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.persistence.payment_rows import LEG, Row
from ekpay_switch.persistence.short_transactions import Connection

REFUSALS_LEFT = """
SELECT refusals_max - 1 - (
  SELECT count(*)::int FROM attempts
  WHERE payment_id = $2 AND leg = $3 AND id <> $4 AND state = 'closed' AND outcome = ANY($5::text[])
) FROM merchants WHERE partner_id = $1
"""


async def read_refusals_left(
    connection: Connection, payment: Row, locked_try: LockedTry, finding: TryFinding
) -> int | None:
    """What is left after this try if nothing came of it; None for the payment of a bill, which bears any."""
    if not isinstance(finding, NothingCollected) or not is_merchant(payment["biller_id"]):
        return None
    values = (locked_try.payment_id, LEG, locked_try.attempt_id, list(INSTRUMENT_REFUSALS))
    left: int = await connection.fetchval(REFUSALS_LEFT, payment["partner_id"], *values)
    return max(left, 0)
