"""Recording the outcome of a payment call with its finding, and moving the breaker of its connector.

The breaker's row is the last one that a finding locks, and only for a doubt or a breaker that is not closed.
The count under this lock includes every outcome committed before, so that the fifth doubt in a row opens the
breaker whichever process writes it.
"""

from datetime import timedelta

from ekpay_switch import telemetry
from ekpay_switch.domain.collections.funding import LockedTry, TryFinding
from ekpay_switch.domain.routing.breaker import (
    DOUBTS,
    Breaker,
    BreakerRules,
    BreakerState,
    PaymentCall,
    RouteOutcome,
    breaker_after,
)
from ekpay_switch.domain.routing.outcomes import outcome_of
from ekpay_switch.persistence.payment_rows import Row
from ekpay_switch.persistence.short_transactions import Connection

READ_STATE = "SELECT state FROM connector_breakers WHERE connector_id = $1"
KNOW_BREAKER = "INSERT INTO connector_breakers (connector_id) VALUES ($1) ON CONFLICT DO NOTHING"
LOCK_BREAKER = "SELECT *, now() AS now FROM connector_breakers WHERE connector_id = $1 FOR UPDATE"
# A try without a routing decision, from before they were kept, does not count.
NEW_OUTCOME = """
INSERT INTO routing_outcomes (attempt_id, connector_id, instrument, outcome)
SELECT attempt_id, chosen, kind, $2::text FROM routing_decisions WHERE attempt_id = $1
ON CONFLICT DO NOTHING RETURNING true
"""
NEWEST = """
SELECT outcome FROM routing_outcomes WHERE connector_id = $1 AND at >= $2 ORDER BY at DESC, id DESC LIMIT $3
"""
MOVE_BREAKER = """
UPDATE connector_breakers SET state = $3, since = $4, because = $5, probe = $6, epoch = epoch + 1,
  probe_until = CASE WHEN $6 <> '' THEN probe_until END
WHERE connector_id = $1 AND epoch = $2
"""


async def note_outcome(
    connection: Connection, locked_try: LockedTry, finding: TryFinding, rules: BreakerRules
) -> None:
    """Record the outcome of a finding, if it has one, and move the breaker accordingly."""
    outcome = outcome_of(finding)
    if outcome is None:
        return
    row = await _lock_breaker(connection, locked_try.connector_id, outcome)
    if not await connection.fetchval(NEW_OUTCOME, locked_try.attempt_id, str(outcome)) or row is None:
        return
    before = Breaker(BreakerState(row["state"]), row["since"], row["because"], row["probe"])
    called = PaymentCall(outcome, str(locked_try.attempt_id), locked_try.opened_at, row["now"])
    after = breaker_after(called, before, await _newest_outcomes(connection, row, rules), rules)
    if after is None:
        return
    await connection.execute(
        MOVE_BREAKER, locked_try.connector_id, row["epoch"], str(after.state), after.since, after.reason,
        after.probe,
    )  # fmt: skip
    if after.state is not before.state:
        telemetry.log_warning(
            "breaker_moved", connector_id=locked_try.connector_id, state=after.state, reason=after.reason
        )


async def _lock_breaker(connection: Connection, connector_id: str, outcome: RouteOutcome) -> Row | None:
    """The breaker under lock, or None where this outcome cannot move it."""
    if outcome in DOUBTS:
        await connection.execute(KNOW_BREAKER, connector_id)
    elif await connection.fetchval(READ_STATE, connector_id) in {None, BreakerState.CLOSED}:
        return None
    row: Row = await connection.fetchrow(LOCK_BREAKER, connector_id)
    return row


async def _newest_outcomes(connection: Connection, breaker: Row, rules: BreakerRules) -> list[RouteOutcome]:
    """The outcomes that count, the newest first: since the breaker last closed, within the rules' memory."""
    since = max(breaker["since"], breaker["now"] - timedelta(seconds=rules.memory_seconds))
    rows = await connection.fetch(NEWEST, breaker["connector_id"], since, rules.window)
    return [RouteOutcome(row["outcome"]) for row in rows]
