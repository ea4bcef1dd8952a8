"""Reading for scrolls: payments with something to report to their biller, and existing files."""

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

import orjson

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.money import ZERO, Money, total
from ekpay_switch.domain.scrolls.scroll import (
    BookedAt,
    PaidRow,
    RowType,
    ScrollFile,
    ScrollLines,
    ScrollListing,
    ScrollPayment,
    ScrollPlace,
    ScrollRefund,
    ScrollRow,
    split_lines,
)
from ekpay_switch.persistence.short_transactions import Connection

Row = Mapping[str, Any]

POSTED = "'delivered', 'posted_after_give_back'"
"""The moments at which a biller is owed for a payment, as a list of SQL."""
RETURNED = "'posted_after_give_back_reversed', 'returned_to_prefund'"
"""The moments at which it lets go of what it was owed."""
TAKEN_BACK = f"'given_back', 'owed_back', {RETURNED}"
"""The moments at which it gets nothing, or nothing any more."""

# The payments of biller $1 that were posted, given back or refunded from day $2 to day $3, with all of that
# until $3. A refund counts once it is done: before, it may still fail. What a chargeback takes from suspense
# is not told.
_CHANGED_PAYMENTS = f"""
WITH touched AS (
  SELECT payment_id FROM journal_entries
  WHERE business_date BETWEEN $2 AND $3 AND payment_id IS NOT NULL
    AND moment IN ({POSTED}, {TAKEN_BACK})
  UNION
  SELECT r.payment_id FROM refunds AS r JOIN refund_history AS h ON h.refund_id = r.id
    AND h.to_state = 'done' AND h.from_state <> 'done'
  WHERE r.state = 'done' AND r.kind IN ('refund', 'chargeback') AND r.amount > r.from_suspense
    AND (h.at AT TIME ZONE INTERVAL '+06:00')::date BETWEEN $2 AND $3
)
SELECT p.id, p.scroll_no, p.business_date, p.reference, p.facts, p.partner_id, p.collected_by, p.amount,
  p.rounding, q.bill AS quoted, c.bill AS presented, a.reference AS sent_as,
  e.posted_on, e.posted_at, e.back_on, e.back_at, r.refunds, r.amounts, r.ats, l.has_void, l.told_back,
  p.partner_id = '{PORTAL}'
    AND EXISTS (SELECT FROM stand_in_tries AS s WHERE s.reference = p.reference) AS is_stand_in,
  t.scroll_date, t.scroll_no AS told_no, t.principal, t.vat, t.late_fee, t.stamp, t.other_lines
FROM touched JOIN payments AS p ON p.id = touched.payment_id AND p.biller_id = $1
LEFT JOIN quotes AS q ON q.quote_id = p.quote_id
LEFT JOIN collections AS c ON c.payment_id = p.id
LEFT JOIN LATERAL (
  SELECT reference FROM attempts WHERE payment_id = p.id AND leg = 'delivery'
  ORDER BY (outcome = 'approved') DESC NULLS LAST, opened_at DESC LIMIT 1) AS a ON true
LEFT JOIN LATERAL (
  SELECT min(business_date) FILTER (WHERE NOT is_back) AS posted_on,
    min(at) FILTER (WHERE NOT is_back) AS posted_at,
    max(business_date) FILTER (WHERE is_back) AS back_on, max(at) FILTER (WHERE is_back) AS back_at
  FROM (
    SELECT business_date, at, moment IN ({TAKEN_BACK}) AS is_back FROM journal_entries
    WHERE payment_id = p.id AND business_date <= $3
      AND moment IN ({POSTED}, {TAKEN_BACK})) AS moved) AS e ON true
LEFT JOIN LATERAL (
  SELECT array_agg(f.id ORDER BY h.at, f.id) AS refunds,
    array_agg(f.amount - f.from_suspense ORDER BY h.at, f.id) AS amounts,
    array_agg(h.at ORDER BY h.at, f.id) AS ats
  FROM refunds AS f JOIN refund_history AS h ON h.refund_id = f.id
    AND h.to_state = 'done' AND h.from_state <> 'done'
  WHERE f.payment_id = p.id AND f.state = 'done' AND f.kind IN ('refund', 'chargeback')
    AND f.amount > f.from_suspense
    AND (h.at AT TIME ZONE INTERVAL '+06:00')::date <= $3) AS r ON true
LEFT JOIN LATERAL (
  SELECT bool_or(row_type = 'VOID') AS has_void,
    array_agg(refund_id) FILTER (WHERE row_type = 'REV') AS told_back
  FROM scroll_rows WHERE payment_id = p.id) AS l ON true
LEFT JOIN scroll_rows AS t ON t.payment_id = p.id AND t.row_type = 'PAY'
"""  # noqa: S608 - constants
_NEWEST = """
SELECT business_date, cycle, is_last FROM scroll_files WHERE biller_id = $1
ORDER BY business_date DESC, cycle DESC LIMIT 1
"""
_FILE = "SELECT * FROM scroll_files WHERE biller_id = $1 AND business_date = $2 AND cycle = $3"
_ROWS = "SELECT * FROM scroll_rows WHERE biller_id = $1 AND business_date = $2 AND cycle = $3 ORDER BY seq"
_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM scroll_rows WHERE biller_id = $1 AND business_date = $2"


async def read_changed_payments(
    connection: Connection, biller_id: str, first: date, last: date
) -> list[ScrollPayment]:
    """The biller's payments that were posted, given back or refunded on these Dhaka days, both included."""
    return [_payment(row) for row in await connection.fetch(_CHANGED_PAYMENTS, biller_id, first, last)]


async def read_newest(connection: Connection, biller_id: str) -> ScrollPlace | None:
    """The newest file of the biller."""
    row = await connection.fetchrow(_NEWEST, biller_id)
    return None if row is None else ScrollPlace(row["business_date"], row["cycle"], row["is_last"])


async def read_file(connection: Connection, biller_id: str, day: date, cycle: int) -> ScrollFile | None:
    """An existing file with its rows and their stored digest, or None."""
    row = await connection.fetchrow(_FILE, biller_id, day, cycle)
    if row is None:
        return None
    rows = tuple(row_of(record) for record in await connection.fetch(_ROWS, biller_id, day, cycle))
    return ScrollFile(biller_id, day, cycle, row["is_last"], row["layout"], rows, row["sha256"])


async def read_last_seq(connection: Connection, biller_id: str, day: date) -> int:
    """The number of existing rows of that day."""
    return int(await connection.fetchval(_LAST_SEQ, biller_id, day))


def row_of(row: Row) -> ScrollRow:
    """A row of `scroll_rows` as the domain sees it."""
    return ScrollRow(
        seq=row["seq"],
        row_type=RowType(row["row_type"]),
        payment_id=row["payment_id"],
        refund_id=row["refund_id"],
        scroll_date=row["scroll_date"],
        scroll_no=row["scroll_no"],
        office_code=row["office_code"],
        bill_ref=row["bill_ref"],
        account_ref=row["account_ref"],
        paid_at=row["paid_at"],
        ekpay_ref=row["ekpay_ref"],
        collector_ref=row["collector_ref"],
        biller_ack_ref=row["biller_ack_ref"],
        lines=_lines(row),
        channel=row["channel"],
        collector_code=row["collector_code"],
        charges={label: Money(amount) for label, amount in _from_json(row["charges"]).items()},
        is_stand_in=row["is_stand_in"],
    )


def _lines(row: Row) -> ScrollLines:
    return ScrollLines(
        *(Money(row[name]) for name in ("principal", "vat", "late_fee", "stamp", "other_lines"))
    )


def _payment(row: Row) -> ScrollPayment:
    quoted, presented = (_from_json(row[name]) if row[name] else {} for name in ("quoted", "presented"))
    bill: Mapping[str, Any] = quoted or presented
    stated = {name: Money(bill.get(name, 0)) for name in ("amount", "vat", "late_fee")}
    charges: dict[str, Money] = {}
    for charge in quoted.get("charges") or presented.get("lines") or ():
        charges[charge["label"]] = charges.get(charge["label"], ZERO) + Money(charge["amount"])
    exact = Money(row["amount"])
    return ScrollPayment(
        payment_id=row["id"],
        number=row["scroll_no"] or 0,
        number_date=row["business_date"],
        office_code=bill.get("office_code", "") or "",
        bill_ref=quoted.get("bill_number") or presented.get("number") or "",
        account_ref=bill.get("account", "") or "",
        ekpay_ref=row["sent_as"] or "",
        collector_ref=row["reference"].removeprefix("v1:"),
        biller_ack_ref=str(_from_json(row["facts"]).get("receipt", "")),
        channel=row["collected_by"] or "prefund",
        collector_code=row["partner_id"],
        lines=split_lines(exact + Money(row["rounding"]), stated, charges),
        exact=exact,
        charges=charges,
        posted=_event_of(row, "posted"),
        voided=_event_of(row, "back"),
        refunds=_given_back(row, exact),
        listing=_listed(row),
        is_stand_in=row["is_stand_in"],
    )


def _event_of(row: Row, kind: str) -> BookedAt | None:
    on = row[f"{kind}_on"]
    return None if on is None else BookedAt(on, row[f"{kind}_at"])


def _given_back(row: Row, exact: Money) -> tuple[ScrollRefund, ...]:
    """The refunds that are done, and the rest where a posted payment was given back whole later."""
    if row["posted_on"] is None:
        return ()
    refunded = zip(row["refunds"] or (), row["amounts"] or (), row["ats"] or (), strict=True)
    back = [ScrollRefund(name, business_date(at), at, Money(amount)) for name, amount, at in refunded]
    remaining = exact - total(refund.amount for refund in back)
    if row["back_at"] is not None and row["back_at"] > row["posted_at"] and remaining.minor > 0:
        back.append(ScrollRefund(None, row["back_on"], row["back_at"], remaining))
    return tuple(back)


def _listed(row: Row) -> ScrollListing:
    paid_row = None
    if row["scroll_date"] is not None:
        paid_row = PaidRow(row["scroll_date"], row["told_no"], _lines(row))
    return ScrollListing(bool(row["has_void"]), paid_row, frozenset(row["told_back"] or ()))


def _from_json(value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSONB, decoded or as text by the driver's codec
    return cast("dict[str, Any]", orjson.loads(value) if isinstance(value, str) else value)
