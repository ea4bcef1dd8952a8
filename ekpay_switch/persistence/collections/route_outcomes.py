"""Writing what a payment call came to, and what that does to its connector's breaker, with the finding.

The breaker's row is the last that a finding locks, and only where there is something to judge: a doubt, or a
breaker that is not closed. Whoever locks it counts every outcome that was committed before, so that the fifth
doubt in a row opens it whichever process writes it.
"""

from datetime import timedelta

from ekpay_switch import telemetry
from ekpay_switch.domain.collections.funding import Finding, HeldTry
from ekpay_switch.domain.routing.breaker import (
    DOUBTS,
    Breaker,
    BreakerRules,
    BreakerState,
    Called,
    RouteOutcome,
    judge,
)
from ekpay_switch.domain.routing.outcomes import outcome_of
from ekpay_switch.persistence.own_transactions import Connection
from ekpay_switch.persistence.payment_rows import Row

READ_STATE = "SELECT state FROM connector_breakers WHERE connector_id = $1"
KNOW_BREAKER = "INSERT INTO connector_breakers (connector_id) VALUES ($1) ON CONFLICT DO NOTHING"
LOCK_BREAKER = "SELECT *, now() AS now FROM connector_breakers WHERE connector_id = $1 FOR UPDATE"
# A try from before there were decisions has no say.
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


async def note_outcome(connection: Connection, held: HeldTry, finding: Finding, rules: BreakerRules) -> None:
    """Keep the outcome behind a finding, if there is one, and move the breaker as it says."""
    outcome = outcome_of(finding)
    if outcome is None:
        return
    row = await _locked(connection, held.connector_id, outcome)
    if not await connection.fetchval(NEW_OUTCOME, held.attempt_id, str(outcome)) or row is None:
        return
    seen = Breaker(BreakerState(row["state"]), row["since"], row["because"], row["probe"])
    called = Called(outcome, str(held.attempt_id), held.opened_at, row["now"])
    after = judge(called, seen, await _newest(connection, row, rules), rules)
    if after is None:
        return
    moved = (str(after.state), after.since, after.because, after.probe)
    await connection.execute(MOVE_BREAKER, held.connector_id, row["epoch"], *moved)
    if after.state is not seen.state:
        telemetry.log_warning(
            "breaker_moved", connector_id=held.connector_id, state=after.state, reason=after.because
        )


async def _locked(connection: Connection, connector_id: str, outcome: RouteOutcome) -> Row | None:
    """The breaker under lock, or None where this outcome cannot move it."""
    if outcome in DOUBTS:
        await connection.execute(KNOW_BREAKER, connector_id)
    elif await connection.fetchval(READ_STATE, connector_id) in {None, BreakerState.CLOSED}:
        return None
    row: Row = await connection.fetchrow(LOCK_BREAKER, connector_id)
    return row


async def _newest(connection: Connection, breaker: Row, rules: BreakerRules) -> list[RouteOutcome]:
    """What counts, the newest first: since the breaker closed last, as far as anybody remembers."""
    since = max(breaker["since"], breaker["now"] - timedelta(seconds=rules.memory_seconds))
    rows = await connection.fetch(NEWEST, breaker["connector_id"], since, rules.window)
    return [RouteOutcome(row["outcome"]) for row in rows]
