"""Writing money that its payment does not wait for: further movements, and the refunds that give it back.

The caller has locked the books, the provider's name of the movement, the payment and the try.
"""

from uuid import UUID

from ekpay_switch.domain.collections.funding import LockedTry, MoneyCollected, TryFinding
from ekpay_switch.domain.collections.further_movements import (
    FurtherMovement,
    further_movement,
    further_movement_of,
)
from ekpay_switch.domain.ledger.posting_rules import owed_back_from_suspense_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.persistence.collections.finding_evidence import facts_of_movement
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.payment_rows import Row, keep_evidence
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.security.identifiers import unguessable, uuid7

IS_FURTHER = "SELECT true FROM further_movements WHERE connector_id = $1 AND provider_transaction = $2"
IS_KNOWN = f"""
{IS_FURTHER}
UNION ALL SELECT true FROM tries WHERE connector_id = $1 AND provider_transaction = $2 LIMIT 1
"""  # noqa: S608 - constants
NEW_MOVEMENT = """
INSERT INTO further_movements (id, attempt_id, connector_id, provider_transaction, amount, entry_id)
VALUES ($1, $2, $3, $4, $5, $6)
"""
NEW_REFUND = """
INSERT INTO refunds (id, payment_id, attempt_id, partner_id, connector_id, kind, reference, fingerprint,
  amount, reason, state, asked_by, our_reference, further_movement_id, next_action_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, 'the payment did not wait for this money', $9, 'switch', $10, $11,
  now())
"""


async def unbooked_movement(
    connection: Connection, try_row: Row, finding: TryFinding
) -> FurtherMovement | None:
    """The further movement that a finding proves and that stands nowhere yet; None for any other finding."""
    if try_row["collected"] is None:
        return None
    connector_id = try_row["connector_id"]
    movement = further_movement_of(finding, connector_id, try_row["provider_transaction"] or "")
    if movement is None or await connection.fetchval(IS_KNOWN, connector_id, movement.provider_transaction):
        return None
    return movement


async def is_further_movement(connection: Connection, connector_id: str, name: str) -> bool:
    """Whether this movement of money was booked beside what some try has collected."""
    return bool(await connection.fetchval(IS_FURTHER, connector_id, name))


async def book_further_movement(
    connection: Connection, payment: Row, try_row: Row, movement: FurtherMovement
) -> None:
    """Book an unbooked further movement into suspense, and owe it to its payer."""
    movement_id, entry_id, connector_id = uuid7(), uuid7(), try_row["connector_id"]
    await connection.execute(
        NEW_MOVEMENT, movement_id, try_row["attempt_id"], connector_id, movement.provider_transaction,
        movement.amount.minor, entry_id,
    )  # fmt: skip
    await open_unexpected_refund(connection, payment, try_row, movement.amount, movement_id)
    owed = owed_back_from_suspense_entry(connector_id, movement.amount)
    lane, payment_id = payment["lane"], payment["id"]
    entries = (
        PostEntry(entry_id, lane, movement.entry, payment_id),
        PostEntry(uuid7(), lane, owed, payment_id),
    )
    await write_batch(connection, [*entries])


async def keep_further(
    connection: Connection, locked_try: LockedTry, payment: Row, try_row: Row, finding: MoneyCollected
) -> None:
    """Keep what a payer has paid besides on the same page as evidence, and book what can be booked of it.

    The try has collected its own movement in this transaction. What is unproven is evidence alone.
    """
    connector_id, collected = locked_try.connector_id, finding.judged.collected
    for number, unproven in enumerate(collected.unproven, 1):
        await keep_evidence(connection, locked_try, f"unproven:{number}", facts_of_movement(unproven))
    for number, further in enumerate(collected.further, 1):
        await keep_evidence(connection, locked_try, f"paid_twice:{number}", facts_of_movement(further))
        movement = further_movement(
            further, connector_id, collected.provider_transaction, finding.charge_basis_points
        )
        if movement is None:
            continue
        if not await connection.fetchval(IS_KNOWN, connector_id, movement.provider_transaction):
            await book_further_movement(connection, payment, try_row, movement)


async def open_unexpected_refund(
    connection: Connection, payment: Row, try_row: Row, amount: Money, movement_id: UUID | None = None
) -> None:
    """Add the refund of money that its payment did not wait for; it needs no request and no approval.

    It gives back what the try has collected, or the further movement with this id; the caller owes it.
    """
    kind, attempt_id = RefundKind.UNEXPECTED, try_row["attempt_id"]
    await connection.execute(
        NEW_REFUND, uuid7(), payment["id"], attempt_id, payment["partner_id"], try_row["connector_id"], kind,
        f"{kind}:{movement_id or attempt_id}", amount.minor, RefundState.APPROVED, unguessable(), movement_id,
    )  # fmt: skip
