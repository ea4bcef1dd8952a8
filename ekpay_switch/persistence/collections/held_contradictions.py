"""Late answers that end a hold otherwise than two persons did: nothing is booked, and finance hears of it."""

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.collections.funding import LockedTry, TryFinding
from ekpay_switch.domain.collections.held_decisions import HeldDecision, contradicts
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.collections.finding_evidence import kind_of_finding
from ekpay_switch.persistence.short_transactions import Connection

# The newest one counts: a connector may hold again what it had let go of.
READ_DECISION = """
SELECT kind FROM evidence WHERE payment_id = $1 AND attempt_id = $2 AND kind = ANY($3::text[])
ORDER BY id DESC LIMIT 1
"""


async def read_held_decision(connection: Connection, locked_try: LockedTry) -> HeldDecision | None:
    """What two persons decided last about the held money of a try, or None."""
    kinds = [str(kind) for kind in HeldDecision]
    kind = await connection.fetchval(READ_DECISION, locked_try.payment_id, locked_try.attempt_id, kinds)
    return None if kind is None else HeldDecision(kind)


async def tell_contradiction(connection: Connection, locked_try: LockedTry, finding: TryFinding) -> None:
    """Raise the alarm where an answer that sets nothing contradicts a decision about held money."""
    decision = await read_held_decision(connection, locked_try)
    if decision is None or not contradicts(decision, finding):
        return
    facts = {
        "connector_id": locked_try.order.connector_id,
        "decided": str(decision),
        "said": kind_of_finding(finding),
    }
    alarm = RaisedAlarm.of_payment(Alarm.HELD_ENDED_OTHERWISE, locked_try.payment_id, facts)
    await raise_alarms(connection, [alarm])
