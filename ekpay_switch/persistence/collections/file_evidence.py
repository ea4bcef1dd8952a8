"""The port `FileEvidence` over PostgreSQL: what settlement files say is kept once, and wakes what waits.

It sets no outcome: whoever leases the payment, the try or the refund next reads the answers with it and
decides (law 6, docs/adr/0055-what-a-settlement-file-proves-about-a-payment.md).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import IN_THE_AIR
from ekpay_switch.persistence.collections.findings import CALM_SECONDS
from ekpay_switch.persistence.file_statements import COUNTED
from ekpay_switch.persistence.payment_rows import as_json
from ekpay_switch.ports.finance import Connection, FileAnswer, FileSays, LineEvent, LineRole

# What a file says of something else than the sending of a payment or refund is kept and proves nothing here.
ASIDE = "aside:"
LOCK_PAYMENTS = "SELECT FROM payments WHERE id = ANY($1) ORDER BY id FOR UPDATE"
LOCK_TRIES = "SELECT FROM tries WHERE attempt_id = ANY($1) ORDER BY attempt_id FOR UPDATE"
LOCK_REFUNDS = "SELECT FROM refunds WHERE id = ANY($1) ORDER BY id FOR UPDATE"
# The moment itself, not the start of the transaction, which may be a long one: it is after everything that
# was written under the locks before.
KEEP = """
INSERT INTO evidence (payment_id, attempt_id, epoch, kind, facts, at)
SELECT *, clock_timestamp() FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::jsonb[])
ON CONFLICT DO NOTHING RETURNING attempt_id, kind
"""
# Of what was given back only a success is worth a question (law 15). Whoever holds the payment keeps it, and
# `PostgresPayments.postpone` sees by the later time that it was woken meanwhile.
WAKE_PAYMENTS = f"""
UPDATE payments SET next_action_at = clock_timestamp() WHERE id = ANY($1)
  AND (state = '{State.DELIVERING}' OR (state = '{State.REFUNDED}' AND id = ANY($2))) RETURNING true
"""  # noqa: S608 - constants
# As a callback wakes: what money came of is asked about no more, and what has ended without money only where
# a file has some.
WAKE_TRIES = f"""
UPDATE tries AS t SET is_woken = true,
  next_action_at = least(t.next_action_at, greatest(now(), t.asked_at + interval '{CALM_SECONDS} seconds'))
FROM attempts AS a WHERE t.attempt_id = ANY($1) AND a.id = t.attempt_id
  AND (a.state <> 'closed' OR (t.attempt_id = ANY($2) AND a.outcome NOT IN ('approved', 'second_success')))
RETURNING true
"""  # noqa: S608 - constants
_IN_THE_AIR = ", ".join(f"'{state}'" for state in sorted(IN_THE_AIR))
WAKE_REFUNDS = f"""
UPDATE refunds SET next_action_at = least(next_action_at, clock_timestamp())
WHERE id = ANY($1) AND state IN ({_IN_THE_AIR}) RETURNING true
"""  # noqa: S608 - constants
# Whose movement each id is: `payment_id` is what is locked first.
OF_MOVEMENTS = """
SELECT 'delivery' AS kind, id, payment_id FROM attempts WHERE id = ANY($1) AND leg = 'delivery'
UNION ALL SELECT 'try', attempt_id, payment_id FROM tries WHERE attempt_id = ANY($1)
UNION ALL SELECT 'refund', id, payment_id FROM refunds WHERE id = ANY($1)
"""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Whom to wake, by id; what `even_ended_…` names as well where it has ended without success."""

    payments: Collection[UUID]
    tries: Collection[UUID]
    refunds: Collection[UUID]
    even_ended_payments: Collection[UUID]
    even_ended_tries: Collection[UUID]


class FileEvidenceStore:
    """Keeps what files say; an answer is the same one if movement, night, word and amount are."""

    async def tell(self, connection: Connection, answers: Sequence[FileAnswer]) -> int:
        """See `finance_ports.FileEvidence`.

        Locks payments, then tries, then refunds, each in the order of their ids, and holds them until the
        caller's transaction ends: whoever posts in the same transaction does that before, since lanes and
        accounts come first everywhere (`batch_read`).
        """
        if not answers:
            return 0
        await connection.execute(LOCK_PAYMENTS, sorted({answer.payment_id for answer in answers}))
        kept = {(row["attempt_id"], row["kind"]) for row in await connection.fetch(KEEP, *_rows(answers))}
        fresh = [answer for answer in answers if (answer.movement, _kind(answer)) in kept]
        await _wake(connection, _wanted(fresh))
        return len(kept)

    async def wake(self, connection: Connection, movements: Collection[UUID]) -> int:
        """See `finance_ports.FileEvidence`. Locks as `tell` does; what has had its success stays asleep."""
        found = await connection.fetch(OF_MOVEMENTS, list(movements))
        if not found:
            return 0
        await connection.execute(LOCK_PAYMENTS, sorted({row["payment_id"] for row in found}))
        payments = {row["payment_id"] for row in found if row["kind"] == "delivery"}
        tries = {row["id"] for row in found if row["kind"] == "try"}
        refunds = {row["id"] for row in found if row["kind"] == "refund"}
        return await _wake(connection, _Wanted(payments, tries, refunds, payments, tries))


def _wanted(fresh: Sequence[FileAnswer]) -> _Wanted:
    paid = [answer for answer in fresh if answer.event is LineEvent.PAYMENT]
    delivered = [answer for answer in paid if answer.role is LineRole.BILLER]
    collected = [answer for answer in paid if answer.role is LineRole.CONNECTOR]
    return _Wanted(
        payments={answer.payment_id for answer in delivered},
        tries={answer.movement for answer in collected},
        refunds={answer.movement for answer in fresh if _is_refund(answer)},
        even_ended_payments={answer.payment_id for answer in delivered if answer.says is FileSays.SUCCESS},
        even_ended_tries={answer.movement for answer in collected if answer.says is FileSays.SUCCESS},
    )


async def _wake(connection: Connection, wanted: _Wanted) -> int:
    """Have them asked about now; how many that was. Their payments are locked."""
    payments, tries, refunds = sorted(wanted.payments), sorted(wanted.tries), sorted(wanted.refunds)
    woken: list[object] = []
    if payments:
        woken += await connection.fetch(WAKE_PAYMENTS, payments, sorted(wanted.even_ended_payments))
    if tries:
        await connection.execute(LOCK_TRIES, tries)
        woken += await connection.fetch(WAKE_TRIES, tries, sorted(wanted.even_ended_tries))
    if refunds:
        await connection.execute(LOCK_REFUNDS, refunds)
        woken += await connection.fetch(WAKE_REFUNDS, refunds)
    return len(woken)


def _is_refund(answer: FileAnswer) -> bool:
    return answer.role is LineRole.CONNECTOR and answer.event is LineEvent.REFUND


def _is_counted(answer: FileAnswer) -> bool:
    is_far_side = answer.role in {LineRole.BILLER, LineRole.CONNECTOR}
    return (is_far_side and answer.event is LineEvent.PAYMENT) or _is_refund(answer)


def _kind(answer: FileAnswer) -> str:
    """What the answer is kept under, once: a corrected file may name another amount the same night."""
    amount = f":{answer.amount}" if answer.says is FileSays.SUCCESS else ""
    told = f"{answer.says}:{answer.night}{amount}"
    return f"{COUNTED}{told}" if _is_counted(answer) else f"{ASIDE}{answer.role}:{answer.event}:{told}"


def _rows(answers: Sequence[FileAnswer]) -> tuple[list[object], ...]:
    """The columns of the rows to be kept; files know no epochs, so theirs is 0."""
    return (
        [answer.payment_id for answer in answers],
        [answer.movement for answer in answers],
        [0] * len(answers),
        [_kind(answer) for answer in answers],
        [as_json(_facts(answer)) for answer in answers],
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
