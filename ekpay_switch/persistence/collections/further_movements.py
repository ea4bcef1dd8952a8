"""Writing money that its payment does not wait for: further movements with the refunds that give them back.

What a connector tells beside a try and cannot be booked is kept as an unbooked movement (docs/adr/0075).

The caller has locked the books, the provider's name of the movement, the payment and the try.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ekpay_switch.domain.collections.funding import LockedTry, MoneyCollected, TryFinding
from ekpay_switch.domain.collections.further_movements import (
    FurtherMovement,
    UnbookedMovement,
    movements_beside,
    owed_for_break,
)
from ekpay_switch.domain.ledger.posting_rules import owed_back_from_suspense_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.persistence.collections.break_refunds import is_owed_beside
from ekpay_switch.persistence.collections.finding_evidence import facts_of_movement
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.payment_rows import Row, keep_evidence
from ekpay_switch.persistence.schema.collections import IS_UNBOOKED
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
# One that is told otherwise than before waits anew.
KEEP_UNBOOKED = """
INSERT INTO unbooked_movements AS u (attempt_id, provider_transaction, currency, amount, why)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (attempt_id, provider_transaction) DO UPDATE SET currency = excluded.currency,
  amount = excluded.amount, why = excluded.why, told_at = now(), decision_id = NULL
WHERE (u.currency, u.amount, u.why) IS DISTINCT FROM (excluded.currency, excluded.amount, excluded.why)
RETURNING true
"""
_UNBOOKED_OF = f"FROM tries AS t WHERE t.payment_id = $1 AND t.attempt_id = u.attempt_id AND {IS_UNBOOKED}"
DECIDE_UNBOOKED = f"UPDATE unbooked_movements AS u SET decision_id = $2 {_UNBOOKED_OF}"  # noqa: S608
READ_UNBOOKED = f"""
SELECT u.* FROM tries AS t JOIN unbooked_movements AS u ON u.attempt_id = t.attempt_id
WHERE t.payment_id = $1 AND {IS_UNBOOKED} ORDER BY u.attempt_id, u.provider_transaction
"""  # noqa: S608 - constants
NEW_REFUND = """
INSERT INTO refunds (id, payment_id, attempt_id, partner_id, connector_id, kind, reference, fingerprint,
  amount, reason, state, asked_by, our_reference, further_movement_id, next_action_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, 'the payment did not wait for this money', $9, 'switch', $10, $11,
  now())
"""


@dataclass(frozen=True, slots=True)
class MoneyBeside:
    """Money beside what a try has collected that counts nowhere yet: to be booked, or impossible to book."""

    to_book: tuple[FurtherMovement, ...] = ()
    unbooked: tuple[UnbookedMovement, ...] = ()


async def read_money_beside(
    connection: Connection, try_row: Row, finding: TryFinding, first: str | None
) -> MoneyBeside:
    """What a finding tells beside the movement that its try has collected under the name `first`.

    While a decision about a break owes money beside the try, or has paid it, nothing is booked: it may be
    the same money. Decision and booking see each other under the payment's lock (docs/adr/0073).
    """
    connector_id = try_row["connector_id"]
    movements = movements_beside(finding, connector_id, first)
    # Under one name the first of them counts.
    told = {each.provider_transaction: each for each in reversed(movements)}
    new = [
        each
        for name, each in told.items()
        if not (name and await connection.fetchval(IS_KNOWN, connector_id, name))
    ]
    to_book = tuple(each for each in new if isinstance(each, FurtherMovement))
    unbooked = tuple(each for each in new if isinstance(each, UnbookedMovement))
    if to_book and await is_owed_beside(connection, try_row["attempt_id"]):
        return MoneyBeside(unbooked=(*map(owed_for_break, to_book), *unbooked))
    return MoneyBeside(to_book, unbooked)


async def write_money_beside(
    connection: Connection, payment: Row, try_row: Row, beside: MoneyBeside
) -> set[str]:
    """Book what can be booked and keep the rest, each once; the provider's names of what is new."""
    for movement in beside.to_book:
        await book_further_movement(connection, payment, try_row, movement)
    kept = await keep_unbooked(connection, try_row["attempt_id"], beside.unbooked)
    return {movement.provider_transaction for movement in beside.to_book} | kept


async def keep_unbooked(
    connection: Connection, attempt_id: UUID, movements: Sequence[UnbookedMovement]
) -> set[str]:
    """Keep money that is told and cannot be booked; the names of what is new, or told otherwise than before.

    What two persons have decided about waits again only where it is told otherwise.
    """
    return {
        movement.provider_transaction
        for movement in movements
        if await connection.fetchval(
            KEEP_UNBOOKED, attempt_id, movement.provider_transaction, movement.amount.currency,
            movement.amount.minor, movement.why,
        )
    }  # fmt: skip


async def decide_unbooked(connection: Connection, payment_id: UUID, decision_id: UUID) -> None:
    """Nothing of a payment's unbooked movements waits any more: two persons have decided."""
    await connection.execute(DECIDE_UNBOOKED, payment_id, decision_id)


async def read_unbooked(connection: Connection, payment_id: UUID) -> tuple[UnbookedMovement, ...]:
    """The unbooked movements under any try of a payment that wait for a decision, by name."""
    rows = await connection.fetch(READ_UNBOOKED, payment_id)
    return tuple(
        UnbookedMovement(row["provider_transaction"], Money(row["amount"], row["currency"]), row["why"])
        for row in rows
    )


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


async def keep_told(connection: Connection, locked_try: LockedTry, finding: MoneyCollected) -> None:
    """Keep what a payer has paid besides on the same page as evidence, movement by movement."""
    collected = finding.judged.collected
    for kind, others in (("paid_twice", collected.further), ("unproven", collected.unproven)):
        for number, other in enumerate(others, 1):
            await keep_evidence(connection, locked_try, f"{kind}:{number}", facts_of_movement(other))


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
