"""The port `FileEvidence` over PostgreSQL: what settlement files say is stored once, and makes rows due.

It sets no outcome: the next to lease the payment, the try or the refund reads the answers with it and decides
(law 6, docs/adr/0055-what-a-settlement-file-proves-about-a-payment.md).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import IN_THE_AIR, RefundState
from ekpay_switch.persistence.collections.findings import CALM_SECONDS
from ekpay_switch.persistence.fact_texts import facts_as_json
from ekpay_switch.persistence.file_statements import COUNTED
from ekpay_switch.persistence.schema.collections import IS_UNBOOKED
from ekpay_switch.ports.finance import Connection, FileAnswer, FileSays, LineEvent, LineRole

# What a file says of anything but the sending of a payment or refund is stored, and proves nothing here.
UNCOUNTED = "aside:"
LOCK_PAYMENTS = "SELECT FROM payments WHERE id = ANY($1) ORDER BY id FOR UPDATE"
LOCK_TRIES = "SELECT FROM tries WHERE attempt_id = ANY($1) ORDER BY attempt_id FOR UPDATE"
LOCK_REFUNDS = "SELECT FROM refunds WHERE id = ANY($1) ORDER BY id FOR UPDATE"
# `clock_timestamp()` and not the start of the transaction, which may be long: later than everything that was
# written under these locks before.
KEEP = """
INSERT INTO evidence (payment_id, attempt_id, epoch, kind, facts, at)
SELECT *, clock_timestamp() FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::jsonb[])
ON CONFLICT DO NOTHING RETURNING attempt_id, kind
"""
# A payment that was given back is asked about only after a success (law 15). Who holds the payment keeps it:
# `PostgresPayments.postpone` sees by the later time that it was woken meanwhile.
WAKE_PAYMENTS = f"""
UPDATE payments SET next_action_at = clock_timestamp() WHERE id = ANY($1)
  AND (state = '{State.DELIVERING}' OR (state = '{State.REFUNDED}' AND id = ANY($2))) RETURNING true
"""  # noqa: S608 - constants
# As after a callback: a try that collected money is not asked about again unless its connector tells more of
# it, and one that ended without money only where a file has some.
WAKE_TRIES = f"""
UPDATE tries AS t SET is_woken = true,
  next_action_at = least(t.next_action_at, greatest(now(), t.asked_at + interval '{CALM_SECONDS} seconds'))
FROM attempts AS a WHERE t.attempt_id = ANY($1) AND a.id = t.attempt_id
  AND (a.state <> 'closed' OR (t.attempt_id = ANY($2) AND a.outcome NOT IN ('approved', 'second_success'))
    OR EXISTS (SELECT FROM unbooked_movements AS u WHERE u.attempt_id = t.attempt_id AND {IS_UNBOOKED}))
RETURNING true
"""  # noqa: S608 - constants
_IN_THE_AIR = ", ".join(f"'{state}'" for state in sorted(IN_THE_AIR))
# What was left to finance is asked about where a file says that the connector has paid it.
WAKE_REFUNDS = f"""
UPDATE refunds SET next_action_at = least(next_action_at, clock_timestamp())
WHERE id = ANY($1) AND (state IN ({_IN_THE_AIR}) OR (state = '{RefundState.BY_HAND}' AND id = ANY($2)))
RETURNING true
"""  # noqa: S608 - constants
# What each id is, and its payment, which is locked first.
OF_MOVEMENTS = """
SELECT 'delivery' AS kind, id, payment_id FROM attempts WHERE id = ANY($1) AND leg = 'delivery'
UNION ALL SELECT 'try', attempt_id, payment_id FROM tries WHERE attempt_id = ANY($1)
UNION ALL SELECT 'refund', id, payment_id FROM refunds WHERE id = ANY($1)
"""


@dataclass(frozen=True, slots=True)
class _WakeTargets:
    """What to make due, by id; `even_ended_…` also where it has ended without success."""

    payments: Collection[UUID]
    tries: Collection[UUID]
    refunds: Collection[UUID]
    even_ended_payments: Collection[UUID]
    even_ended_tries: Collection[UUID]
    even_ended_refunds: Collection[UUID]


class FileEvidenceStore:
    """Stores what files say; answers of equal movement, night, outcome and amount are the same answer."""

    async def tell(self, connection: Connection, answers: Sequence[FileAnswer]) -> int:
        """See `ports.finance.FileEvidence`.

        Locks payments, then tries, then refunds, each in the order of their ids, until the caller's
        transaction ends. A caller that also posts does so before: lanes and accounts are locked first
        everywhere (`group_commit.lock_and_read`).
        """
        if not answers:
            return 0
        await connection.execute(LOCK_PAYMENTS, sorted({answer.payment_id for answer in answers}))
        stored = {(row["attempt_id"], row["kind"]) for row in await connection.fetch(KEEP, *_rows(answers))}
        new_answers = [answer for answer in answers if (answer.movement, _kind(answer)) in stored]
        await _wake(connection, _wake_targets(new_answers))
        return len(stored)

    async def wake(self, connection: Connection, movements: Collection[UUID]) -> int:
        """See `ports.finance.FileEvidence`. Locks as `tell` does; what has succeeded is not woken."""
        rows = await connection.fetch(OF_MOVEMENTS, list(movements))
        if not rows:
            return 0
        await connection.execute(LOCK_PAYMENTS, sorted({row["payment_id"] for row in rows}))
        payments = {row["payment_id"] for row in rows if row["kind"] == "delivery"}
        tries = {row["id"] for row in rows if row["kind"] == "try"}
        refunds = {row["id"] for row in rows if row["kind"] == "refund"}
        return await _wake(connection, _WakeTargets(payments, tries, refunds, payments, tries, refunds))


def _wake_targets(answers: Sequence[FileAnswer]) -> _WakeTargets:
    paid = [answer for answer in answers if answer.event is LineEvent.PAYMENT]
    delivered = [answer for answer in paid if answer.role is LineRole.BILLER]
    collected = [answer for answer in paid if answer.role is LineRole.CONNECTOR]
    return _WakeTargets(
        payments={answer.payment_id for answer in delivered},
        tries={answer.movement for answer in collected},
        refunds={answer.movement for answer in answers if _is_refund(answer)},
        even_ended_payments={answer.payment_id for answer in delivered if answer.says is FileSays.SUCCESS},
        even_ended_tries={answer.movement for answer in collected if answer.says is FileSays.SUCCESS},
        even_ended_refunds={
            answer.movement for answer in answers if _is_refund(answer) and answer.says is FileSays.SUCCESS
        },
    )


async def _wake(connection: Connection, targets: _WakeTargets) -> int:
    """Make the targets due now; returns how many were. Their payments are locked."""
    payments, tries, refunds = sorted(targets.payments), sorted(targets.tries), sorted(targets.refunds)
    woken: list[object] = []
    if payments:
        woken += await connection.fetch(WAKE_PAYMENTS, payments, sorted(targets.even_ended_payments))
    if tries:
        await connection.execute(LOCK_TRIES, tries)
        woken += await connection.fetch(WAKE_TRIES, tries, sorted(targets.even_ended_tries))
    if refunds:
        await connection.execute(LOCK_REFUNDS, refunds)
        woken += await connection.fetch(WAKE_REFUNDS, refunds, sorted(targets.even_ended_refunds))
    return len(woken)


def _is_refund(answer: FileAnswer) -> bool:
    return answer.role is LineRole.CONNECTOR and answer.event is LineEvent.REFUND


def _is_counted(answer: FileAnswer) -> bool:
    is_far_side = answer.role in {LineRole.BILLER, LineRole.CONNECTOR}
    return (is_far_side and answer.event is LineEvent.PAYMENT) or _is_refund(answer)


def _kind(answer: FileAnswer) -> str:
    """The kind under which an answer is stored once; a corrected file may state another amount."""
    amount = f":{answer.amount}" if answer.says is FileSays.SUCCESS else ""
    content = f"{answer.says}:{answer.night}{amount}"
    return (
        f"{COUNTED}{content}" if _is_counted(answer) else f"{UNCOUNTED}{answer.role}:{answer.event}:{content}"
    )


def _rows(answers: Sequence[FileAnswer]) -> tuple[list[object], ...]:
    """The columns of the rows to store; files know no epochs, so the epoch is 0."""
    return (
        [answer.payment_id for answer in answers],
        [answer.movement for answer in answers],
        [0] * len(answers),
        [_kind(answer) for answer in answers],
        [facts_as_json(_facts(answer)) for answer in answers],
    )


def _facts(answer: FileAnswer) -> dict[str, str]:
    return {
        "says": str(answer.says),
        "night": answer.night.isoformat(),
        "file": answer.file,
        "row": str(answer.ordinal),
        "their_reference": answer.their_reference,
        "amount": str(abs(answer.amount)),
    }
