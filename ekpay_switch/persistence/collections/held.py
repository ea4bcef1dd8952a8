"""Payers' money that a connector holds for its risk: what is held, and what two persons decide about it.

The decisions are called in a transaction of their caller, who has checked the two persons and has given the
accounts of `accounts_of_held` their rows before. They lock as everything that posts does: the books, the
movement, the payment, the try (`payment_rows`); whoever holds the try loses it, so that an answer that is on
its way becomes evidence. Each is done once, and repeated it answers the same.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ekpay_switch.domain.collections.connector_calls import Collected, judge_collected
from ekpay_switch.domain.collections.funding import LockedTry, MoneyCollected, NothingCollected, TryEnd
from ekpay_switch.domain.collections.held_decisions import HeldDecision
from ekpay_switch.domain.decisions.case import HeldMoney
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.money import BDT
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.collections.finding_evidence import HELD, facts_of_movement, movement_of_facts
from ekpay_switch.persistence.collections.findings import write_decision
from ekpay_switch.persistence.collections.held_contradictions import read_held_decision
from ekpay_switch.persistence.collections.share_postings import accounts_of_shares, read_shares
from ekpay_switch.persistence.collections.store import collect_accounts
from ekpay_switch.persistence.payment_rows import (
    LOCK_TRY,
    MOVEMENT_LOCK,
    Row,
    from_json,
    keep_evidence,
    lock_books,
    lock_name,
    lock_payment,
    read_locked_tries,
    update_row,
)
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import TryRecorded

# The newest answer that says that it is held has everything that would be booked.
READ_ONE = """
SELECT t.payment_id, t.connector_id, p.lane, p.biller_id, e.facts
FROM tries AS t JOIN payments AS p ON p.id = t.payment_id
CROSS JOIN LATERAL (
  SELECT facts FROM evidence WHERE payment_id = t.payment_id AND attempt_id = t.attempt_id AND kind = $1
  ORDER BY epoch DESC LIMIT 1) AS e
WHERE t.attempt_id = $2
"""


class NotHeldError(SwitchError):
    """No money of this try is held for its risk; the message says what became of it."""


class NotRefusableError(SwitchError):
    """The held money cannot be refused here; the message names the field of the provider's answer."""


async def find_held(connection: Connection, attempt_id: UUID) -> HeldMoney | None:
    """What the connector last said that it holds, or held, under a try; None where it never said so."""
    row = await connection.fetchrow(READ_ONE, HELD, attempt_id)
    if row is None:
        return None
    facts = from_json(row["facts"])
    money = movement_of_facts(facts)
    return HeldMoney(attempt_id, money.amount, money.provider_transaction, int(facts["charge_basis_points"]))


async def accounts_of_held(connection: Connection, attempt_id: UUID) -> set[str]:
    """The ledger accounts that any decision about this try may post to; they never change.

    Raises:
        NotHeldError: no money of it was ever held.
    """
    row = await _read(connection, attempt_id)
    accounts = set(collect_accounts(row["connector_id"]))
    if is_merchant(row["biller_id"]):
        shares = await read_shares(connection, row["payment_id"])
        accounts |= accounts_of_shares(share.account for share in shares)
    return accounts


async def accept_held(connection: Connection, attempt_id: UUID, by: str, reason: str) -> TryRecorded:
    """Take the held money as ours: it is recorded as the connector's own "collected" would be.

    It funds its payment, goes to suspense and back where the payment waits for none, and is left to a review
    where it differs from the order. What the connector told beside it is not accepted with it. `by` is the
    person who decided last.

    Raises:
        NotHeldError: none is held, or it was refused; nothing was written.
    """
    return await _decide(connection, attempt_id, HeldDecision.ACCEPTED, {"by": by, "reason": reason})


async def refuse_held(connection: Connection, attempt_id: UUID, by: str, reason: str) -> TryRecorded:
    """Give the held money back: it is booked to suspense, and its refund is sent to the connector.

    Its payment waits for another try, or expires where its quote has, as if nothing had been collected. What
    finance owes for a break already stays in suspense.

    Raises:
        NotHeldError: none is held, or it was accepted; nothing was written.
        NotRefusableError: it cannot be booked or refunded as the connector told it; nothing was written.
    """
    return await _decide(connection, attempt_id, HeldDecision.REFUSED, {"by": by, "reason": reason})


async def let_go_of_held(connection: Connection, attempt_id: UUID, by: str, reason: str) -> TryRecorded:
    """End a hold whose money the connector has no more, as its desk says: nothing is booked.

    Its payment waits for another try, or ends, as if the connector had said that nothing was collected.

    Raises:
        NotHeldError: none is held, or it was accepted or refused; nothing was written.
    """
    return await _decide(connection, attempt_id, HeldDecision.LET_GO, {"by": by, "reason": reason})


async def _decide(
    connection: Connection, attempt_id: UUID, decision: HeldDecision, said: Mapping[str, str]
) -> TryRecorded:
    row = await _read(connection, attempt_id)
    money = movement_of_facts(from_json(row["facts"]))
    await lock_books(connection, row["lane"])
    await lock_name(connection, MOVEMENT_LOCK, row["connector_id"], money.provider_transaction)
    payment = await lock_payment(connection, row["payment_id"])
    try_row = await connection.fetchrow(LOCK_TRY, attempt_id)
    assert payment is not None, "a try has its payment"
    (locked_try,) = await read_locked_tries(connection, [attempt_id])
    decided = await read_held_decision(connection, locked_try)
    is_held = try_row["held_at"] is not None
    if decided is decision and not is_held:
        return TryRecorded(State(payment["state"]))
    if not is_held or try_row["collected"] is not None:
        raise NotHeldError(f"its try is {try_row['state']}: {decided or try_row['outcome'] or 'not paid'}")
    # A newer answer may have come before the locks were granted.
    facts = from_json((await _read(connection, attempt_id))["facts"])
    if movement_of_facts(facts) != money:
        raise NotHeldError("the connector says another thing since; look again")
    if decision is HeldDecision.REFUSED:
        _require_refusable(money)
    key = {"attempt_id": attempt_id, "epoch": try_row["epoch"]}
    await update_row(connection, "tries", key, {"epoch": try_row["epoch"] + 1, "lease_until": None})
    (locked_try,) = await read_locked_tries(connection, [attempt_id])
    await keep_evidence(connection, locked_try, decision, {**facts_of_movement(money), **said})
    finding = _finding_of(decision, locked_try, money, int(facts["charge_basis_points"]))
    return await write_decision(connection, locked_try, finding)


def _finding_of(
    decision: HeldDecision, locked_try: LockedTry, money: Collected, basis_points: int
) -> MoneyCollected | NothingCollected:
    if decision is HeldDecision.LET_GO:
        return NothingCollected(TryEnd.NEVER_PAID, "the connector has let go of what it held")
    judged = judge_collected(locked_try.order, money)
    return MoneyCollected(judged, basis_points, is_refused=decision is HeldDecision.REFUSED)


def _require_refusable(money: Collected) -> None:
    if money.amount.currency != BDT or money.amount.minor <= 0:
        raise NotRefusableError(f"amount: {money.amount} is not in taka, and is given back by hand")
    if not money.provider_transaction:
        raise NotRefusableError("provider_transaction: without its name no refund can be sent")


async def _read(connection: Connection, attempt_id: UUID) -> Row:
    row: Any = await connection.fetchrow(READ_ONE, HELD, attempt_id)
    if row is None:
        raise NotHeldError("its connector never said that it holds money of it")
    found: Row = row
    return found
