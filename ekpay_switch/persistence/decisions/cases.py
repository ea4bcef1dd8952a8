# ruff: noqa: S608 - every part of the queries is a constant
"""The cases: which there are, and each of them as it stands, under lock where it is decided.

A payment that is merely late is a case once its alarm is open, so nobody decides what still ends by itself.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.decisions.case import (
    BillerTraits,
    Case,
    CaseKind,
    PaymentCase,
    RefundInDoubt,
)
from ekpay_switch.domain.decisions.host_requests import HostRequest
from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.domain.ledger.posting_rules import prefund_account
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import UNDO_WANTED
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.domain.refunds.with_payer import had_of
from ekpay_switch.persistence.collections.further_movements import read_unbooked
from ekpay_switch.persistence.collections.held import find_held
from ekpay_switch.persistence.collections.share_postings import sums_of_try
from ekpay_switch.persistence.file_statements import COUNTED
from ekpay_switch.persistence.group_commit.lock_and_read import LOCK_ACCOUNTS, sums_of
from ekpay_switch.persistence.host_links.decided import read_host_request
from ekpay_switch.persistence.payment_rows import (
    LOCK_TRY,
    MOVEMENT_LOCK,
    from_json,
    lock_books,
    lock_name,
)
from ekpay_switch.persistence.schema.collections import IS_UNBOOKED
from ekpay_switch.persistence.schema.upkeep import OPEN, UNSCHEDULED
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.decisions import CaseLine, EvidenceLine

Row = Mapping[str, Any]
Billers = Mapping[str, BillerTraits]

_TOTAL = "p.amount + p.rounding + p.charge + p.fee + p.vat"
_ALARMED = """
EXISTS (SELECT FROM alarms AS a WHERE a.payment_id = p.id AND a.subject = 'payment ' || p.id
  AND a.ended_at IS NULL AND a.kind IN ({kinds}))
"""
_STUCK = (Alarm.COLLECTION_STUCK, Alarm.DELIVERY_STUCK, Alarm.FILE_NEEDS_A_PERSON)
_STUCK_REFUND = (Alarm.REFUND_STUCK, Alarm.FILE_NEEDS_A_PERSON)


def _listed(kinds: Collection[Alarm]) -> str:
    return ", ".join(f"'{kind}'" for kind in kinds)


def _stuck(state: State) -> str:
    return f"""
        SELECT p.id, p.id, {_TOTAL}, p.updated_at FROM (
          SELECT * FROM payments WHERE {OPEN} AND next_action_at IS NOT NULL
          UNION ALL SELECT * FROM payments WHERE {UNSCHEDULED}) AS p
        WHERE p.state = '{state}' AND {_ALARMED.format(kinds=_listed(_STUCK))}"""


# What its biller was called to undo, and has not said a word about.
_IS_UNDONE_LATE = f"p.facts ? '{UNDO_WANTED}' AND {_ALARMED.format(kinds=_listed((Alarm.DELIVERY_STUCK,)))}"
# Of each kind: the subject, its payment, the money and since when.
_CASES: Mapping[CaseKind, str] = {
    CaseKind.REVIEW: f"""
        SELECT p.id AS subject, p.id AS payment_id, {_TOTAL} AS amount, p.updated_at AS since
        FROM payments AS p WHERE p.state = 'in_review'""",
    CaseKind.HELD: f"""
        SELECT p.id, p.id, {_TOTAL}, t.held_at FROM tries AS t JOIN payments AS p ON p.id = t.payment_id
        WHERE t.held_at IS NOT NULL""",
    CaseKind.STUCK_COLLECTION: _stuck(State.COLLECTING),
    CaseKind.STUCK_DELIVERY: f"""{_stuck(State.DELIVERING)}
        UNION ALL SELECT p.id, p.id, {_TOTAL}, p.updated_at FROM payments AS p
        WHERE p.state = 'refunded' AND p.next_action_at IS NOT NULL AND {_IS_UNDONE_LATE}""",
    CaseKind.MISMATCHED_MONEY: """
        SELECT p.id, p.id, t.collected - t.refunded - t.charged_back, t.collected_at FROM attempts AS a
        JOIN tries AS t ON t.attempt_id = a.id JOIN payments AS p ON p.id = t.payment_id
        WHERE a.outcome = 'disagreed' AND t.refunded + t.charged_back < t.collected
          AND p.state <> 'in_review'""",
    CaseKind.MISSING_RECEIPT: f"""
        SELECT p.id, p.id, {_TOTAL}, al.raised_at FROM alarms AS al JOIN payments AS p ON p.id = al.payment_id
        WHERE al.kind = '{Alarm.RECEIPT_MISSING}' AND al.ended_at IS NULL AND p.state = 'completed'
          AND NOT p.facts ? 'final_receipt'""",
    CaseKind.UNBOOKED_MONEY: f"""
        SELECT p.id, p.id, u.amount, u.told_at FROM unbooked_movements AS u
        JOIN tries AS t ON t.attempt_id = u.attempt_id JOIN payments AS p ON p.id = t.payment_id
        WHERE {IS_UNBOOKED} AND p.state <> 'in_review' AND NOT EXISTS (
          SELECT FROM tries AS h WHERE h.payment_id = p.id AND h.held_at IS NOT NULL)""",
    CaseKind.DOUBTFUL_REFUND: f"""
        SELECT r.id, r.payment_id, r.amount, r.created_at FROM alarms AS al
        JOIN refunds AS r ON r.payment_id = al.payment_id AND al.subject = 'refund ' || r.id
        WHERE al.kind IN ({_listed(_STUCK_REFUND)}) AND al.ended_at IS NULL
          AND (r.state IN ('approved', 'in_doubt') OR (r.state = 'by_hand' AND r.by_hand_by IS NULL))""",
}  # fmt: skip
_LIST = """
SELECT DISTINCT ON (c.subject) c.*, d.id AS proposal_id FROM ({cases}) AS c
LEFT JOIN decisions AS d ON d.subject = c.subject
  AND num_nonnulls(d.approved_at, d.rejected_at, d.lapsed_at) = 0
WHERE $1::uuid IS NULL OR c.subject > $1 ORDER BY c.subject LIMIT $2
"""
_PAYMENT = f"""
SELECT p.*, now() AS now, h.from_state AS came_from, h.facts AS last_facts,
  (SELECT sum(o.amount)::bigint FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
    WHERE j.payment_id = p.id AND o.account = 'suspense:' || p.biller_id) AS late_posting,
  {_ALARMED.format(kinds=_listed(_STUCK))} AS is_stuck, {_IS_UNDONE_LATE} AS is_undone_late,
  EXISTS (SELECT FROM alarms AS a WHERE a.payment_id = p.id AND a.ended_at IS NULL
    AND a.kind = '{Alarm.RECEIPT_MISSING}') AS lacks_receipt,
  (SELECT t.attempt_id FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id
    WHERE t.payment_id = p.id AND a.outcome = 'disagreed' AND t.refunded + t.charged_back < t.collected
    ORDER BY a.opened_at LIMIT 1) AS mismatched_try,
  EXISTS (SELECT FROM decisions AS d WHERE d.payment_id = p.id AND d.approved_at IS NOT NULL
    AND d.action IN ('return_to_prefund', 'return_at_our_loss')) AS is_returned,
  (SELECT t.attempt_id FROM tries AS t WHERE t.payment_id = p.id AND t.held_at IS NOT NULL
    ORDER BY t.held_at LIMIT 1) AS held_try,
  (SELECT t.attempt_id FROM tries AS t JOIN unbooked_movements AS u ON u.attempt_id = t.attempt_id
    WHERE t.payment_id = p.id AND {IS_UNBOOKED} ORDER BY u.told_at LIMIT 1) AS unbooked_try,
  (SELECT a.id FROM attempts AS a WHERE a.payment_id = p.id AND a.leg = 'funds' AND a.state <> 'closed'
    ORDER BY a.state = 'open' DESC, a.opened_at DESC LIMIT 1) AS open_try,
  (SELECT coalesce(sum(a.sends), 0)::int FROM attempts AS a
    WHERE a.payment_id = p.id AND a.leg = 'delivery') AS sends,
  (SELECT count(*) FROM evidence AS e WHERE e.payment_id = p.id
    AND (e.kind LIKE 'late:%' OR e.kind LIKE '{COUNTED}%')) AS late_answers
FROM payments AS p
LEFT JOIN LATERAL (
  SELECT from_state, facts FROM history WHERE payment_id = p.id ORDER BY seq DESC LIMIT 1) AS h ON true
WHERE p.id = $1
"""
_REFUND = f"""
SELECT r.*, p.currency, p.lane, EXISTS (SELECT FROM alarms AS a WHERE a.subject = 'refund ' || r.id
  AND a.ended_at IS NULL AND a.kind IN ({_listed(_STUCK_REFUND)})) AS is_stuck,
  (SELECT count(*) FROM evidence AS e WHERE e.payment_id = r.payment_id AND e.attempt_id = r.id
    AND (e.kind LIKE 'late_refund:%' OR e.kind LIKE '{COUNTED}%')) AS late_answers,
  t.collected, t.refunded, (
    SELECT coalesce(sum(o.from_suspense - o.settles_claim) FILTER (WHERE o.state = 'done'), 0)::bigint
      + coalesce(sum(o.amount) FILTER (WHERE EXISTS (SELECT FROM refund_history AS h
        WHERE h.refund_id = o.id AND h.event = '{RefundEvent.PAID_LATE}')), 0)::bigint
    FROM refunds AS o WHERE o.payment_id = r.payment_id AND o.attempt_id = r.attempt_id
      AND o.further_movement_id IS NULL) AS beside
FROM refunds AS r JOIN payments AS p ON p.id = r.payment_id JOIN tries AS t ON t.attempt_id = r.attempt_id
WHERE r.id = $1
"""
_LANE = """
SELECT p.lane, p.id AS payment_id, p.partner_id, p.bucket, false AS is_refund
FROM payments AS p WHERE p.id = $1
UNION ALL SELECT p.lane, p.id, p.partner_id, p.bucket, true
FROM refunds AS r JOIN payments AS p ON p.id = r.payment_id WHERE r.id = $1
"""
_CONNECTORS = "SELECT DISTINCT connector_id FROM tries WHERE payment_id = $1 ORDER BY connector_id"
_BALANCES = """
SELECT o.account, sum(o.amount)::bigint AS total
FROM journal_entries AS j JOIN postings AS o ON o.entry_id = j.id
WHERE j.payment_id = $1 GROUP BY o.account HAVING sum(o.amount) <> 0 ORDER BY o.account
"""
_EVIDENCE = """
SELECT * FROM (
  SELECT at, event AS source, facts FROM history WHERE payment_id = $1
  UNION ALL SELECT at, kind, facts FROM evidence WHERE payment_id = $1
  ORDER BY at DESC LIMIT 50) AS e ORDER BY at
"""
# Which try of a payment a case is about.
_TRY_OF = {
    CaseKind.STUCK_COLLECTION: "open_try",
    CaseKind.HELD: "held_try",
    CaseKind.UNBOOKED_MONEY: "unbooked_try",
}
_TRY_MARKS = {CaseKind.HELD: "held_try", CaseKind.MISMATCHED_MONEY: "mismatched_try"}
_MARKS = (
    (CaseKind.STUCK_COLLECTION, State.COLLECTING, "is_stuck"),
    (CaseKind.STUCK_DELIVERY, State.DELIVERING, "is_stuck"),
    (CaseKind.STUCK_DELIVERY, State.REFUNDED, "is_undone_late"),
    (CaseKind.MISSING_RECEIPT, State.COMPLETED, "lacks_receipt"),
)


async def list_cases(
    connection: Connection, kind: CaseKind | None, limit: int, after: UUID | None
) -> list[CaseLine]:
    """At most `limit` cases by subject, those after `after`; of one kind, or of all."""
    kinds = [kind] if kind else list(_CASES)
    lines = []
    for chosen in kinds:
        if chosen in _CASES:
            rows = await connection.fetch(_LIST.format(cases=_named(_CASES[chosen])), after, limit)
            lines += [CaseLine(chosen, *row) for row in rows]
    return sorted(lines, key=lambda line: line.subject.bytes)[:limit]


def _named(cases: str) -> str:
    return f"SELECT * FROM ({cases}) AS named (subject, payment_id, amount, since)"


async def lock_subject(connection: Connection, subject: UUID, movement: str = "") -> None:
    """Take every lock that a decision about this payment or refund needs, in the usual order.

    `movement` is the name of a movement of money that the decision gives to a try of the payment.
    """
    lane = await connection.fetchrow(_LANE, subject)
    if lane is None:
        return
    await lock_books(connection, lane["lane"])
    await connection.fetch(LOCK_ACCOUNTS, [prefund_account(lane["partner_id"], lane["bucket"])])
    if movement:
        for row in await connection.fetch(_CONNECTORS, lane["payment_id"]):
            await lock_name(connection, MOVEMENT_LOCK, row["connector_id"], movement)
    await connection.fetchrow("SELECT 1 FROM payments WHERE id = $1 FOR UPDATE", lane["payment_id"])
    tries = "SELECT 1 FROM tries WHERE payment_id = $1 ORDER BY attempt_id FOR UPDATE"
    await connection.fetch(tries, lane["payment_id"])
    if lane["is_refund"]:
        await connection.fetchrow("SELECT 1 FROM refunds WHERE id = $1 FOR UPDATE", subject)


async def read_case(connection: Connection, subject: UUID, billers: Billers) -> Case | None:
    """The case of a payment or a refund as it stands, or None where nothing of it waits for a decision."""
    row = await connection.fetchrow(_PAYMENT, subject)
    if row is not None:
        return await _payment_case(connection, row, billers)
    refund = await connection.fetchrow(_REFUND, subject)
    return None if refund is None else _refund_case(refund)


async def _payment_case(connection: Connection, row: Row, billers: Billers) -> PaymentCase | None:
    kind = _kind_of(row)
    if kind is None:
        return None
    attempt_id = row[_TRY_OF.get(kind, "mismatched_try")]
    try_row = await connection.fetchrow(LOCK_TRY.replace(" FOR UPDATE", ""), attempt_id)
    state = State(row["state"])
    facts = from_json(row["last_facts"]) if row["last_facts"] is not None else {}
    connector_id = row["collected_by"] or ("" if try_row is None else try_row["connector_id"])
    has_own_price = try_row is not None and row["collected_by"] is None
    sums = sums_of_try(row, try_row) if has_own_price else sums_of(row)
    return PaymentCase(
        kind=kind,
        attempt_id=attempt_id,
        payment_id=row["id"],
        partner_id=row["partner_id"],
        lane=row["lane"],
        payee=row["biller_id"],
        state=state,
        came_from=State(row["came_from"]) if state is State.IN_REVIEW else state,
        steps=row["steps"],
        sums=sums,
        prefund="" if connector_id else prefund_account(row["partner_id"], row["bucket"]),
        connector_id=connector_id if try_row is None else try_row["connector_id"],
        in_suspense=0 if row["mismatched_try"] is None or try_row is None else _in_suspense(try_row),
        unbooked=await read_unbooked(connection, row["id"]),
        late_posting=max(row["late_posting"] or 0, 0),
        echoed=int(facts["echoed_amount"]) if "echoed_amount" in facts else None,
        last_facts=facts,
        is_returned=row["is_returned"],
        held=await find_held(connection, attempt_id) if kind is CaseKind.HELD else None,
        sends=row["sends"],
        late_answers=row["late_answers"],
        biller=billers.get(row["biller_id"], BillerTraits()),
        host_request=await _host_request(connection, kind, attempt_id),
    )


async def _host_request(connection: Connection, kind: CaseKind, attempt_id: UUID | None) -> HostRequest:
    if kind is not CaseKind.STUCK_COLLECTION or attempt_id is None:
        return HostRequest.NONE
    return await read_host_request(connection, attempt_id)


def _in_suspense(try_row: Row) -> int:
    """What a try has brought and neither gives back nor has lost to its connector, in paisa."""
    left: int = (try_row["collected"] or 0) - try_row["refunded"] - try_row["charged_back"]
    return left


def _kind_of(row: Row) -> CaseKind | None:
    state = State(row["state"])
    if state is State.IN_REVIEW:
        return CaseKind.REVIEW
    marks = [kind for kind, name in _TRY_MARKS.items() if row[name] is not None]
    marks += [kind for kind, at, mark in _MARKS if state is at and row[mark]]
    marks += [CaseKind.UNBOOKED_MONEY] if row["unbooked_try"] is not None else []
    marked = next(iter(marks), None)
    if marked is None and state is State.COMPLETED and row["collected_by"] is None:
        return CaseKind.COMPLETED
    return marked


def _refund_case(row: Row) -> RefundInDoubt | None:
    """A refund that is stuck, or one left to finance of which nobody says that our bank has paid it."""
    state = RefundState(row["state"])
    is_by_hand = state is RefundState.BY_HAND and row["by_hand_by"] is None
    is_stuck = state in {RefundState.APPROVED, RefundState.IN_DOUBT} and row["is_stuck"]
    if not (is_by_hand or is_stuck):
        return None
    currency, had = row["currency"], ZERO
    if is_by_hand and row["further_movement_id"] is None:
        sums = (Money(row[name], currency) for name in ("amount", "collected", "refunded", "beside"))
        had = had_of(*sums)
    return RefundInDoubt(
        refund_id=row["id"],
        payment_id=row["payment_id"],
        partner_id=row["partner_id"],
        lane=row["lane"],
        connector_id=row["connector_id"],
        state=state,
        amount=Money(row["amount"], currency),
        steps=row["steps"],
        sends=row["sends"],
        late_answers=row["late_answers"],
        had=had,
    )


async def read_balances(connection: Connection, payment_id: UUID) -> dict[str, int]:
    """What a payment's postings come to, by account, in the account's own direction, in paisa."""
    rows = await connection.fetch(_BALANCES, payment_id)
    return {
        row["account"]: row["total"] if kind_of(row["account"]).is_debit_normal else -row["total"]
        for row in rows
    }


async def read_evidence(connection: Connection, payment_id: UUID) -> Sequence[EvidenceLine]:
    """The newest steps and answers of a payment, oldest first."""
    rows = await connection.fetch(_EVIDENCE, payment_id)
    return [EvidenceLine(row["at"], row["source"], from_json(row["facts"])) for row in rows]
