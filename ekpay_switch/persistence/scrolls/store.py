"""Making scrolls: one transaction writes a file and its rows; afterwards the same file is read for ever.

Files of one biller are made one after the other, so of two makers of a file the second reads it. What is
committed while a file is made, on either side of midnight, is in the next file: the day before the newest
file is read once more for rows that it missed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.scrolls.layouts import digest_of, with_digest
from ekpay_switch.domain.scrolls.scroll import (
    ScrollFile,
    ScrollPlace,
    ScrollRefusal,
    ScrollRow,
    ScrollTerms,
    missing_day,
    refuse_scroll,
    rows_due,
)
from ekpay_switch.persistence.scrolls.reading import (
    read_changed_payments,
    read_file,
    read_last_seq,
    read_newest,
)
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions

# The first keys of two-key advisory locks are listed in `payment_rows`; 4 is used by scrolls.
_LOCK = "SELECT pg_advisory_xact_lock(4, hashtext($1))"
# A day of a large biller takes longer than the timeouts of a payment.
_LONG_TIMEOUTS = (
    "SET LOCAL statement_timeout = '10min'; SET LOCAL idle_in_transaction_session_timeout = '10min'"
)
_NEW_FILE = """
INSERT INTO scroll_files (biller_id, business_date, cycle, is_last, layout, rows, sum, sha256)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_COLUMNS = {
    "seq": "integer", "row_type": "text", "payment_id": "uuid", "refund_id": "uuid", "scroll_date": "date",
    "scroll_no": "bigint", "office_code": "text", "bill_ref": "text", "account_ref": "text",
    "paid_at": "timestamptz", "ekpay_ref": "text", "collector_ref": "text", "biller_ack_ref": "text",
    "principal": "bigint", "vat": "bigint", "late_fee": "bigint", "stamp": "bigint", "other_lines": "bigint",
    "total": "bigint", "channel": "text", "collector_code": "text", "charges": "jsonb",
    "is_stand_in": "boolean",
}  # fmt: skip
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_COLUMNS.values(), 4))
_NEW_ROWS = f"""
INSERT INTO scroll_rows (biller_id, business_date, cycle, {", ".join(_COLUMNS)})
SELECT $1, $2, $3, * FROM unnest({_ARRAYS})
"""  # noqa: S608 - constants
# A transaction that began before midnight may commit a little after the file of that day.
_LOOK_BACK = timedelta(days=1)


class RefusedScrollError(SwitchError):
    """The file cannot be made now."""


class ChangedScrollError(SwitchError):
    """The rows are no longer those that the file was made of: run ekpay audit."""


@dataclass(frozen=True, slots=True)
class ScrollOrder:
    """The file to make or read, with the terms of the biller's manifest."""

    biller_id: str
    business_date: date
    cycle: int
    terms: ScrollTerms


class Scrolls:
    """The scrolls of all billers in PostgreSQL."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def make(self, order: ScrollOrder) -> ScrollFile:
        """The file as it was made, or else a new one of all that no earlier file has; durable on return.

        Raises:
            RefusedScrollError: it is not its turn; nothing was written.
            ChangedScrollError: somebody has tampered with it.
            OverloadedError, CommitUnknownError: see `ShortTransactions`.
        """
        return await self._transactions.run(lambda connection: _make(connection, order))


async def _make(connection: Connection, order: ScrollOrder) -> ScrollFile:
    await connection.execute(_LONG_TIMEOUTS)
    await connection.execute(_LOCK, order.biller_id)
    standing = await read_file(connection, order.biller_id, order.business_date, order.cycle)
    if standing is not None:
        if digest_of(standing) != standing.sha256:
            raise ChangedScrollError
        return standing
    return await _make_new(connection, order)


async def _make_new(connection: Connection, order: ScrollOrder) -> ScrollFile:
    biller_id, day, terms = order.biller_id, order.business_date, order.terms
    place = ScrollPlace(day, order.cycle, is_last=order.cycle == terms.cycles)
    newest = await read_newest(connection, biller_id)
    today = business_date(await connection.fetchval("SELECT now()"))
    refusal = refuse_scroll(place, terms, today, newest)
    if refusal is not None:
        raise RefusedScrollError(_why(refusal, newest))
    first = date.min if newest is None else newest.business_date - _LOOK_BACK
    payments = await read_changed_payments(connection, biller_id, first, day)
    forgotten = missing_day(payments, day, terms, newest)
    if forgotten is not None:
        raise RefusedScrollError(f"{ScrollRefusal.EARLIER_IS_OPEN}: {forgotten}")
    last_seq = await read_last_seq(connection, biller_id, day)
    rows = rows_due(payments, day, last_seq + 1, terms)
    file = with_digest(ScrollFile(biller_id, day, order.cycle, place.is_last, terms.layout, rows))
    await _write(connection, file)
    return file


def _why(refusal: ScrollRefusal, newest: ScrollPlace | None) -> str:
    is_about_another = refusal in {ScrollRefusal.LATER_STANDS, ScrollRefusal.EARLIER_IS_OPEN}
    if is_about_another and newest is not None:
        return f"{refusal}: {newest.business_date}, cycle {newest.cycle}"
    return str(refusal)


async def _write(connection: Connection, file: ScrollFile) -> None:
    biller_id, day, cycle = file.biller_id, file.business_date, file.cycle
    await connection.execute(
        _NEW_FILE,
        biller_id,
        day,
        cycle,
        file.is_last,
        file.layout,
        len(file.rows),
        file.sum.minor,
        file.sha256,
    )
    if file.rows:
        await connection.execute(_NEW_ROWS, biller_id, day, cycle, *_columns(file.rows))


def _columns(rows: Sequence[ScrollRow]) -> list[list[object]]:
    return [list(column) for column in zip(*map(_values, rows), strict=True)]


def _values(row: ScrollRow) -> tuple[object, ...]:
    """The row in the order of _COLUMNS."""
    lines = row.lines
    charges = {label: amount.minor for label, amount in row.charges.items()}
    return (
        row.seq, str(row.row_type), row.payment_id, row.refund_id, row.scroll_date, row.scroll_no,
        row.office_code, row.bill_ref, row.account_ref, row.paid_at, row.ekpay_ref, row.collector_ref,
        row.biller_ack_ref, lines.principal.minor, lines.vat.minor, lines.late_fee.minor, lines.stamp.minor,
        lines.remainder.minor, lines.total.minor, row.channel, row.collector_code, json.dumps(charges),
        row.is_stand_in,
    )  # fmt: skip
