"""The port `ChargebackRows` over PostgreSQL: the disputes that settlement files open (docs/adr/0101)."""

from typing import Final
from uuid import UUID

import asyncpg

from ekpay_switch.domain.disputes.chargeback_rows import (
    ChargebackRowOutcome,
    DisputedCollection,
    StandingDispute,
    chargeback_row_outcome,
)
from ekpay_switch.domain.disputes.dispute import AGAINST_US, OPEN, DisputeState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.persistence.disputes.money import READ_MOVEMENT, READ_PROPOSED
from ekpay_switch.persistence.disputes.rows import (
    NEW_DISPUTE,
    READ_NAMED,
    StepPersons,
    lock_case,
    open_next_round,
    raise_notified,
    read_view,
)
from ekpay_switch.persistence.refunds.rows import (
    TARGET_OF_ATTEMPT,
    RefundTarget,
    Row,
    lock_target,
    read_target,
)
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.disputes import ChargebackRow, ChargebackRowAnswer

STANDING: Final = ", ".join(f"'{state}'" for state in (*OPEN, *AGAINST_US))
# Chargebacks that booked nothing.
UNBOOKED: Final = frozenset({RefundState.FAILED, RefundState.REJECTED})
# The try that collected under our reference, or under the connector's name of the movement.
READ_TRY: Final = """
SELECT t.attempt_id FROM attempts AS a JOIN tries AS t ON t.attempt_id = a.id
WHERE a.far_side = $1 AND a.reference = $2 AND t.collected IS NOT NULL
UNION ALL
SELECT t.attempt_id FROM tries AS t
WHERE t.connector_id = $1 AND t.provider_transaction = $2 AND t.collected IS NOT NULL
LIMIT 1
"""
READ_OF_TRY: Final = """
SELECT id, amount, state, refund_id IS NOT NULL AS has_money, opened_from IS NOT NULL AS is_from_file
FROM disputes WHERE attempt_id = $1 ORDER BY id
"""
# A round that an earlier reading of the row has opened.
READ_ROUND: Final = """
SELECT d.id FROM disputes AS d JOIN dispute_history AS h ON h.dispute_id = d.id
WHERE d.attempt_id = $1 AND h.event = 'round_opened' AND h.facts ->> 'movement' = $2 LIMIT 1
"""
# A dispute that stands and has the row by name, or waits for its money; $3 is the try, $4 the row's amount.
READ_STANDING = f"""
SELECT d.id, d.name FROM disputes AS d WHERE d.attempt_id = $3 AND d.state IN ({STANDING}) AND (
  d.name = $2 OR d.proposed ->> 'movement' = $2
  OR d.refund_id IS NULL AND d.amount = $4
  OR EXISTS (SELECT FROM dispute_history AS h WHERE h.dispute_id = d.id AND h.event = 'round_opened'
    AND h.facts ->> 'movement' = $2))
  AND d.connector_id = $1
ORDER BY d.id LIMIT 1
"""  # noqa: S608 - constants
# No dispute of the try moves until the transaction ends: whoever works on one locks its try.
LOCK_TRY = "SELECT FROM tries WHERE attempt_id = $1 FOR UPDATE"
NEW_DECISION = """
INSERT INTO chargeback_decisions (connector_id, name, entry_id, amount) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
RELEASE_DECISION = """
INSERT INTO chargeback_decisions (connector_id, name, entry_id, amount)
SELECT connector_id, name, $2, -amount FROM chargeback_decisions WHERE entry_id = $1
ON CONFLICT DO NOTHING
"""


class DisputedChargebackRows:
    """Records chargeback rows as disputes, and keeps which of them persons have decided."""

    async def record(self, connection: Connection, row: ChargebackRow) -> ChargebackRowAnswer:
        """See `ports.disputes.ChargebackRows`."""
        attempt_id = await connection.fetchval(READ_TRY, row.connector_id, row.collected)
        if attempt_id is None:
            return ChargebackRowAnswer(row, ChargebackRowOutcome.NO_PAYMENT)
        target = await read_target(connection, TARGET_OF_ATTEMPT, attempt_id)
        assert target is not None, "a try has a target"
        try:
            async with connection.transaction():
                outcome, dispute_id = await _record(connection, row, target)
        except asyncpg.UniqueViolationError:
            # The same name for another payment at the same moment, under other locks.
            outcome, dispute_id = ChargebackRowOutcome.NAME_TAKEN, None
        return ChargebackRowAnswer(row, outcome, dispute_id)

    async def booked_by(self, connection: Connection, row: ChargebackRow) -> str:
        """See `ports.disputes.ChargebackRows`."""
        attempt_id = await connection.fetchval(READ_TRY, row.connector_id, row.collected)
        await connection.execute(LOCK_TRY, attempt_id)
        money = await connection.fetchrow(READ_MOVEMENT, row.connector_id, row.name)
        if money is not None and money["dispute_id"] is None and money["state"] not in UNBOOKED:
            return f"refund {money['id']} is its chargeback: ekpay refunds show {money['id']}"
        if money is not None and money["dispute_id"] is not None:
            number = money["dispute_id"]
            return f"dispute {number} has booked it: ekpay disputes show {number}"
        dispute = await connection.fetchrow(
            READ_STANDING, row.connector_id, row.name, attempt_id, row.amount.minor
        )
        if dispute is None:
            return ""
        number, command = dispute["id"], f"ekpay disputes held {dispute['id']} --movement {row.name}"
        return f"dispute {number} ({dispute['name']}) has it: {command}, or ekpay disputes settle {number}"

    async def decide(self, connection: Connection, entry_id: UUID, row: ChargebackRow) -> None:
        """See `ports.disputes.ChargebackRows`."""
        await connection.execute(NEW_DECISION, row.connector_id, row.name, entry_id, row.amount.minor)

    async def release(self, connection: Connection, entry_id: UUID, reversal_id: UUID) -> None:
        """See `ports.disputes.ChargebackRows`."""
        await connection.execute(RELEASE_DECISION, entry_id, reversal_id)


async def _record(
    connection: Connection, row: ChargebackRow, target: RefundTarget
) -> tuple[ChargebackRowOutcome, int | None]:
    payment, try_row = await lock_target(connection, target)
    known = await _known(connection, row, target.attempt_id)
    if known is not None:
        return known
    collection = await read_collection(connection, payment, try_row)
    outcome, dispute = chargeback_row_outcome(row.amount, collection)
    if outcome is ChargebackRowOutcome.OPENED:
        return outcome, await _open(connection, row, target)
    if outcome is ChargebackRowOutcome.ROUND_OPENED:
        assert dispute is not None, "a round is of a dispute"
        case = await lock_case(connection, dispute.id, target)
        facts = {"word": f"chargeback row of {row.file}", "movement": row.name}
        await open_next_round(case, StepPersons(None), facts, row.answer_due_on)
    return outcome, None if dispute is None else dispute.id


async def _known(
    connection: Connection, row: ChargebackRow, attempt_id: UUID
) -> tuple[ChargebackRowOutcome, int | None] | None:
    """What has the name of the row already, as a dispute or as a movement of money; None if nothing has."""
    dispute = await connection.fetchrow(READ_NAMED, row.connector_id, row.name)
    if dispute is not None:
        content = (dispute["attempt_id"], dispute["amount"], dispute["currency"])
        is_same = content == (attempt_id, row.amount.minor, row.amount.currency)
        return ChargebackRowOutcome.KNOWN if is_same else ChargebackRowOutcome.NAME_TAKEN, dispute["id"]
    money = await connection.fetchrow(READ_MOVEMENT, row.connector_id, row.name)
    if money is not None:
        content = (money["kind"], money["attempt_id"], money["amount"])
        is_same = content == (RefundKind.CHARGEBACK, attempt_id, row.amount.minor)
        outcome = ChargebackRowOutcome.KNOWN if is_same else ChargebackRowOutcome.NAME_TAKEN
        return outcome, money["dispute_id"]
    # No dispute has the number 0, so none is left out.
    number = await connection.fetchval(READ_PROPOSED, row.connector_id, row.name, 0)
    number = number or await connection.fetchval(READ_ROUND, attempt_id, row.name)
    return None if number is None else (ChargebackRowOutcome.KNOWN, number)


async def read_collection(connection: Connection, payment: Row, try_row: Row) -> DisputedCollection:
    """What was collected by a try, which is locked, with its disputes."""
    disputes = [
        StandingDispute(
            row["id"], row["amount"], DisputeState(row["state"]), row["has_money"], row["is_from_file"]
        )
        for row in await connection.fetch(READ_OF_TRY, try_row["attempt_id"])
    ]
    currency = payment["currency"]
    return DisputedCollection(
        Money(try_row["collected"], currency), Money(try_row["charged_back"], currency), disputes
    )


async def _open(connection: Connection, row: ChargebackRow, target: RefundTarget) -> int:
    dispute_id: int = await connection.fetchval(
        NEW_DISPUTE, target.payment_id, target.attempt_id, row.connector_id, row.name, row.amount.minor,
        row.amount.currency, f"chargeback row of {row.file}", row.answer_due_on, None, row.file,
    )  # fmt: skip
    await raise_notified(connection, await read_view(connection, dispute_id))
    return dispute_id
