"""The movements of a partner's prefunds on one business date, read for its daily statement.

Whatever moves a prefund for a payment is a frozen line of the date's closed windows; other movements of a
prefund are read from the entries of the same windows. All is read in one snapshot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.parties.partners import UnknownPartnerError
from ekpay_switch.persistence.schema.ledger_lines import PREFUND_MOMENTS
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
# Today's balance of each prefund, less the movements of the date and of the days after it.
_BUCKETS = """
SELECT split_part(a.code, ':', 2) AS partner_id, split_part(a.code, ':', 3) AS bucket,
  (a.balance + coalesce(m.later, 0))::bigint AS closing,
  (a.balance + coalesce(m.later, 0) + coalesce(m.on_date, 0))::bigint AS opening
FROM accounts AS a LEFT JOIN (
  SELECT o.account, sum(o.amount) FILTER (WHERE e.business_date > $1) AS later,
    sum(o.amount) FILTER (WHERE e.business_date = $1) AS on_date
  FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id AND o.account LIKE 'prefund:%'
  WHERE e.business_date >= $1 GROUP BY o.account) AS m ON m.account = a.code
WHERE a.code LIKE 'prefund:%' AND ($2::text IS NULL OR split_part(a.code, ':', 2) = $2) ORDER BY a.code
"""
_LINES = f"""
SELECT l.party AS partner_id, l.instant, l.event AS kind, split_part(l.account, ':', 3) AS bucket,
  l.payment_id, l.their_reference AS reference, p.biller_id, p.amount + p.rounding AS billed, p.charge, p.fee,
  p.vat, -l.net AS change, l.id AS nth
FROM ledger_lines AS l JOIN payments AS p ON p.id = l.payment_id
WHERE l.role = '{LineRole.PARTNER}' AND l.business_date = $1 AND ($2::text IS NULL OR l.party = $2)
UNION ALL
SELECT split_part(o.account, ':', 2), e.at, e.moment, split_part(o.account, ':', 3), NULL,
  coalesce(t.reference, ''), '', NULL, NULL, NULL, NULL, -o.amount, e.seq
FROM journal_entries AS e JOIN postings AS o ON o.entry_id = e.id AND o.account LIKE 'prefund:%'
LEFT JOIN transfer_reversals AS r ON r.id = e.id
LEFT JOIN top_ups AS t ON t.id = coalesce(r.top_up_id, e.id)
WHERE e.business_date = $1 AND e.moment NOT IN {PREFUND_MOMENTS}
  AND ($2::text IS NULL OR split_part(o.account, ':', 2) = $2)
ORDER BY partner_id, instant, kind, nth
"""  # noqa: S608 - constants


class DayNotClosedError(SwitchError):
    """The business date is not closed: it has a settlement window that is open, or none."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The balance of one prefund before and after the date, in paisa."""

    opening: int
    closing: int


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement of a prefund, in paisa; `change` is above zero where the balance grew.

    `kind` is payment, reversal, refund, or the moment of another kind of entry, which has no payment and no
    parts.
    `reference` is the partner's own, or the bank's for a top-up and its reversal.
    """

    at: datetime
    kind: str
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
    """The statements of one partner or of all with a prefund; by default for the last closed date.

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
            of_partner = buckets.setdefault(row["partner_id"], {})
            of_partner[row["bucket"]] = Bucket(row["opening"], row["closing"])
        if partner_id is not None and not buckets:
            raise UnknownPartnerError
        lines: dict[str, list[StatementLine]] = {name: [] for name in buckets}
        async for row in connection.cursor(_LINES, day, partner_id, prefetch=2_000):
            lines[row["partner_id"]].append(_line_of(row))
    return [PartnerStatement(name, day, of_partner, lines[name]) for name, of_partner in buckets.items()]


def _line_of(row: Mapping[str, Any]) -> StatementLine:
    return StatementLine(
        at=row["instant"],
        kind=row["kind"],
        bucket=row["bucket"],
        payment_id=row["payment_id"],
        reference=row["reference"],
        biller_id=row["biller_id"],
        billed=row["billed"],
        charge=row["charge"],
        fee=row["fee"],
        vat=row["vat"],
        change=row["change"],
    )
