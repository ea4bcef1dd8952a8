"""What a partner's prefunds did on one business date, read for its daily statement.

Payments and their reversals are the frozen lines of the date's closed windows, everything else that moved a
prefund is read from the entries of the same windows. All of it is one snapshot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.parties.partners import UnknownPartnerError
from ekpay_switch.ports.finance import Connection, LineRole

_LAST_CLOSED = """
SELECT max(business_date) FROM settlement_windows AS w WHERE state <> 'open'
  AND NOT EXISTS (SELECT FROM settlement_windows AS o WHERE o.business_date = w.business_date
    AND o.state = 'open')
"""
_IS_CLOSED = """
SELECT count(*) > 0 AND count(*) FILTER (WHERE state = 'open') = 0 FROM settlement_windows
WHERE business_date = $1
"""
_PARTNER = "SELECT true FROM partners WHERE id = $1"
# What stands on a prefund's row now, less what the date and the days since have moved.
_BUCKETS = """
SELECT split_part(a.code, ':', 2) AS partner_id, split_part(a.code, ':', 3) AS bucket,
  (a.balance + coalesce(m.later, 0))::bigint AS closing,
  (a.balance + coalesce(m.later, 0) + coalesce(m.that_day, 0))::bigint AS opening
FROM accounts AS a LEFT JOIN (
  SELECT o.account, sum(o.amount) FILTER (WHERE e.business_date > $1) AS later,
    sum(o.amount) FILTER (WHERE e.business_date = $1) AS that_day
  FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id AND o.account LIKE 'prefund:%'
  WHERE e.business_date >= $1 GROUP BY o.account) AS m ON m.account = a.code
WHERE a.code LIKE 'prefund:%' AND ($2::text IS NULL OR split_part(a.code, ':', 2) = $2) ORDER BY a.code
"""
_LINES = f"""
SELECT l.party AS partner_id, l.instant, l.event AS what, split_part(l.account, ':', 3) AS bucket,
  l.payment_id, l.their_reference AS reference, p.biller_id, p.amount + p.rounding AS billed, p.charge, p.fee,
  p.vat, -l.net AS change, l.id AS nth
FROM ledger_lines AS l JOIN payments AS p ON p.id = l.payment_id
WHERE l.role = '{LineRole.PARTNER}' AND l.business_date = $1 AND ($2::text IS NULL OR l.party = $2)
UNION ALL
SELECT split_part(o.account, ':', 2), e.at, e.moment, split_part(o.account, ':', 3), NULL,
  coalesce(t.reference, ''), '', NULL, NULL, NULL, NULL, -o.amount, e.seq
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id AND o.account LIKE 'prefund:%'
LEFT JOIN top_ups AS t ON t.id = e.id
WHERE e.business_date = $1 AND e.moment NOT IN ('accepted', 'given_back')
  AND ($2::text IS NULL OR split_part(o.account, ':', 2) = $2)
ORDER BY partner_id, instant, what, nth
"""  # noqa: S608 - constants


class DayNotClosedError(SwitchError):
    """The business date is not closed: it has a settlement window that is open, or none."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What stood in one prefund before and after the date, in paisa."""

    opening: int
    closing: int


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement of a prefund, in paisa; `change` is above zero where it grew.

    `what` is payment, reversal, or the moment of an entry of another kind; these have no payment and no
    parts. `reference` is the partner's own, or the bank's of a top-up.
    """

    at: datetime
    what: str
    bucket: str
    payment_id: UUID | None
    reference: str
    biller_id: str
    billed: int | None
    charge: int | None
    fee: int | None
    vat: int | None
    change: int


@dataclass(frozen=True, slots=True)
class PartnerStatement:
    """One partner's business date: its buckets by name, and what moved them in order of time."""

    partner_id: str
    business_date: date
    buckets: Mapping[str, Bucket]
    lines: Sequence[StatementLine]


async def read_statements(
    connection: Connection, business_date: date | None = None, partner_id: str | None = None
) -> Sequence[PartnerStatement]:
    """The statements of all partners that have a prefund, or of one; of the last closed date unless given.

    Raises:
        UnknownPartnerError: there is no such partner, or it has no prefund.
        DayNotClosedError: something may yet be posted to the date.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if partner_id is not None and not await connection.fetchval(_PARTNER, partner_id):
            raise UnknownPartnerError
        day = business_date or await connection.fetchval(_LAST_CLOSED)
        if day is None or not await connection.fetchval(_IS_CLOSED, day):
            raise DayNotClosedError
        buckets: dict[str, dict[str, Bucket]] = {}
        for row in await connection.fetch(_BUCKETS, day, partner_id):
            of = buckets.setdefault(row["partner_id"], {})
            of[row["bucket"]] = Bucket(row["opening"], row["closing"])
        if partner_id is not None and not buckets:
            raise UnknownPartnerError
        lines: dict[str, list[StatementLine]] = {name: [] for name in buckets}
        async for row in connection.cursor(_LINES, day, partner_id, prefetch=2_000):
            lines[row["partner_id"]].append(_line_of(row))
    return [PartnerStatement(name, day, of, lines[name]) for name, of in buckets.items()]


def _line_of(row: Mapping[str, object]) -> StatementLine:
    values = {name: row[name] for name in StatementLine.__slots__ if name != "at"}
    return StatementLine(at=row["instant"], **values)  # type: ignore[arg-type]
