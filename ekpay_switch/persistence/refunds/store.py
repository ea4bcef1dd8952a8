"""The port `Refunds` over PostgreSQL: the rows themselves are the queue, the try's row is the running total.

What staff does with refunds is in `refund_desk`.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import RefundLine
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import InDoubt
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import (
    FREED,
    IN_THE_AIR,
    REFUND_TRANSITIONS,
    Answered,
    HeldRefund,
    NewRefund,
    Refundable,
    RefundEvent,
    RefundFinding,
    RefundKind,
    RefundRefusal,
    RefundState,
    decide_refund,
    refuse_refund,
    takes_two_persons,
)
from ekpay_switch.persistence.collections.share_postings import read_split
from ekpay_switch.persistence.group_commit.decide import ACTOR
from ekpay_switch.persistence.group_commit.lock_and_read import sums_of
from ekpay_switch.persistence.own_transactions import Connection, OwnTransactions
from ekpay_switch.persistence.refunds.rows import (
    PLACE_OF_FUNDING,
    PLACE_OF_REFUND,
    WITH_ITS_TRY,
    Place,
    Row,
    add_refund,
    held_of,
    lock_place,
    lock_refund,
    read_place,
    view_of,
)
from ekpay_switch.persistence.refunds.steps import Doing, keep_as_evidence, move_refund, owe, write_plan
from ekpay_switch.ports.collections import RefundRecorded, RefundTaken, RefundView
from ekpay_switch.security.identifiers import uuid7

_IN_THE_AIR = ", ".join(f"'{state}'" for state in sorted(IN_THE_AIR))
_WITH_CURRENCY = "SELECT r.*, p.currency FROM refunds AS r JOIN payments AS p ON p.id = r.payment_id"
READ_STANDING = f"{_WITH_CURRENCY} WHERE r.partner_id = $1 AND r.reference = $2"
READ_OF_PAYMENT = (
    f"{_WITH_CURRENCY} WHERE r.partner_id = $1 AND r.payment_id = $2 ORDER BY r.created_at, r.id"
)
IS_KNOWN = "SELECT true FROM payments WHERE id = $1 AND partner_id = $2"
COUNT_PARTS = """
SELECT count(*) FROM refunds WHERE payment_id = $1 AND attempt_id = $2 AND state <> ALL($3::text[])
"""
# What makes a payment refunding also makes it due, so it is found by the index of what is due; plans are made
# on empty tables, and LATERAL has this one start there. Only what is still there goes back: a try that has
# given any of it away is for people to look at.
OWED_BACK = """
SELECT p.*, t.attempt_id, t.connector_id FROM payments AS p CROSS JOIN LATERAL (
  SELECT t.attempt_id, t.connector_id, t.collected - t.refunded AS is_there
  FROM attempts AS a JOIN tries AS t ON t.attempt_id = a.id
  WHERE a.payment_id = p.id AND a.leg = 'funds' AND a.outcome = 'approved' LIMIT 1) AS t
WHERE p.next_action_at < 'infinity' AND p.state = 'refunding' AND p.collected_by IS NOT NULL
  AND t.is_there >= p.amount + p.rounding + p.charge + p.fee + p.vat
  AND NOT EXISTS (SELECT FROM refunds AS r WHERE r.payment_id = p.id AND r.kind = 'give_back')
ORDER BY p.id LIMIT $1 FOR UPDATE OF p SKIP LOCKED
"""
_IS_DUE = f"""
r.next_action_at <= now() AND (r.lease_until IS NULL OR r.lease_until < now())
  AND r.state IN ('approved', {_IN_THE_AIR}) AND r.connector_id <> ALL($3)
  AND NOT EXISTS (SELECT FROM refunds AS o
    WHERE o.payment_id = r.payment_id AND o.attempt_id = r.attempt_id AND o.id <> r.id
    AND (o.state IN ({_IN_THE_AIR}) OR o.lease_until >= now()))
"""
# Judged once more under the lock: between the two somebody else may have taken a row.
LEASE_DUE = f"""
WITH firsts AS (
  SELECT DISTINCT ON (r.attempt_id) r.id FROM refunds AS r WHERE {_IS_DUE}
  ORDER BY r.attempt_id, r.created_at, r.id
), due AS (
  SELECT r.id FROM refunds AS r WHERE r.id IN (SELECT id FROM firsts) AND {_IS_DUE}
  ORDER BY r.next_action_at LIMIT $1 FOR UPDATE SKIP LOCKED
), leased AS (
  UPDATE refunds AS r SET epoch = r.epoch + 1, lease_until = now() + $2::interval
  FROM due WHERE r.id = due.id RETURNING r.*
)
{WITH_ITS_TRY.format(source="leased")}
"""  # noqa: S608 - our own words
LOCK_HELD = "SELECT *, now() AS now FROM refunds WHERE id = $1 AND epoch = $2 FOR UPDATE"
POSTPONE = """
UPDATE refunds SET next_action_at = now() + $3::interval, lease_until = NULL WHERE id = $1 AND epoch = $2
"""
IS_ANOTHERS = "SELECT true FROM refunds WHERE connector_id = $1 AND provider_refund = $2 AND id <> $3"
LAST_EVENT = "SELECT event FROM refund_history WHERE refund_id = $1 AND seq = $2"
ONE_PER_REFERENCE = "uq_refunds_partner_id_reference"
ONE_IN_THE_AIR = "uq_refunds_one_in_the_air"


class PostgresRefunds:
    """Refunds in PostgreSQL. Every call is one transaction and none is open during a wire call."""

    def __init__(self, transactions: OwnTransactions) -> None:
        self._transactions = transactions

    async def ask(self, new: NewRefund, parts_max: int, days_max: int) -> RefundTaken | RefundRefusal:
        """See `collect_ports.Refunds`. A caller's reference never begins with a kind of refund: ours do."""
        known = await self._transactions.run(partial(_known, new=new))
        if not isinstance(known, Place):
            return known
        work = partial(take_on, new=new, place=known, parts_max=parts_max, days_max=days_max)
        try:
            return await self._transactions.run(work, known.accounts)
        except asyncpg.UniqueViolationError as problem:
            # The same reference for another payment, at the same moment: the locks were not the same ones.
            if problem.constraint_name != ONE_PER_REFERENCE:
                raise
            return RefundRefusal.OTHER_CONTENT

    async def open_give_backs(self, limit: int) -> int:
        """See `collect_ports.Refunds`."""
        return await self._transactions.run(partial(_open_give_backs, limit=limit))

    async def lease_due(
        self, limit: int, lease_seconds: float, *, passing_over: Collection[str] = ()
    ) -> Sequence[HeldRefund]:
        """See `collect_ports.Refunds`. Rows that somebody holds are passed over, not waited for."""
        asked = (limit, timedelta(seconds=lease_seconds), sorted(passing_over))

        async def _lease(connection: Connection) -> list[HeldRefund]:
            return [held_of(row) for row in await connection.fetch(LEASE_DUE, *asked)]

        return await self._transactions.run(_lease) if limit > 0 else []

    async def begin_send(self, held: HeldRefund, hold_seconds: float) -> bool:
        """See `collect_ports.Refunds`; False as well where another refund of its try is in the air."""
        work = partial(_begin, held=held, hold=timedelta(seconds=hold_seconds))
        return await self._transactions.run(work)

    async def postpone(self, held: HeldRefund, again_seconds: float) -> None:
        """See `collect_ports.Refunds`."""
        again = timedelta(seconds=again_seconds)
        await self._transactions.run(
            lambda connection: connection.execute(POSTPONE, held.refund_id, held.epoch, again)
        )

    async def record(self, held: HeldRefund, finding: RefundFinding) -> RefundRecorded | None:
        """See `collect_ports.Refunds`. The same finding written twice is recognised."""
        place = await self._transactions.run(
            partial(read_place, query=PLACE_OF_REFUND, row_id=held.refund_id)
        )
        assert place is not None, "a refund that is held stands"
        work = partial(_record, held=held, finding=finding, place=place)
        return await self._transactions.run(work, place.accounts)

    async def of_payment(self, partner_id: str, payment_id: UUID) -> Sequence[RefundView]:
        """See `collect_ports.Refunds`."""

        async def _read(connection: Connection) -> list[RefundView]:
            return [view_of(row) for row in await connection.fetch(READ_OF_PAYMENT, partner_id, payment_id)]

        return await self._transactions.run(_read)


# ---- taking on


async def _known(connection: Connection, new: NewRefund) -> RefundTaken | RefundRefusal | Place:
    """The answer that needs no lock, or where the refund belongs."""
    standing = await _standing(connection, new)
    if standing is not None:
        return standing
    if not await connection.fetchval(IS_KNOWN, new.payment_id, new.partner_id):
        return RefundRefusal.UNKNOWN_PAYMENT
    place = await read_place(connection, PLACE_OF_FUNDING, new.payment_id)
    return place or RefundRefusal.NOT_REFUNDABLE


async def _standing(connection: Connection, new: NewRefund) -> RefundTaken | RefundRefusal | None:
    """The answer to a reference that stands already, or None."""
    row = await connection.fetchrow(READ_STANDING, new.partner_id, new.reference)
    if row is None:
        return None
    if row["payment_id"] != new.payment_id or row["fingerprint"] != new.fingerprint:
        return RefundRefusal.OTHER_CONTENT
    return RefundTaken(view_of(row), is_repeat=True)


async def take_on(
    connection: Connection, new: NewRefund, place: Place, parts_max: int, days_max: int
) -> RefundTaken | RefundRefusal:
    """Judge a refund under the locks of its place and write it down, or say why not."""
    payment, one = await lock_place(connection, place)
    standing = await _standing(connection, new)
    if standing is not None:
        return standing
    currency = payment["currency"]
    split = await read_split(connection, payment)
    seen = Refundable(
        payment_state=State(payment["state"]),
        collected=Money(one["collected"], currency),
        refunded=Money(one["refunded"], currency),
        amount_max=Money(payment["amount"], currency) if split is None else split.amount,
        parts=await connection.fetchval(COUNT_PARTS, place.payment_id, place.attempt_id, sorted(FREED)),
        parts_max=parts_max,
        collected_at=one["collected_at"],
        now=payment["now"],
        days_max=days_max,
        split=split,
    )
    refusal = refuse_refund(new, seen)
    if refusal is not None:
        return refusal
    new = replace(new, needs_approval=takes_two_persons(new, seen))
    taken = await add_refund(connection, new, place)
    if not new.needs_approval:
        await owe(connection, payment, taken)
    return RefundTaken(view_of(taken))


async def _open_give_backs(connection: Connection, limit: int) -> int:
    rows = await connection.fetch(OWED_BACK, limit)
    for row in rows:
        place = Place(
            row["id"],
            row["attempt_id"],
            row["partner_id"],
            row["lane"],
            row["connector_id"],
            row["biller_id"],
        )
        await add_refund(connection, _give_back(row), place)
    await connection.execute(
        "UPDATE payments SET next_action_at = NULL WHERE id = ANY($1)", [row["id"] for row in rows]
    )
    return len(rows)


def _give_back(payment: Row) -> NewRefund:
    return NewRefund(
        refund_id=uuid7(),
        payment_id=payment["id"],
        partner_id=payment["partner_id"],
        reference=f"{RefundKind.GIVE_BACK}:{payment['id']}",
        fingerprint=b"",
        amount=sums_of(payment).total,
        reason="the bill was not paid",
        asked_by=ACTOR,
        needs_approval=False,
        kind=RefundKind.GIVE_BACK,
    )


# ---- sending


async def _begin(connection: Connection, held: HeldRefund, hold: timedelta) -> bool:
    row = await connection.fetchrow(LOCK_HELD, held.refund_id, held.epoch)
    if row is None or (RefundState(row["state"]), RefundEvent.SENDING) not in REFUND_TRANSITIONS:
        return False
    if row["sends"] > held.sends:
        # Written before, by this very call: its COMMIT was not heard of.
        return True
    until = row["now"] + hold
    changes = {"sends": row["sends"] + 1, "lease_until": until, "next_action_at": until}
    try:
        async with connection.transaction():
            await move_refund(connection, row, RefundEvent.SENDING, {}, Doing(changes=changes))
    except asyncpg.UniqueViolationError as problem:
        if problem.constraint_name != ONE_IN_THE_AIR:
            raise
        return False
    return True


# ---- recording


async def _record(
    connection: Connection, held: HeldRefund, finding: RefundFinding, place: Place
) -> RefundRecorded | None:
    payment, _ = await lock_place(connection, place)
    row = await lock_refund(connection, held.refund_id)
    believed = await _believable(connection, held, finding)
    plan = decide_refund(held, State(payment["state"]), believed)
    state = RefundState(row["state"])
    if row["epoch"] == held.epoch and (state, plan.event) in REFUND_TRANSITIONS:
        # Nothing of it has left us, so the next send is the first one again.
        unsent = {"sends": held.sends} if plan.event is RefundEvent.NOT_SENT else {}
        return RefundRecorded(
            await write_plan(connection, payment, row, plan, Doing(changes=unsent)), plan.alarm
        )
    # A record ends the epoch. One that nobody has leased since, and whose last step is this one, is this very
    # recording, whose COMMIT was not heard of.
    is_itself = row["epoch"] == held.epoch + 1 and row["lease_until"] is None
    if is_itself and await connection.fetchval(LAST_EVENT, row["id"], row["steps"]) == plan.event:
        return RefundRecorded(state, plan.alarm)
    await keep_as_evidence(connection, held, plan)
    is_given_twice = state is RefundState.FAILED or row["by_hand_by"] is not None
    if plan.event is RefundEvent.GIVEN and is_given_twice:
        return RefundRecorded(state, Alarm.LATE_REFUND)
    return None


async def _believable(connection: Connection, held: HeldRefund, finding: RefundFinding) -> RefundFinding:
    """A provider that gives us the name of another refund has told us nothing of this one."""
    if not isinstance(finding, Answered) or not isinstance(finding.outcome, RefundLine):
        return finding
    name = finding.outcome.provider_refund
    if not await connection.fetchval(IS_ANOTHERS, held.order.connector_id, name, held.refund_id):
        return finding
    return Answered(InDoubt("the refund that was named is another one"), finding.ask_again_seconds)
