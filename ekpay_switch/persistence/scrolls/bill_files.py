"""Bills that arrive as files, in PostgreSQL: loading a file, finding a bill, taking it for a payment.

A payment locks its bill and a file all of its bills, so each sees what the other did. Whether a payment or an
inquiry about it came first is decided by the primary key of `bill_takings`, independent of clocks.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import orjson

from ekpay_switch.domain.bill import ChargeLine
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.scrolls.bill_files import (
    BillFile,
    BillStatus,
    BillTaking,
    FiledBill,
    LoadResult,
    StoredBill,
    TakeAnswer,
    TakenBill,
    TakingRefusal,
    judge_taking,
)
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.security.identifiers import uuid7

Row = Mapping[str, Any]

# The first keys of two-key advisory locks are listed in `payment_rows`; 5 is used by bill files.
_LOCK = "SELECT pg_advisory_xact_lock(5, hashtext($1))"
# A file of a whole city takes minutes.
LONG_TIMEOUT = "SET LOCAL statement_timeout = '10min'"
_NEWEST = "SELECT max(number) FROM bill_files WHERE biller_id = $1"
_FIND_FILE = "SELECT id FROM bill_files WHERE biller_id = $1 AND digest = $2"
_NEW_FILE = """
INSERT INTO bill_files (id, biller_id, number, made_on, digest, bills, sum, issuer_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_LOCK_BILLS = """
SELECT bill_key FROM biller_bills WHERE biller_id = $1 AND bill_key = ANY($2) ORDER BY bill_key FOR UPDATE
"""
_TAKEN_BILLS = """
SELECT bill_key FROM bill_takings WHERE biller_id = $1 AND bill_key = ANY($2) AND state = 'taken'
"""
_COLUMNS = {
    "bill_key": "text", "status": "text", "parameters": "jsonb", "customer_name": "text", "period": "text",
    "issued_on": "date", "due_on": "date", "amount": "bigint", "vat": "bigint", "late_fee": "bigint",
    "lines": "jsonb",
}  # fmt: skip
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_COLUMNS.values(), 3))
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS, "file_id") if name != "bill_key")
_SET_BILLS = f"""
INSERT INTO biller_bills (biller_id, file_id, {", ".join(_COLUMNS)}) SELECT $1, $2, * FROM unnest({_ARRAYS})
ON CONFLICT (biller_id, bill_key) DO UPDATE SET {_CHANGED}
"""  # noqa: S608 - constants
_FIND_BILLS = """
SELECT b.*, EXISTS (
  SELECT FROM bill_takings AS t
  WHERE t.biller_id = b.biller_id AND t.bill_key = b.bill_key AND t.state = 'taken') AS is_taken
FROM biller_bills AS b WHERE b.biller_id = $1 AND b.parameters @> $2::jsonb ORDER BY b.due_on, b.bill_key
"""
_LOCK_BILL = "SELECT true FROM biller_bills WHERE biller_id = $1 AND bill_key = $2 FOR SHARE"
_READ_BILL = _FIND_BILLS.replace("b.parameters @> $2::jsonb", "b.bill_key = $2")
_READ_TAKING = "SELECT * FROM bill_takings WHERE biller_id = $1 AND reference = $2"
_NEW_TAKING = """
INSERT INTO bill_takings (biller_id, reference, payment_id, bill_key, state, amount, receipt)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING true
"""


class FileSeenBeforeError(SwitchError):
    """This very file was loaded before; nothing was done."""


class FileOutOfTurnError(SwitchError):
    """A biller's files are loaded in the order of their numbers, and this is not the next one."""


class PostgresBillFiles:
    """The port `BillFiles`, and loading files."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def load(self, file: BillFile) -> LoadResult:
        """Load a whole file in one transaction.

        Bills taken by a payment of ours are left unchanged: the biller wrote its file before it knew of that.

        Raises:
            FileSeenBeforeError, FileOutOfTurnError: nothing was done.
        """
        file_id, loaded = uuid7(), LoadResult(0, 0, 0)

        async def _load_once(connection: Connection) -> LoadResult:
            nonlocal loaded
            await connection.execute(LONG_TIMEOUT)
            await connection.execute(_LOCK, file.biller_id)
            seen_as = await connection.fetchval(_FIND_FILE, file.biller_id, file.digest)
            # The same id: written by this call, whose COMMIT was not acknowledged.
            if seen_as != file_id:
                loaded = await _load(connection, file, file_id, is_seen=seen_as is not None)
            return loaded

        return await self._transactions.run(_load_once)

    async def by_parameters(self, biller_id: str, parameters: Mapping[str, str]) -> Sequence[StoredBill]:
        """See `ports.bill_files.BillFiles`."""
        as_json = json.dumps(dict(parameters))
        rows = await self._transactions.run(
            lambda connection: connection.fetch(_FIND_BILLS, biller_id, as_json)
        )
        return [stored_bill_of(row) for row in rows]

    async def take(self, taking: BillTaking) -> TakeAnswer:
        """See `ports.bill_files.BillFiles`."""
        return await self._transactions.run(lambda connection: _take(connection, taking))

    async def settle(self, biller_id: str, reference: str, payment_id: UUID) -> TakenBill | None:
        """See `ports.bill_files.BillFiles`."""

        async def _settle(connection: Connection) -> TakenBill | None:
            await connection.fetchval(_NEW_TAKING, biller_id, reference, payment_id, "", "barred", 0, "")
            standing = await connection.fetchrow(_READ_TAKING, biller_id, reference)
            return _taken_bill(standing) if standing["state"] == "taken" else None

        return await self._transactions.run(_settle)


async def lock_files(connection: Connection, biller_id: str) -> int:
    """Lock the files of a biller until the transaction ends; the number of the newest, 0 without any."""
    await connection.execute(_LOCK, biller_id)
    newest: int | None = await connection.fetchval(_NEWEST, biller_id)
    return newest or 0


async def add_file(
    connection: Connection, file: BillFile, file_id: UUID, issuer_id: UUID | None = None
) -> None:
    """Record a file, whose biller's files are locked; `issuer_id` is who raised its bills over REST v1."""
    await connection.execute(
        _NEW_FILE, file_id, file.biller_id, file.number, file.made_on, file.digest, len(file.bills),
        file.sum.minor, issuer_id,
    )  # fmt: skip


async def set_bills(
    connection: Connection, biller_id: str, file_id: UUID, bills: Sequence[FiledBill]
) -> None:
    """Add these bills, or let them be as they stand in this file."""
    if bills:
        columns = [list(column) for column in zip(*map(_values, bills), strict=True)]
        await connection.execute(_SET_BILLS, biller_id, file_id, *columns)


async def _load(connection: Connection, file: BillFile, file_id: UUID, *, is_seen: bool) -> LoadResult:
    if is_seen:
        raise FileSeenBeforeError
    newest = await connection.fetchval(_NEWEST, file.biller_id)
    if newest is not None and file.number != newest + 1:
        raise FileOutOfTurnError(
            f"the next file of {file.biller_id} is number {newest + 1}, and this is {file.number}"
        )
    await add_file(connection, file, file_id)
    keys = [bill.bill_key for bill in file.bills]
    known = {row["bill_key"] for row in await connection.fetch(_LOCK_BILLS, file.biller_id, keys)}
    # A separate statement, which sees what was taken while we waited for the locks.
    ours = {row["bill_key"] for row in await connection.fetch(_TAKEN_BILLS, file.biller_id, keys)}
    new = [bill for bill in file.bills if bill.bill_key not in ours]
    await set_bills(connection, file.biller_id, file_id, new)
    paid = (bill.bill_key for bill in file.bills if bill.status is BillStatus.PAID and bill.bill_key in ours)
    changed = len(known - ours)
    return LoadResult(len(new) - changed, changed, len(ours), tuple(file.lines[key] for key in paid))


async def _take(connection: Connection, taking: BillTaking) -> TakeAnswer:
    standing = await connection.fetchrow(_READ_TAKING, taking.biller_id, taking.reference)
    if standing is not None:
        return _repeated_answer(standing, taking)
    await connection.fetchval(_LOCK_BILL, taking.biller_id, taking.bill_key)
    row = await connection.fetchrow(_READ_BILL, taking.biller_id, taking.bill_key)
    refusal = judge_taking(taking, None if row is None else stored_bill_of(row))
    if refusal is not None:
        return refusal
    written = await connection.fetchval(
        _NEW_TAKING, taking.biller_id, taking.reference, taking.payment_id, taking.bill_key, "taken",
        taking.amount.minor, taking.receipt,
    )  # fmt: skip
    if written:
        return TakenBill(taking.amount, taking.receipt)
    # Another transaction was first: an inquiry about this reference, the same call, or another payment of the
    # bill.
    standing = await connection.fetchrow(_READ_TAKING, taking.biller_id, taking.reference)
    return TakingRefusal.ALREADY_PAID if standing is None else _repeated_answer(standing, taking)


def _repeated_answer(standing: Row, taking: BillTaking) -> TakeAnswer:
    if standing["state"] != "taken":
        return TakingRefusal.BARRED
    is_same = (standing["bill_key"], standing["amount"]) == (taking.bill_key, taking.amount.minor)
    return _taken_bill(standing) if is_same else TakingRefusal.OTHER_CONTENT


def _taken_bill(row: Row) -> TakenBill:
    return TakenBill(Money(row["amount"]), row["receipt"])


def _values(bill: FiledBill) -> tuple[object, ...]:
    """The bill in the order of _COLUMNS."""
    return (
        bill.bill_key, str(bill.status), json.dumps(dict(bill.parameters)), bill.customer_name, bill.period,
        bill.issued_on, bill.due_on, bill.amount.minor, bill.vat.minor, bill.late_fee.minor,
        json.dumps([line.as_json() for line in bill.lines]),
    )  # fmt: skip


def stored_bill_of(row: Row) -> StoredBill:
    """The bill of a row of `biller_bills` with `is_taken` beside its columns."""
    lines = cast("list[dict[str, Any]]", _from_json(row["lines"]))
    bill = FiledBill(
        bill_key=row["bill_key"],
        status=BillStatus(row["status"]),
        parameters=cast("dict[str, str]", _from_json(row["parameters"])),
        customer_name=row["customer_name"],
        period=row["period"],
        issued_on=row["issued_on"],
        due_on=row["due_on"],
        amount=Money(row["amount"]),
        vat=Money(row["vat"]),
        late_fee=Money(row["late_fee"]),
        lines=tuple(ChargeLine(line["label"], Money(line["amount"])) for line in lines),
    )
    return StoredBill(bill, row["is_taken"])


def _from_json(value: Any) -> object:  # noqa: ANN401 - JSONB, decoded or as text by the driver's codec
    return orjson.loads(value) if isinstance(value, str) else value
