"""Reading, locking and writing the rows of collected payments.

The order of locks is that of the group commit (`group_commit.lock_and_read`): settlement window, lane,
advisory locks, the payment, its tries with their attempts; scroll counters come last. A lease and a callback
lock only tries, and wait for no other lock meanwhile.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from ekpay_switch.domain.collections.connector_calls import CollectOrder
from ekpay_switch.domain.collections.funding import LockedTry, Step, TryState
from ekpay_switch.domain.collections.new_tries import NewTry
from ekpay_switch.domain.payment import FINAL, Event, State, walk
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.fact_texts import facts_as_json
from ekpay_switch.persistence.file_statements import FILE_STATEMENTS, file_statements_of
from ekpay_switch.persistence.group_commit.decide import ACTOR
from ekpay_switch.persistence.group_commit.lock_and_read import LOCK_LANES, WINDOW_LOCK, sums_of
from ekpay_switch.persistence.group_commit.write import LostRowError
from ekpay_switch.persistence.routing.decisions import keep_decision
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.security.identifiers import uuid7

Row = Mapping[str, Any]

LEG = "funds"
# The entries that finance decides on belong to no partner, so they go to one lane.
ADJUSTMENT_LANE = 0
# First keys of the two-key advisory locks; 1 is used by windows, migrations and partners.
REFERENCE_LOCK, MOVEMENT_LOCK, HOST_LOCK, PROPOSAL_LOCK = 2, 3, 4, 8
LOCK_PAYMENT = "SELECT *, now() AS now FROM payments WHERE id = $1 FOR UPDATE"
_TRIES = """
SELECT t.*, a.reference, a.state, a.outcome, a.sends, a.opened_at FROM tries AS t
JOIN attempts AS a ON a.id = t.attempt_id
"""
LOCK_TRY = f"{_TRIES} WHERE t.attempt_id = $1 FOR UPDATE"
LOCK_UNDECIDED = f"{_TRIES} WHERE t.payment_id = $1 AND a.state <> 'closed' ORDER BY t.attempt_id FOR UPDATE"
# A try that was never asked about counts from its beginning.
_FILES = FILE_STATEMENTS.format(
    payment="t.payment_id", attempt="t.attempt_id", since="coalesce(t.asked_at, a.opened_at)"
)
READ_LOCKED_TRIES = f"""
SELECT p.partner_id, p.lane, p.state AS payment_state, p.biller_id, p.currency, p.amount, p.rounding,
  coalesce(t.charge, p.charge) AS charge, coalesce(t.fee, p.fee) AS fee, coalesce(t.vat, p.vat) AS vat,
  p.quote_expires_at, t.payment_id, t.attempt_id, t.connector_id, t.provider_reference,
  t.page_until, t.executes_begun, t.is_agreed, t.consent, t.epoch, t.asked, t.held_at, a.reference, a.state,
  a.opened_at, EXISTS (SELECT FROM tries AS o WHERE o.payment_id = t.payment_id
    AND o.attempt_id <> t.attempt_id AND o.held_at IS NOT NULL) AS is_other_held,
  a.send_until, now() AS now, {_FILES} AS files
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id JOIN payments AS p ON p.id = t.payment_id
WHERE t.attempt_id = ANY($1) ORDER BY t.next_action_at
"""  # noqa: S608 - constants
IS_MONEY_HELD = "SELECT EXISTS (SELECT FROM tries WHERE payment_id = $1 AND held_at IS NOT NULL)"
NEW_ATTEMPT = """
INSERT INTO attempts (id, payment_id, leg, far_side, reference, state, step, sends, send_until)
VALUES ($1, $2, $3, $4, $5, 'open', $6, 1, now() + $7::interval)
"""
NEW_TRY = """
INSERT INTO tries (attempt_id, payment_id, connector_id, epoch, lease_until, next_action_at, charge, fee, vat)
VALUES ($1, $2, $3, 1, now() + $4::interval, now() + $4::interval, $5, $6, $7)
"""
NEW_HISTORY = """
INSERT INTO history (payment_id, seq, from_state, event, to_state, actor, facts)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
NEW_NOTIFICATION = """
INSERT INTO notifications (id, payment_id, partner_id, notice, version) VALUES ($1, $2, $3, $4, $5)
"""
NEW_EVIDENCE = """
INSERT INTO evidence (payment_id, attempt_id, epoch, kind, facts) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""


async def lock_books(connection: Connection, lane: int) -> None:
    """The locks of everyone who may post: the settlement window (shared) and the lane."""
    await connection.execute(WINDOW_LOCK)
    await connection.fetch(LOCK_LANES, [lane])


async def lock_name(connection: Connection, kind: int, connector_id: str, name: str) -> None:
    """Lock a connector's name for something, so that writers about it wait for each other."""
    digest = hashlib.sha256(f"{connector_id}\x1f{name}".encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest[:4], "big", signed=True)
    await connection.execute("SELECT pg_advisory_xact_lock($1::int, $2::int)", kind, number)


async def lock_payment(connection: Connection, payment_id: UUID) -> Row | None:
    """The payment under lock with the transaction's `now`, or None."""
    payment: Row | None = await connection.fetchrow(LOCK_PAYMENT, payment_id)
    return payment


async def update_row(connection: Connection, table: str, key: Mapping[str, object], new: Row) -> None:
    """Set columns of the one row with this key, its epoch if it has one (law 14); the names are ours.

    Raises:
        LostRowError: there is no such row, though the caller has locked it.
    """
    condition = " AND ".join(f"{column} = ${number}" for number, column in enumerate(key, 1))
    columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(new, len(key) + 1))
    statement = f"UPDATE {table} SET {columns} WHERE {condition}"  # noqa: S608 - constants
    if await connection.execute(statement, *key.values(), *new.values()) != "UPDATE 1":
        raise LostRowError


async def move_payment(
    connection: Connection, payment: Row, events: Sequence[Event], facts: Mapping[str, str], new: Row
) -> State:
    """Walk a payment that is under lock through `events`, with its history; `new` are its other columns.

    In a final state `facts` are added to those of the payment; otherwise they replace them.

    Raises:
        IllegalTransitionError: it is not in a state that allows them.
    """
    before = State(payment["state"])
    steps = walk(before, events)
    for seq, step in enumerate(steps, payment["steps"] + 1):
        await connection.execute(
            NEW_HISTORY, payment["id"], seq, *map(str, step), ACTOR, facts_as_json(facts)
        )
    standing_facts = from_json(payment["facts"]) if before in FINAL else {}
    columns = {
        "state": str(steps[-1][2]),
        "steps": payment["steps"] + len(steps),
        "facts": facts_as_json({**standing_facts, **facts}),
        "updated_at": payment["now"],
        "lease_until": None,
    }
    if steps[-1][2] is State.EXPIRED:
        columns["refusal"] = str(Refusal.QUOTE_EXPIRED)
    key = {"id": payment["id"], "epoch": payment["epoch"]}
    await update_row(connection, "payments", key, {**columns, **new})
    return steps[-1][2]


async def add_notification(connection: Connection, payment: Row, notice: str, version: int) -> None:
    """Write a notification; `version` is the number of history rows of the payment."""
    await connection.execute(NEW_NOTIFICATION, uuid7(), payment["id"], payment["partner_id"], notice, version)


async def begin_try(connection: Connection, payment_id: UUID, new: NewTry) -> LockedTry:
    """Write a try, leased to the caller under epoch 1, with its own price where it has one."""
    send, hold = timedelta(seconds=new.send_seconds), timedelta(seconds=new.hold_seconds)
    await connection.execute(
        NEW_ATTEMPT, new.attempt_id, payment_id, LEG, new.connector_id, new.reference, str(Step.CREATE), send
    )
    price = price_of(new)
    await connection.execute(
        NEW_TRY, new.attempt_id, payment_id, new.connector_id, hold, price.get("charge"), price.get("fee"),
        price.get("vat"),
    )  # fmt: skip
    (locked_try,) = await read_locked_tries(connection, [new.attempt_id])
    if new.decision is not None:
        await keep_decision(connection, new.attempt_id, payment_id, new.decision, locked_try.order.amount)
    return locked_try


def price_of(new: NewTry) -> dict[str, object]:
    """The columns of a try's own price; empty where the payment's price holds."""
    if new.charges is None:
        return {}
    return {name: getattr(new.charges, name).minor for name in ("charge", "fee", "vat")}


async def read_own_try(connection: Connection, new: NewTry) -> LockedTry | None:
    """The try if this very call began it before and still holds it, or None."""
    is_ours = """
    SELECT true FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id
    WHERE t.attempt_id = $1 AND a.state = 'open' AND t.epoch = 1 AND t.recorded = 0 AND t.lease_until > now()
    """
    if not await connection.fetchval(is_ours, new.attempt_id):
        return None
    (locked_try,) = await read_locked_tries(connection, [new.attempt_id])
    return locked_try


async def read_locked_tries(connection: Connection, attempt_ids: Sequence[UUID]) -> list[LockedTry]:
    """The tries as their holder needs them, the one due longest first."""
    return [_locked_try(row) for row in await connection.fetch(READ_LOCKED_TRIES, attempt_ids)]


async def keep_evidence(
    connection: Connection, locked_try: LockedTry, kind: str, facts: Mapping[str, str]
) -> None:
    """Store an answer that sets nothing as evidence, once; only inquiries may repeat."""
    await connection.execute(
        NEW_EVIDENCE,
        locked_try.payment_id,
        locked_try.attempt_id,
        locked_try.epoch,
        kind,
        facts_as_json(facts),
    )


async def is_money_held(connection: Connection, payment_id: UUID) -> bool:
    """Whether a connector holds money of this payment for its risk, under any of its tries."""
    return bool(await connection.fetchval(IS_MONEY_HELD, payment_id))


def is_leased(row: Row, now: object) -> bool:
    """Whether a try or a payment is leased at that moment."""
    return row["lease_until"] is not None and row["lease_until"] > now


def as_json(value: object) -> str:
    """JSON as text, as the driver takes it."""
    return orjson.dumps(value).decode()


def from_json(value: Any) -> dict[str, str]:  # noqa: ANN401 - JSONB, decoded or as text by the driver's codec
    """Facts as they were stored."""
    read: dict[str, str] = orjson.loads(value) if isinstance(value, str) else value
    return read


def _locked_try(row: Row) -> LockedTry:
    sums = sums_of(row)
    order = CollectOrder(
        payment_id=row["payment_id"],
        connector_id=row["connector_id"],
        reference=row["reference"],
        amount=sums.total,
        payer_reference=row["reference"],
        return_url="",
        provider_reference=row["provider_reference"] or "",
        consent=row["consent"] or "",
        executes_begun=row["executes_begun"],
        epoch=row["epoch"],
        is_held=row["held_at"] is not None,
    )
    return LockedTry(
        payment_id=row["payment_id"],
        partner_id=row["partner_id"],
        lane=row["lane"],
        payment_state=State(row["payment_state"]),
        biller_id=row["biller_id"],
        attempt_id=row["attempt_id"],
        epoch=row["epoch"],
        state=TryState(row["state"]),
        order=order,
        sums=sums,
        executes_begun=row["executes_begun"],
        questions=row["asked"],
        is_agreed=row["is_agreed"],
        opened_at=row["opened_at"],
        page_until=row["page_until"],
        pay_until=row["quote_expires_at"],
        send_until=row["send_until"],
        now=row["now"],
        files=file_statements_of(row["files"]),
        held_at=row["held_at"],
        is_other_held=row["is_other_held"],
    )
