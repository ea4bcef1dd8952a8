"""The writes of the naive build for one step: a statement a row, by SQLAlchemy Core."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import orjson
from sqlalchemy import Table, Update, case, func, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ekpay_switch.domain.bill import Quote
from ekpay_switch.persistence.group_commit import write as batch_write
from ekpay_switch.persistence.group_commit.batch import quote_row
from ekpay_switch.persistence.group_commit.decide import Row, RowChanges
from ekpay_switch.persistence.group_commit.write import LostRowError, SetInsert
from ekpay_switch.persistence.schema.billers import used_receipts
from ekpay_switch.persistence.schema.books import (
    accounts,
    attempts,
    evidence,
    history,
    journal_entries,
    lanes,
    notifications,
    payments,
    postings,
    quotes,
    scroll_counters,
    token_lines,
)


async def write_quote(connection: AsyncConnection, quote: Quote) -> None:
    """Store a quote; one that stands already is left alone."""
    await _insert(connection, quotes, batch_write.QUOTES, [quote_row(quote)])


async def next_number(connection: AsyncConnection, series: str, day: date) -> int:
    """The next number of a series and day, whose row is locked from now on."""
    first = insert(scroll_counters).values(series=series, business_date=day, last=1)
    counted = first.on_conflict_do_update(
        index_elements=["series", "business_date"], set_={"last": scroll_counters.c.last + 1}
    ).returning(scroll_counters.c.last)
    number: int = (await connection.execute(counted)).scalar_one()
    return number


async def write_entries(connection: AsyncConnection, changes: RowChanges, day: date) -> None:
    """Journal entries with their postings, and the balances and lanes that they move.

    Raises:
        LostRowError: an account row was not as read.
    """
    await _insert(connection, journal_entries, batch_write.ENTRIES, changes.entries)
    if changes.postings:
        # The trigger checks a statement: the rows of an entry are inserted by one.
        rows = [_values(postings, batch_write.POSTINGS.columns, row) for row in changes.postings]
        await connection.execute(insert(postings).returning(postings.c.seq), rows)
    for code, growth, taken, _ in batch_write.balance_rows(changes, day):
        is_counted = accounts.c.taken_on >= day
        values = {
            "balance": accounts.c.balance + growth,
            "taken": func.greatest(case((is_counted, accounts.c.taken), else_=0) + taken, 0),
            "taken_on": func.greatest(accounts.c.taken_on, day),
        }
        await _update_row(connection, update(accounts).where(accounts.c.code == code).values(values))
    for lane, (seq, digest) in sorted(changes.lanes.items()):
        await _update_row(connection, update(lanes).where(lanes.c.lane == lane).values(seq=seq, hash=digest))


async def write_payments(connection: AsyncConnection, changes: RowChanges, scroll_no: int = 0) -> None:
    """All other rows; a new payment gets its scroll number here.

    Raises:
        LostRowError: a payment's epoch was not as read.
    """
    names = batch_write.PAYMENTS.columns
    for row in changes.payments:
        values = _values(payments, names, row[: len(names)])
        await connection.execute(insert(payments), values | {"scroll_no": scroll_no or None})
    inserted: tuple[tuple[Table, SetInsert, Sequence[Row]], ...] = (
        (attempts, batch_write.ATTEMPTS, changes.attempts),
        (history, batch_write.HISTORY, changes.history),
        (evidence, batch_write.EVIDENCE, changes.evidence),
        (notifications, batch_write.NOTIFICATIONS, changes.notifications),
        (token_lines, batch_write.TOKEN_LINES, changes.token_lines),
        (used_receipts, batch_write.USED_RECEIPTS, changes.used_receipts),
    )
    for table, columns, rows in inserted:
        await _insert(connection, table, columns, rows)
    for statement in _updates(changes):
        await _update_row(connection, statement)


def _updates(changes: RowChanges) -> Iterable[Update]:
    for payment_id, epoch, state, refusal, facts, steps, ask_at in changes.moved_payments.values():
        yield (
            update(payments)
            .where(payments.c.id == payment_id, payments.c.epoch == epoch)
            .values(
                state=state,
                refusal=refusal,
                facts=_decoded(facts),
                steps=steps,
                next_action_at=ask_at,
                lease_until=None,
                updated_at=func.now(),
            )
        )
    for payment_id, epoch, hold_until, inquiry_count in changes.extended_leases:
        lease_update = update(payments).where(payments.c.id == payment_id, payments.c.epoch == epoch)
        yield lease_update.values(lease_until=hold_until, next_action_at=hold_until, asked=inquiry_count)
    for attempt_id, step, sends, send_until in changes.started_sends:
        send_update = update(attempts).where(attempts.c.id == attempt_id)
        yield send_update.values(step=step, sends=sends, send_until=send_until)
    for attempt_id, state, outcome, closed_at in changes.ended_attempts:
        end_update = update(attempts).where(attempts.c.id == attempt_id)
        yield end_update.values(state=state, outcome=outcome, closed_at=closed_at)


async def _insert(connection: AsyncConnection, table: Table, columns: SetInsert, rows: Sequence[Row]) -> None:
    statement = insert(table).on_conflict_do_nothing() if columns.ignores_repeats else insert(table)
    for row in rows:
        await connection.execute(statement, _values(table, columns.columns, row))


async def _update_row(connection: AsyncConnection, statement: Update) -> None:
    if (await connection.execute(statement)).rowcount != 1:
        raise LostRowError


def _values(table: Table, names: Iterable[str], row: Row) -> dict[str, Any]:
    """A row by column name, as SQLAlchemy takes it: it writes JSON itself."""
    named = zip(names, row, strict=True)
    return {
        name: _decoded(value) if isinstance(table.c[name].type, JSONB) else value for name, value in named
    }


def _decoded(value: object) -> object:
    return orjson.loads(value) if isinstance(value, str) else value
