"""The port `LostSends` over PostgreSQL, and how the sends of a journal come to be known as lost.

A send is lost where no attempt and no refund has its reference. Where the database knows an earlier send of
the same reference only, it learns of the later one, so that nothing is sent that was sent before.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.host_messages import STAN_MAX
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Posted
from ekpay_switch.domain.payments.lost_sends import CartBillState, LostFinding, LostSend, LostState
from ekpay_switch.domain.payments.sends import SendKind
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.persistence.sends.lost_cart_bills import cart_bill_state, keep_further_payment
from ekpay_switch.persistence.sends.parts import JournalLine, SendLine, TraceLine, unseal_line
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.sealed_fields import Sealer

LINES_AT_ONCE = 5_000
_Key = tuple[str, str]  # far side and our reference
_FIND_UNKNOWN = """
SELECT n.ord FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (far_side, reference, ord)
WHERE NOT EXISTS (SELECT FROM attempts AS a WHERE a.far_side = n.far_side AND a.reference = n.reference)
  AND NOT EXISTS (SELECT FROM refunds AS r WHERE r.our_reference = n.reference)
"""
# A line of a later send replaces what an earlier one said; the claim is that of the first line.
_KEEP = """
INSERT INTO lost_sends AS l (id, kind, far_side, reference, step, sends, payment_id, partner_id, amount,
  currency, sent_at, send_until, sealed, partner_reference, bill_key, account)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (far_side, reference) DO UPDATE SET
  step = CASE WHEN l.send_until < excluded.send_until THEN excluded.step ELSE l.step END,
  sends = greatest(l.sends, excluded.sends),
  sent_at = least(l.sent_at, excluded.sent_at),
  send_until = greatest(l.send_until, excluded.send_until),
  sealed = CASE WHEN l.partner_reference IS NULL THEN excluded.sealed ELSE l.sealed END,
  partner_reference = coalesce(l.partner_reference, excluded.partner_reference),
  bill_key = coalesce(l.bill_key, excluded.bill_key),
  account = coalesce(l.account, excluded.account)
RETURNING xmax = 0 AS is_new
"""
# Of a reference that the database knows, what its newest line says beyond that; only while money may move.
_NEWEST = """unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::timestamptz[])
  AS n (far_side, reference, step, sends, send_until)"""
_LEARN_DELIVERIES = f"""
UPDATE attempts AS a SET step = n.step, sends = greatest(a.sends, n.sends), send_until = n.send_until
FROM {_NEWEST}
WHERE a.far_side = n.far_side AND a.reference = n.reference AND a.leg = 'delivery' AND a.state <> 'closed'
  AND a.send_until < n.send_until AND (a.sends < n.sends OR a.step <> n.step)
"""  # noqa: S608 - constants
_LEARN_EXECUTES = f"""
UPDATE tries AS t SET executes_begun = greatest(t.executes_begun, n.sends)
FROM attempts AS a JOIN {_NEWEST} ON a.far_side = n.far_side AND a.reference = n.reference
WHERE t.attempt_id = a.id AND a.state <> 'closed' AND t.executes_begun < n.sends
"""  # noqa: S608 - constants
_LEARN_REFUNDS = f"""
UPDATE refunds AS r SET sends = n.sends FROM {_NEWEST}
WHERE r.our_reference = n.reference AND r.state IN ('approved', 'sent', 'in_doubt') AND r.sends < n.sends
"""  # noqa: S608 - constants
_LEARN = {
    SendKind.PAY: _LEARN_DELIVERIES,
    SendKind.EXECUTE: _LEARN_EXECUTES,
    SendKind.REFUND: _LEARN_REFUNDS,
}
# Numbers that a bank was told are not given to another message; a few were used that no line tells of.
TRACES_BEYOND = 100
_RAISE_TRACES = f"""
INSERT INTO host_traces AS t (acquirer, day, last) VALUES ($1, $2, least($3, {STAN_MAX}))
ON CONFLICT (acquirer, day) DO UPDATE SET last = greatest(t.last, excluded.last)
WHERE t.last < $3 - {TRACES_BEYOND}
"""  # noqa: S608 - constants
_READ = "SELECT * FROM lost_sends"
_TO_ASK = f"""
{_READ} WHERE state = 'unknown' AND approved_at IS NULL AND booked_at IS NULL ORDER BY sent_at, id
"""
_TO_BOOK = f"""
{_READ} WHERE partner_reference IS NOT NULL AND booked_at IS NULL
  AND (CASE WHEN approved_at IS NULL THEN state ELSE proposed_as END) <> 'not_posted'
ORDER BY state <> 'posted', sent_at, id
"""
_MARK_BOOKED = """
UPDATE lost_sends SET booked_at = now(), booking_refusal = NULL WHERE id = $1 AND booked_at IS NULL
RETURNING partner_id, partner_reference
"""
_REFUSE_BOOKING = "UPDATE lost_sends SET booking_refusal = $2 WHERE id = $1 AND booked_at IS NULL"
_RECORD = """
UPDATE lost_sends SET state = $2, why = $3, answer_sealed = $4, asked_at = now()
WHERE id = $1 AND state = 'unknown' AND approved_at IS NULL AND booked_at IS NULL
"""


class PostgresLostSends:
    """Lost sends in PostgreSQL; each call is one short transaction. `sealer` opens the journal's lines."""

    def __init__(self, transactions: ShortTransactions, sealer: Sealer) -> None:
        self._transactions = transactions
        self._sealer = sealer

    async def keep_unknown(self, lines: Iterable[JournalLine]) -> int:
        """Keep the lines that the database knows nothing of; returns how many sends were not kept before.

        Numbers of banks' messages are raised above those that were used.

        Raises:
            SealBrokenError: another installation has written a line.
        """
        batch: dict[_Key, list[SendLine]] = {}
        traces: dict[tuple[str, date], int] = {}
        count = 0
        for line in lines:
            if isinstance(line, TraceLine):
                key = line.acquirer, line.day
                traces[key] = max(line.stan, traces.get(key, 0))
                continue
            batch.setdefault((line.far_side, line.reference), []).append(line)
            if len(batch) >= LINES_AT_ONCE:
                count += await self._keep(batch)
                batch.clear()
        await self._raise_traces(traces)
        return count + await self._keep(batch)

    async def _raise_traces(self, traces: Mapping[tuple[str, date], int]) -> None:
        async def work(connection: Connection) -> None:
            for (acquirer, day), last in sorted(traces.items()):
                await connection.execute(_RAISE_TRACES, acquirer, day, last + TRACES_BEYOND)

        await self._transactions.run(work)

    async def _keep(self, batch: Mapping[_Key, Sequence[SendLine]]) -> int:
        keys = list(batch)

        async def work(connection: Connection) -> int:
            rows = await connection.fetch(_FIND_UNKNOWN, [key[0] for key in keys], [key[1] for key in keys])
            unknown = {keys[row["ord"] - 1] for row in rows}
            await _learn(connection, [lines[-1] for key, lines in batch.items() if key not in unknown])
            lost = [line for key in keys if key in unknown for line in batch[key]]
            return sum([await self._keep_line(connection, line) for line in lost])

        return await self._transactions.run(work)

    async def _keep_line(self, connection: Connection, line: SendLine) -> bool:
        claim = unseal_line(line, self._sealer).claim
        row = await connection.fetchrow(
            _KEEP, uuid7(), line.kind, line.far_side, line.reference, line.step, line.sends, line.payment_id,
            line.partner_id, line.amount.minor, line.amount.currency, line.sent_at, line.send_until,
            line.sealed, claim and claim.reference, claim and claim.bill_key, claim and claim.account,
        )  # fmt: skip
        return bool(row["is_new"])

    async def to_ask(self) -> Sequence[LostSend]:
        """See `ports.sends.LostSends`."""
        return await self._read(_TO_ASK)

    async def all(self) -> Sequence[LostSend]:
        """Every lost send, the oldest first."""
        return await self._read(f"{_READ} ORDER BY sent_at, id")

    async def to_book(self) -> Sequence[LostSend]:
        """See `ports.sends.LostSends`."""
        return await self._read(_TO_BOOK)

    async def cart_bill_state(self, reference: str) -> CartBillState:
        """See `ports.sends.LostSends`."""
        return await self._transactions.run(partial(cart_bill_state, reference=reference))

    async def mark_booked(self, lost_id: UUID, stand_in: timedelta) -> None:
        """See `ports.sends.LostSends`."""

        async def work(connection: Connection) -> None:
            lost = await connection.fetchrow(_MARK_BOOKED, lost_id)
            if lost is not None and lost["partner_id"] == PORTAL:
                await keep_further_payment(connection, lost["partner_reference"], stand_in)

        await self._transactions.run(work)

    async def refuse_booking(self, lost_id: UUID, why: str) -> None:
        """See `ports.sends.LostSends`."""
        await self._transactions.run(lambda connection: connection.execute(_REFUSE_BOOKING, lost_id, why))

    async def _read(self, query: str) -> Sequence[LostSend]:
        rows = await self._transactions.run(lambda connection: connection.fetch(query))
        return [_lost(row, self._sealer) for row in rows]

    async def record(self, lost_id: UUID, finding: LostFinding) -> None:
        """See `ports.sends.LostSends`."""
        answer = None
        if finding.posted is not None:
            answer = self._sealer.seal(_context(lost_id), orjson.dumps(_answer_parts(finding.posted)))
        await self._transactions.run(
            lambda connection: connection.execute(_RECORD, lost_id, finding.state, finding.why, answer)
        )


async def _learn(connection: Connection, newest: Sequence[SendLine]) -> None:
    """Let what is open of these references know of a later send than it remembers."""
    for kind, statement in _LEARN.items():
        lines = [line for line in newest if line.kind is kind]
        if lines:
            await connection.execute(
                statement,
                [line.far_side for line in lines],
                [line.reference for line in lines],
                [line.step for line in lines],
                [line.sends for line in lines],
                [line.send_until for line in lines],
            )


def _lost(row: Any, sealer: Sealer) -> LostSend:  # noqa: ANN401 - asyncpg's Record
    line = SendLine(
        kind=SendKind(row["kind"]),
        far_side=row["far_side"],
        reference=row["reference"],
        step=row["step"],
        payment_id=row["payment_id"],
        partner_id=row["partner_id"],
        amount=Money(row["amount"], row["currency"]),
        sent_at=row["sent_at"],
        send_until=row["send_until"],
        sends=row["sends"],
        has_claim=row["partner_reference"] is not None,
        sealed=row["sealed"],
    )
    posted = None
    if row["answer_sealed"] is not None:
        posted = _answer(orjson.loads(sealer.unseal(_context(row["id"]), row["answer_sealed"])))
    return LostSend(
        lost_id=row["id"],
        send=unseal_line(line, sealer),
        finding=LostFinding(LostState(row["state"]), row["why"], posted),
        booked_at=row["booked_at"],
        decided=None if row["approved_at"] is None else LostState(row["proposed_as"]),
        booking_refusal=row["booking_refusal"] or "",
    )


def _context(lost_id: UUID) -> str:
    return f"lost_send:{lost_id}"


def _answer_parts(posted: Posted) -> dict[str, object]:
    return {
        "reference": posted.reference,
        "amount_minor": posted.amount_minor,
        "facts": dict(posted.facts),
        "tokens": [(line.seq, line.kind, line.digits) for line in posted.tokens],
    }


def _answer(parts: dict[str, Any]) -> Posted:
    tokens = tuple(TokenLine(seq, TokenKind(kind), digits) for seq, kind, digits in parts["tokens"])
    return Posted(parts["reference"], parts["amount_minor"], parts["facts"], tokens)
