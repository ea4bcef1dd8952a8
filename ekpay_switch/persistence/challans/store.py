"""The port `Challans` over PostgreSQL: requests, the money set aside for them, and how each line ended.

The order of locks is that of the group commit, with the merchant's row last (`share_postings`). Everyone who
moves a merchant's challan prefund locks its lane first, so requests of one merchant are decided in turn.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from ekpay_switch.domain.challans import (
    ChallanLine,
    ChallanOrder,
    ChallanRefusal,
    LineEnd,
    Spendable,
    StoredChallan,
    StoredLine,
    TreasuryHead,
    challan_prefund,
    end_of,
    refuse_challan,
)
from ekpay_switch.domain.ledger.entries import Entry, keeps_balance
from ekpay_switch.domain.ledger.posting_rules import set_aside_for_challan_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import RECEIPT, receipts_of
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.collections.share_postings import move_owed
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.lock_and_read import LOCK_ACCOUNTS
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.payment_rows import as_json, from_json, lock_books, lock_payment
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.security.identifiers import uuid7

Row = Mapping[str, Any]

_REQUEST = "SELECT r.*, p.lane FROM challan_requests AS r JOIN partners AS p ON p.id = r.partner_id"
READ_BY_NAME = f"{_REQUEST} WHERE r.partner_id = $1 AND r.request_id = $2"
READ_BY_IDS = f"{_REQUEST} WHERE r.id = ANY($1) ORDER BY r.created_at, r.id"
READ_LINES = """
SELECT l.*, e.ending, p.state, p.refusal, p.facts FROM challan_lines AS l
LEFT JOIN challan_line_ends AS e ON e.challan_id = l.challan_id AND e.seq = l.seq
LEFT JOIN payments AS p ON p.partner_id = $2 AND p.reference = l.reference
WHERE l.challan_id = $1 ORDER BY l.seq
"""
# Clients fill the field differently (ekpay-merchant-api.md 5.2): our transaction id is looked for first, then
# the merchant's, then the provider's.
FIND_PAYMENT = """
SELECT payment_id FROM (
  SELECT payment_id, 1 AS rank FROM merchant_orders WHERE partner_id = $1 AND ekpay_trnx_id = $2
  UNION ALL
  SELECT payment_id, 2 FROM merchant_orders WHERE partner_id = $1 AND trnx_id = $2
  UNION ALL
  SELECT o.payment_id, 3 FROM unnest($3::text[]) AS c (id)
  JOIN tries AS t ON t.connector_id = c.id AND t.provider_transaction = $2
  JOIN attempts AS a ON a.id = t.attempt_id AND a.outcome = 'approved'
  JOIN merchant_orders AS o ON o.payment_id = t.payment_id AND o.partner_id = $1
) AS named ORDER BY rank, payment_id LIMIT 1
"""
READ_CREDITED = "SELECT amount - refunded FROM merchant_shares WHERE payment_id = $1 AND payee = ''"
READ_RAISED = f"""
SELECT coalesce(sum(l.amount), 0)::bigint FROM challan_requests AS r
JOIN challan_lines AS l ON l.challan_id = r.id
LEFT JOIN challan_line_ends AS e ON e.challan_id = l.challan_id AND e.seq = l.seq
WHERE r.paid_by = $1 AND e.ending IS DISTINCT FROM '{LineEnd.MOVED_BACK}'
"""  # noqa: S608 - constants
# NO KEY UPDATE: new orders of the merchant, which reference the row, need not wait.
LOCK_MERCHANT_OWED = "SELECT owed FROM merchants WHERE partner_id = $1 FOR NO KEY UPDATE"
NEW_REQUEST = """
INSERT INTO challan_requests (id, partner_id, request_id, fingerprint, paid_by, tran_date, total, text)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
NEW_LINES = """
INSERT INTO challan_lines
  (challan_id, seq, slno, credit_account, economic_code, organization_code, amount, reference)
SELECT $1, * FROM unnest(
  $2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
"""
NEW_WORK = "INSERT INTO challan_work (challan_id, next_action_at) VALUES ($1, now() + $2::interval)"
READ_END = "SELECT ending FROM challan_line_ends WHERE challan_id = $1 AND seq = $2"
LOCK_LINE_PAYMENT = "SELECT state FROM payments WHERE partner_id = $1 AND reference = $2 FOR UPDATE"
NEW_END = "INSERT INTO challan_line_ends (challan_id, seq, ending, entry_id) VALUES ($1, $2, $3, $4)"
STOP_WHEN_ENDED = """
UPDATE challan_work SET next_action_at = NULL WHERE challan_id = $1 AND NOT EXISTS (
  SELECT FROM challan_lines AS l LEFT JOIN challan_line_ends AS e
    ON e.challan_id = l.challan_id AND e.seq = l.seq
  WHERE l.challan_id = $1 AND e.challan_id IS NULL)
"""
# The older a request, the longer until it is looked at again, up to ten minutes.
LEASE_DUE = """
WITH due AS (
  SELECT challan_id FROM challan_work WHERE next_action_at <= now()
  ORDER BY next_action_at LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE challan_work AS w SET next_action_at =
  now() + greatest($2::interval, least((now() - r.created_at) / 10, interval '10 minutes'))
FROM due JOIN challan_requests AS r ON r.id = due.challan_id WHERE w.challan_id = due.challan_id
RETURNING w.challan_id
"""


class PostgresChallans:
    """Challan requests in PostgreSQL. Every call is one transaction and none is open during a wire call."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def by_request(self, partner_id: str, request_id: str) -> StoredChallan | None:
        """See `ports.challans.Challans`."""
        return await self._transactions.run(
            lambda connection: _find_request(connection, partner_id, request_id)
        )

    async def set_aside(
        self,
        order: ChallanOrder,
        challan_id: UUID,
        lines: Sequence[ChallanLine],
        connectors: Collection[str],
        hold_seconds: float,
    ) -> StoredChallan | ChallanRefusal:
        """See `ports.challans.Challans`. After an unacknowledged COMMIT it is found by REQUEST_ID."""
        work = partial(
            _set_aside,
            order=order,
            challan_id=challan_id,
            lines=lines,
            connectors=sorted(connectors),
            hold=timedelta(seconds=hold_seconds),
        )
        return await self._transactions.run(
            work, _accounts_without_balance(_set_aside_entry(order.partner_id, order.total))
        )

    async def end_line(self, challan: StoredChallan, line: ChallanLine) -> LineEnd | None:
        """See `ports.challans.Challans`."""
        entry = _set_aside_entry(challan.partner_id, line.amount).reversal()
        work = partial(_end_line, challan=challan, line=line, entry_id=uuid7(), entry=entry)
        return await self._transactions.run(work, _accounts_without_balance(entry))

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[StoredChallan]:
        """See `ports.challans.Challans`. Rows that somebody holds are skipped, not waited for."""

        async def _lease(connection: Connection) -> list[StoredChallan]:
            leased = await connection.fetch(LEASE_DUE, limit, timedelta(seconds=lease_seconds))
            rows = await connection.fetch(READ_BY_IDS, [row["challan_id"] for row in leased])
            return [await _with_lines(connection, row) for row in rows]

        return await self._transactions.run(_lease) if limit > 0 else []


async def _set_aside(
    connection: Connection,
    order: ChallanOrder,
    challan_id: UUID,
    lines: Sequence[ChallanLine],
    connectors: Sequence[str],
    hold: timedelta,
) -> StoredChallan | ChallanRefusal:
    """Decide a request under its locks; write it and post its entry, or return the refusal."""
    await _lock_money(connection, order.lane, order.partner_id)
    standing = await _find_request(connection, order.partner_id, order.request_id)
    if standing is not None:
        return standing
    paid_by = await connection.fetchval(FIND_PAYMENT, order.partner_id, order.pay_trxid, connectors)
    if paid_by is None:
        return ChallanRefusal.UNKNOWN_PAYMENT
    refusal = refuse_challan(order.total, await _spendable(connection, paid_by, order.partner_id))
    if refusal is not None:
        return refusal
    await _write_request(connection, order, challan_id, paid_by)
    await _write_lines(connection, challan_id, lines)
    await connection.execute(NEW_WORK, challan_id, hold)
    entry = _set_aside_entry(order.partner_id, order.total)
    await _post_and_move_owed(connection, order, challan_id, entry, -order.total.minor)
    written = await _find_request(connection, order.partner_id, order.request_id)
    assert written is not None, "it was written in this transaction"
    return written


async def _end_line(
    connection: Connection, challan: StoredChallan, line: ChallanLine, entry_id: UUID, entry: Entry
) -> LineEnd | None:
    """End a line as its payment did, once; `entry` moves its money back if the treasury did not take it."""
    await _lock_money(connection, challan.lane, challan.partner_id)
    recorded_end = await connection.fetchval(READ_END, challan.challan_id, line.seq)
    if recorded_end is not None:
        return LineEnd(recorded_end)
    state = await connection.fetchval(LOCK_LINE_PAYMENT, challan.partner_id, line.reference)
    end = end_of(None if state is None else State(state))
    if end is None:
        return None
    is_back = end is LineEnd.MOVED_BACK
    await connection.execute(NEW_END, challan.challan_id, line.seq, end, entry_id if is_back else None)
    await connection.execute(STOP_WHEN_ENDED, challan.challan_id)
    if is_back:
        await _post_and_move_owed(connection, challan, entry_id, entry, line.amount.minor)
    return end


async def _lock_money(connection: Connection, lane: int, partner_id: str) -> None:
    await lock_books(connection, lane)
    await connection.fetch(LOCK_ACCOUNTS, [challan_prefund(partner_id)])


async def _post_and_move_owed(
    connection: Connection,
    challan: ChallanOrder | StoredChallan,
    entry_id: UUID,
    entry: Entry,
    owed_change: int,
) -> None:
    """Write the entry and change the merchant's running total `owed` by `owed_change` paisa."""
    await write_batch(connection, [PostEntry(entry_id, challan.lane, entry)])
    await move_owed(connection, challan.partner_id, owed_change)


async def _spendable(connection: Connection, paid_by: UUID, partner_id: str) -> Spendable:
    payment = await lock_payment(connection, paid_by)
    assert payment is not None, "an order stands with its payment"
    credited = await connection.fetchval(READ_CREDITED, paid_by)
    raised = await connection.fetchval(READ_RAISED, paid_by)
    owed_to_merchant = await connection.fetchval(LOCK_MERCHANT_OWED, partner_id)
    return Spendable(State(payment["state"]), Money(credited or 0), Money(raised), Money(owed_to_merchant))


async def _write_request(
    connection: Connection, order: ChallanOrder, challan_id: UUID, paid_by: UUID
) -> None:
    text = as_json({"written": dict(order.written), "payer": dict(order.payer)})
    await connection.execute(
        NEW_REQUEST, challan_id, order.partner_id, order.request_id, order.fingerprint, paid_by,
        order.tran_date, order.total.minor, text,
    )  # fmt: skip


async def _write_lines(connection: Connection, challan_id: UUID, lines: Sequence[ChallanLine]) -> None:
    rows = [
        (line.seq, line.slno, line.credit_account, line.head.economic_code, line.head.organization_code,
         line.amount.minor, line.reference)
        for line in lines
    ]  # fmt: skip
    await connection.execute(NEW_LINES, challan_id, *(list(column) for column in zip(*rows, strict=True)))


async def _find_request(connection: Connection, partner_id: str, request_id: str) -> StoredChallan | None:
    row = await connection.fetchrow(READ_BY_NAME, partner_id, request_id)
    return None if row is None else await _with_lines(connection, row)


async def _with_lines(connection: Connection, row: Row) -> StoredChallan:
    lines = await connection.fetch(READ_LINES, row["id"], row["partner_id"])
    text: Any = from_json(row["text"])
    return StoredChallan(
        challan_id=row["id"],
        partner_id=row["partner_id"],
        lane=row["lane"],
        request_id=row["request_id"],
        fingerprint=row["fingerprint"],
        tran_date=row["tran_date"],
        total=Money(row["total"]),
        written=text["written"],
        payer=text["payer"],
        created_at=row["created_at"],
        lines=tuple(_line(line) for line in lines),
    )


def _line(row: Row) -> StoredLine:
    line = ChallanLine(
        seq=row["seq"],
        slno=row["slno"],
        credit_account=row["credit_account"],
        head=TreasuryHead(row["economic_code"], row["organization_code"]),
        amount=Money(row["amount"]),
        reference=row["reference"],
    )
    state = State(row["state"]) if row["state"] else None
    receipts = receipts_of(from_json(row["facts"])) if state is State.COMPLETED else {}
    return StoredLine(
        line=line,
        state=state,
        refusal=Refusal(row["refusal"]) if row["refusal"] else None,
        challan_no=receipts.get(RECEIPT, ""),
        end=LineEnd(row["ending"]) if row["ending"] else None,
    )


def _set_aside_entry(partner_id: str, amount: Money) -> Entry:
    return set_aside_for_challan_entry(partner_id, challan_prefund(partner_id), amount)


def _accounts_without_balance(entry: Entry) -> list[str]:
    """The accounts of the entry beside the prefund, whose row was added with the access."""
    return [posting.account for posting in entry.postings if not keeps_balance(posting.account)]
