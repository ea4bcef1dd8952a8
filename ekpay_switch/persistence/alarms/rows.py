"""Writing alarms in the transaction that raises them, and ending them.

An alarm that is open already only counts, with the newest payment, amount and facts. Its owner and its due
date come from the tables `alarm_terms` and `business_days`; a kind without terms belongs to the operators and
is due on the next day.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, distinct_alarms
from ekpay_switch.persistence.fact_texts import facts_as_json
from ekpay_switch.security.identifiers import uuid7

# An asyncpg connection; the driver does not type its methods.
Connection = Any
Row = tuple[object, ...]

COLUMNS: Mapping[str, str] = {
    "id": "uuid",
    "kind": "text",
    "subject": "text",
    "payment_id": "uuid",
    "amount": "bigint",
    "facts": "jsonb",
}
TODAY = "(now() AT TIME ZONE 'Asia/Dhaka')::date"
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(COLUMNS.values(), 1))
# Its parameters are arrays, one for each of COLUMNS.
_RAISE = f"""
INSERT INTO alarms (id, kind, subject, payment_id, amount, facts, owner, due_on)
SELECT u.id, u.kind, u.subject, u.payment_id,
  coalesce(u.amount, (SELECT p.amount + p.rounding + p.charge + p.fee + p.vat FROM payments AS p
    WHERE p.id = u.payment_id)),
  u.facts, coalesce(t.owner, 'operator'),
  CASE WHEN t.due_business_days = 0 THEN {TODAY} ELSE coalesce(
    (SELECT b.day FROM business_days AS b WHERE b.day > {TODAY} ORDER BY b.day
      OFFSET coalesce(t.due_business_days, 1) - 1 LIMIT 1),
    {TODAY} + coalesce(t.due_business_days, 1)) END
FROM unnest({_ARRAYS}) AS u ({", ".join(COLUMNS)}) LEFT JOIN alarm_terms AS t ON t.kind = u.kind
ON CONFLICT (kind, subject) WHERE ended_at IS NULL
DO UPDATE SET count = alarms.count + 1, last_raised_at = now(), facts = excluded.facts,
  amount = excluded.amount, payment_id = excluded.payment_id
"""  # noqa: S608 - constants
_END = """
UPDATE alarms SET ended_at = now(), ended_by = $2, end_reason = $3
WHERE subject = ANY($1) AND ended_at IS NULL AND ($4::text[] IS NULL OR kind = ANY($4))
"""


class AlarmEnd(StrEnum):
    """What ended an alarm; the values of `alarms.ended_by`."""

    EVIDENCE = "evidence"  # what it was about is over
    DECISION = "decision"  # two persons decided it
    PERSON = "person"  # its owner closed it, with a reason


def alarm_rows(alarms: Sequence[RaisedAlarm]) -> list[Row]:
    """The rows of alarms, in the order of COLUMNS, by kind and subject, so that writers never deadlock."""
    ordered = sorted(distinct_alarms(alarms), key=lambda alarm: (alarm.kind, alarm.subject))
    return [
        (uuid7(), str(alarm.kind), alarm.subject, alarm.payment_id, alarm.amount,
         facts_as_json(alarm.facts))
        for alarm in ordered
    ]  # fmt: skip


async def raise_alarms(connection: Connection, alarms: Sequence[RaisedAlarm]) -> None:
    """Write alarms in the transaction of `connection`; one that is open already counts once more."""
    rows = alarm_rows(alarms)
    if rows:
        await connection.execute(_RAISE, *(list(column) for column in zip(*rows, strict=True)))


async def end_alarms(
    connection: Connection,
    subjects: Sequence[str],
    end: AlarmEnd,
    reason: str,
    kinds: Collection[Alarm] | None = None,
) -> None:
    """End the open alarms about these subjects, all or of these kinds, in the transaction of `connection`."""
    chosen = None if kinds is None else sorted(kinds)
    await connection.execute(_END, list(subjects), str(end), reason, chosen)
