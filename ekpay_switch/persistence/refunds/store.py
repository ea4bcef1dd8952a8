"""The port `Refunds` over PostgreSQL: the rows themselves are the queue, the try's row is the running total.

The actions of staff are in `staff_actions`.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, refund_subject
from ekpay_switch.domain.collections.connector_calls import RefundLine
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import InDoubt
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.chargebacks import divide_chargeback, refuse_chargeback
from ekpay_switch.domain.refunds.new_refund import (
    NewRefund,
    Refundable,
    RefundRefusal,
    refuse_refund,
    takes_two_persons,
)
from ekpay_switch.domain.refunds.refund import (
    FREED,
    IN_THE_AIR,
    NOT_SHOWN,
    REFUND_TRANSITIONS,
    LockedRefund,
    RefundAnswer,
    RefundEvent,
    RefundFinding,
    RefundKind,
    RefundState,
    decide_refund,
)
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.collections.share_postings import read_split
from ekpay_switch.persistence.group_commit.decide import ACTOR
from ekpay_switch.persistence.group_commit.lock_and_read import sums_of
from ekpay_switch.persistence.refunds.late_payments import settle_late_payment
from ekpay_switch.persistence.refunds.rows import (
    READ_PARTS,
    TARGET_OF_FUNDING,
    TARGET_OF_REFUND,
    WITH_ITS_TRY,
    RefundTarget,
    Row,
    add_refund,
    lock_refund,
    lock_target,
    locked_refund_of,
    read_target,
    view_of,
)
from ekpay_switch.persistence.refunds.steps import StepDetails, keep_as_evidence, move_refund, owe, write_plan
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.collections import RefundOpened, RefundRecorded, RefundView
from ekpay_switch.security.identifiers import uuid7

_IN_THE_AIR = ", ".join(f"'{state}'" for state in sorted(IN_THE_AIR))
_NOT_SHOWN = ", ".join(f"'{state}'" for state in sorted(NOT_SHOWN))
_WITH_CURRENCY = "SELECT r.*, p.currency FROM refunds AS r JOIN payments AS p ON p.id = r.payment_id"
READ_STANDING = f"{_WITH_CURRENCY} WHERE r.partner_id = $1 AND r.reference = $2"
READ_OF_PAYMENT = (
    f"{_WITH_CURRENCY} WHERE r.partner_id = $1 AND r.payment_id = $2 AND r.state NOT IN ({_NOT_SHOWN})"
    " ORDER BY r.created_at, r.id"
)
IS_KNOWN = "SELECT true FROM payments WHERE id = $1 AND partner_id = $2"
# A payment that becomes refunding is due as well, so it is found by the index on due payments; LATERAL makes
# the plan start there even if it was made on empty tables. Only a try with the whole amount left is given
# back; one that has refunded some of it is for people to look at.
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
# A further movement is paid by hand, so its refund waits for no other of its try.
_IS_DUE = f"""
r.next_action_at <= now() AND (r.lease_until IS NULL OR r.lease_until < now())
  AND r.state IN ('approved', 'by_hand', {_IN_THE_AIR}) AND r.connector_id <> ALL($3)
  AND (r.further_movement_id IS NOT NULL OR NOT EXISTS (SELECT FROM refunds AS o
    WHERE o.payment_id = r.payment_id AND o.attempt_id = r.attempt_id AND o.id <> r.id
    AND (o.state IN ({_IN_THE_AIR}) OR o.lease_until >= now())))
"""
# Checked again under the lock: another process may have leased a row meanwhile.
LEASE_DUE = f"""
WITH firsts AS (
  SELECT DISTINCT ON (coalesce(r.further_movement_id, r.attempt_id)) r.id FROM refunds AS r WHERE {_IS_DUE}
  ORDER BY coalesce(r.further_movement_id, r.attempt_id), r.created_at, r.id
), due AS (
  SELECT r.id FROM refunds AS r WHERE r.id IN (SELECT id FROM firsts) AND {_IS_DUE}
  ORDER BY r.next_action_at LIMIT $1 FOR UPDATE SKIP LOCKED
), leased AS (
  UPDATE refunds AS r SET epoch = r.epoch + 1, lease_until = now() + $2::interval
  FROM due WHERE r.id = due.id RETURNING r.*
)
{WITH_ITS_TRY.format(source="leased")}
"""  # noqa: S608 - constants
LOCK_HELD = "SELECT *, now() AS now FROM refunds WHERE id = $1 AND epoch = $2 FOR UPDATE"
POSTPONE = """
UPDATE refunds SET next_action_at = now() + $3::interval, lease_until = NULL WHERE id = $1 AND epoch = $2
"""
IS_ANOTHERS = "SELECT true FROM refunds WHERE connector_id = $1 AND provider_refund = $2 AND id <> $3"
LAST_STEP = "SELECT from_state, event FROM refund_history WHERE refund_id = $1 AND seq = $2"
ONE_PER_REFERENCE = "uq_refunds_partner_id_reference"
ONE_IN_THE_AIR = "uq_refunds_one_in_the_air"


class PostgresRefunds:
    """Refunds in PostgreSQL. Every call is one transaction and none is open during a wire call."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def request(self, new: NewRefund, parts_max: int, days_max: int) -> RefundOpened | RefundRefusal:
        """See `ports.collections.Refunds`. References that begin with a kind of refund are ours."""
        known = await self._transactions.run(partial(_answer_or_target, new=new))
        if not isinstance(known, RefundTarget):
            return known
        work = partial(open_refund, new=new, target=known, parts_max=parts_max, days_max=days_max)
        try:
            return await self._transactions.run(work, known.accounts)
        except asyncpg.UniqueViolationError as problem:
            # The same reference for another payment at the same moment, under other locks.
            if problem.constraint_name != ONE_PER_REFERENCE:
                raise
            return RefundRefusal.OTHER_CONTENT

    async def open_give_backs(self, limit: int) -> int:
        """See `ports.collections.Refunds`."""
        return await self._transactions.run(partial(_open_give_backs, limit=limit))

    async def lease_due(
        self, limit: int, lease_seconds: float, *, passing_over: Collection[str] = ()
    ) -> Sequence[LockedRefund]:
        """See `ports.collections.Refunds`. Rows that somebody holds are skipped, not waited for."""
        lease = timedelta(seconds=lease_seconds)

        async def _lease(connection: Connection) -> list[LockedRefund]:
            rows = await connection.fetch(LEASE_DUE, limit, lease, sorted(passing_over))
            return [locked_refund_of(row) for row in rows]

        return await self._transactions.run(_lease) if limit > 0 else []

    async def begin_send(self, locked_refund: LockedRefund, hold_seconds: float) -> bool:
        """See `ports.collections.Refunds`; False also while another refund of its try is sent or in doubt."""
        work = partial(_begin_send, locked_refund=locked_refund, hold=timedelta(seconds=hold_seconds))
        return await self._transactions.run(work)

    async def postpone(self, locked_refund: LockedRefund, again_seconds: float) -> None:
        """See `ports.collections.Refunds`."""
        again = timedelta(seconds=again_seconds)
        await self._transactions.run(
            lambda connection: connection.execute(
                POSTPONE, locked_refund.refund_id, locked_refund.epoch, again
            )
        )

    async def record(self, locked_refund: LockedRefund, finding: RefundFinding) -> RefundRecorded | None:
        """See `ports.collections.Refunds`. Idempotent for the same finding."""
        target = await self._transactions.run(
            partial(read_target, query=TARGET_OF_REFUND, row_id=locked_refund.refund_id)
        )
        assert target is not None, "a leased refund exists"
        work = partial(_record_with_alarm, locked_refund=locked_refund, finding=finding, target=target)
        return await self._transactions.run(work, target.accounts)

    async def of_payment(self, partner_id: str, payment_id: UUID) -> Sequence[RefundView]:
        """See `ports.collections.Refunds`."""

        async def _read(connection: Connection) -> list[RefundView]:
            return [view_of(row) for row in await connection.fetch(READ_OF_PAYMENT, partner_id, payment_id)]

        return await self._transactions.run(_read)


# ---- new refunds


async def _answer_or_target(
    connection: Connection, new: NewRefund
) -> RefundOpened | RefundRefusal | RefundTarget:
    """The answer if it needs no lock, or else the target of the refund."""
    standing = await _standing_answer(connection, new)
    if standing is not None:
        return standing
    if not await connection.fetchval(IS_KNOWN, new.payment_id, new.partner_id):
        return RefundRefusal.UNKNOWN_PAYMENT
    target = await read_target(connection, TARGET_OF_FUNDING, new.payment_id)
    return target or RefundRefusal.NOT_REFUNDABLE


async def _standing_answer(connection: Connection, new: NewRefund) -> RefundOpened | RefundRefusal | None:
    """The answer to a reference that exists already, or None."""
    row = await connection.fetchrow(READ_STANDING, new.partner_id, new.reference)
    if row is None:
        return None
    if row["payment_id"] != new.payment_id or row["fingerprint"] != new.fingerprint:
        return RefundRefusal.OTHER_CONTENT
    return RefundOpened(view_of(row), is_repeat=True)


async def open_refund(
    connection: Connection, new: NewRefund, target: RefundTarget, parts_max: int, days_max: int
) -> RefundOpened | RefundRefusal:
    """Decide a new refund under the locks of its target; write it, or return the refusal."""
    payment, try_row = await lock_target(connection, target)
    standing = await _standing_answer(connection, new)
    if standing is not None:
        return standing
    refundable = await _refundable(connection, payment, try_row, parts_max=parts_max, days_max=days_max)
    is_chargeback = new.kind is RefundKind.CHARGEBACK
    refusal = (refuse_chargeback if is_chargeback else refuse_refund)(new, refundable)
    if refusal is not None:
        return refusal
    if is_chargeback:
        new = divide_chargeback(new, refundable)
    new = replace(new, needs_approval=takes_two_persons(new, refundable))
    row = await add_refund(connection, new, target)
    if not new.needs_approval:
        await owe(connection, payment, row)
    return RefundOpened(view_of(row))


async def _refundable(
    connection: Connection, payment: Row, try_row: Row, *, parts_max: int, days_max: int
) -> Refundable:
    currency = payment["currency"]
    split = await read_split(connection, payment)
    held = await connection.fetchrow(READ_PARTS, payment["id"], try_row["attempt_id"], sorted(FREED))
    return Refundable(
        payment_state=State(payment["state"]),
        collected=Money(try_row["collected"], currency),
        refunded=Money(try_row["refunded"], currency),
        amount_max=Money(payment["amount"], currency) if split is None else split.amount,
        parts=held["parts"],
        parts_max=parts_max,
        collected_at=try_row["collected_at"],
        now=payment["now"],
        days_max=days_max,
        split=split,
        charged_back=Money(try_row["charged_back"], currency),
        from_suspense=Money(held["from_suspense"] - held["settled"], currency),
        paid_late=Money(held["paid_late"], currency),
        is_funding=try_row["outcome"] == TryEnd.APPROVED,
    )


async def _open_give_backs(connection: Connection, limit: int) -> int:
    rows = await connection.fetch(OWED_BACK, limit)
    for row in rows:
        target = RefundTarget(
            row["id"],
            row["attempt_id"],
            row["partner_id"],
            row["lane"],
            row["connector_id"],
            row["biller_id"],
        )
        await add_refund(connection, _give_back(row), target)
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
        requested_by=ACTOR,
        needs_approval=False,
        kind=RefundKind.GIVE_BACK,
    )


# ---- sending


async def _begin_send(connection: Connection, locked_refund: LockedRefund, hold: timedelta) -> bool:
    row = await connection.fetchrow(LOCK_HELD, locked_refund.refund_id, locked_refund.epoch)
    if row is None or (RefundState(row["state"]), RefundEvent.SENDING) not in REFUND_TRANSITIONS:
        return False
    if row["sends"] > locked_refund.sends:
        # This very call has written it before: its COMMIT was not acknowledged.
        return True
    until = row["now"] + hold
    changes = {"sends": row["sends"] + 1, "lease_until": until, "next_action_at": until}
    try:
        async with connection.transaction():
            await move_refund(connection, row, RefundEvent.SENDING, {}, StepDetails(changes=changes))
    except asyncpg.UniqueViolationError as problem:
        if problem.constraint_name != ONE_IN_THE_AIR:
            raise
        return False
    return True


# ---- recording


async def _record_with_alarm(
    connection: Connection, locked_refund: LockedRefund, finding: RefundFinding, target: RefundTarget
) -> RefundRecorded | None:
    recorded = await _record(connection, locked_refund, finding, target)
    if recorded is not None and recorded.alarm is not None:
        alarm = RaisedAlarm(
            recorded.alarm,
            refund_subject(locked_refund.refund_id),
            locked_refund.payment_id,
            locked_refund.order.amount.minor,
            {"refund_id": str(locked_refund.refund_id), "connector_id": locked_refund.order.connector_id},
        )
        await raise_alarms(connection, [alarm])
    return recorded


async def _record(
    connection: Connection, locked_refund: LockedRefund, finding: RefundFinding, target: RefundTarget
) -> RefundRecorded | None:
    payment, _ = await lock_target(connection, target)
    row = await lock_refund(connection, locked_refund.refund_id)
    believed = await _believable_finding(connection, locked_refund, finding)
    plan = decide_refund(locked_refund, State(payment["state"]), believed)
    state = RefundState(row["state"])
    is_held = row["epoch"] == locked_refund.epoch and state is not RefundState.BY_HAND
    if is_held and (state, plan.event) in REFUND_TRANSITIONS:
        # Nothing was sent, so the next send counts as the first one.
        unsent = {"sends": locked_refund.sends} if plan.event is RefundEvent.NOT_SENT else {}
        state = await write_plan(connection, payment, row, plan, StepDetails(changes=unsent))
        is_given_up = state in {RefundState.BY_HAND, RefundState.FAILED}
        # An answer that came before, under an old epoch, may say that it is paid.
        late = await settle_late_payment(connection, payment, row) if is_given_up else None
        return late or RefundRecorded(state, plan.alarm)
    last = await connection.fetchrow(LAST_STEP, row["id"], row["steps"])
    was_by_hand = last is not None and tuple(last) == (RefundState.BY_HAND, RefundEvent.PAID_BACK)
    known = RefundRecorded(state, Alarm.LATE_REFUND if was_by_hand else plan.alarm)
    # Recording ends the epoch. A refund that was not leased since and whose last step is this one was
    # recorded by this very call, whose COMMIT was not acknowledged.
    is_itself = row["epoch"] == locked_refund.epoch + 1 and row["lease_until"] is None
    if is_itself and last is not None and last["event"] == plan.event:
        return known
    await keep_as_evidence(connection, locked_refund, plan)
    if plan.event is not RefundEvent.PAID_BACK:
        return None
    late = await settle_late_payment(connection, payment, row)
    return known if late is None and was_by_hand else late


async def _believable_finding(
    connection: Connection, locked_refund: LockedRefund, finding: RefundFinding
) -> RefundFinding:
    """The finding; in doubt instead if the provider answered with the reference of another refund."""
    if not isinstance(finding, RefundAnswer) or not isinstance(finding.outcome, RefundLine):
        return finding
    name = finding.outcome.provider_refund
    if not await connection.fetchval(
        IS_ANOTHERS, locked_refund.order.connector_id, name, locked_refund.refund_id
    ):
        return finding
    return RefundAnswer(InDoubt("the refund that was named is another one"), finding.ask_again_seconds)
