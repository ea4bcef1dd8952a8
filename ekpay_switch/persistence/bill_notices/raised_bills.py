"""Bills that an office raises here, their notices, and how one is withdrawn (docs/adr/0131).

What is raised stands beside what came in files: it has the next number of the biller's files, and is found,
taken and posted in the scroll as they are.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.money import total
from ekpay_switch.domain.scrolls.bill_files import BillFile, BillStatus, FiledBill, StoredBill
from ekpay_switch.domain.scrolls.bill_notices import (
    NUMBER_DIGITS,
    BillNotice,
    BillOfNotice,
    KnownBills,
    RaisedNotices,
    is_same_bill,
    notice_code,
)
from ekpay_switch.persistence.parties.staff import require_decider
from ekpay_switch.persistence.payment_rows import from_json
from ekpay_switch.persistence.scrolls.bill_files import (
    LONG_TIMEOUT,
    add_file,
    lock_files,
    set_bills,
    stored_bill_of,
)
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.security.identifiers import uuid7

_FIND_ISSUER = """
SELECT id FROM bill_issuers WHERE partner_id = $1 AND biller_id = $2 AND removed_at IS NULL
"""
_HOLD_ISSUER = f"{_FIND_ISSUER} FOR SHARE"
_IS_RAISED = "SELECT EXISTS (SELECT FROM bill_files WHERE id = $1)"
# A code that another notice has is tried again with another number; one bill has one notice.
_NEW_NOTICES = """
INSERT INTO bill_notices (code, biller_id, bill_key)
SELECT n.code, $1, n.bill_key FROM unnest($2::text[], $3::text[]) AS n (code, bill_key)
ON CONFLICT DO NOTHING
"""
_CODES = "SELECT bill_key, code FROM bill_notices WHERE biller_id = $1 AND bill_key = ANY($2)"
_BILLS = """
SELECT b.*, EXISTS (
  SELECT FROM bill_takings AS t
  WHERE t.biller_id = b.biller_id AND t.bill_key = b.bill_key AND t.state = 'taken') AS is_taken
FROM biller_bills AS b WHERE b.biller_id = $1 AND b.bill_key = ANY($2)
"""
_BY_CODE = """
SELECT n.code, n.biller_id, n.bill_key, b.parameters FROM bill_notices AS n
JOIN biller_bills AS b ON b.biller_id = n.biller_id AND b.bill_key = n.bill_key WHERE n.code = $1
"""
_LOCK_BILL = "SELECT status FROM biller_bills WHERE biller_id = $1 AND bill_key = $2 FOR UPDATE"
_IS_TAKEN = """
SELECT EXISTS (SELECT FROM bill_takings WHERE biller_id = $1 AND bill_key = $2 AND state = 'taken')
"""
_WITHDRAW = "UPDATE biller_bills SET status = 'withdrawn' WHERE biller_id = $1 AND bill_key = $2"
_NEW_WITHDRAWAL = """
INSERT INTO bill_withdrawals (biller_id, bill_key, reason, withdrawn_by) VALUES ($1, $2, $3, $4)
"""

_KEYS_SHOWN = 10


class RefusedBillError(SwitchError):
    """The bill cannot be raised, noticed or withdrawn; the message says which and why, nothing was done."""


@dataclass(frozen=True, slots=True)
class _NewBills:
    """Bills to be raised; `partner_id` is the partner that raises them, None for the staff."""

    biller_id: str
    bills: tuple[FiledBill, ...]
    made_on: date
    partner_id: str | None = None


class PostgresRaisedBills:
    """The ports `BillNotices` and `RaisedBills` in PostgreSQL; each call is one transaction."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def raise_bills(
        self, biller_id: str, bills: Sequence[FiledBill], made_on: date
    ) -> Mapping[str, str]:
        """Add new bills as the biller's next file, all or none; the code of each one's notice, by its number.

        For the staff, who may raise bills of every office.

        Raises:
            RefusedBillError: a bill of that number is there already.
        """
        answer = await self._raise(_NewBills(biller_id, tuple(bills), made_on))
        match answer:
            case RaisedNotices(notices=notices, is_repeat=False):
                return {notice.stored.bill.bill_key: notice.code for notice in notices}
            case KnownBills(bill_keys=known):
                there = sorted(known)
            case _:
                there = [bill.bill_key for bill in bills]
        raise RefusedBillError(f"bill_no: there already: {_some_of(there)}")

    async def is_issuer(self, partner_id: str, biller_id: str) -> bool:
        """See `ports.bill_notices.RaisedBills`."""
        found = await self._transactions.run(
            lambda connection: connection.fetchval(_FIND_ISSUER, partner_id, biller_id)
        )
        return found is not None

    async def raise_once(
        self, partner_id: str, biller_id: str, bills: Sequence[FiledBill], made_on: date
    ) -> RaisedNotices | KnownBills | None:
        """See `ports.bill_notices.RaisedBills`."""
        return await self._raise(_NewBills(biller_id, tuple(bills), made_on, partner_id))

    async def _raise(self, new: _NewBills) -> RaisedNotices | KnownBills | None:
        file_id = uuid7()
        return await self._transactions.run(lambda connection: _raise_within(connection, new, file_id))

    async def notice_of(self, biller_id: str, bill_key: str) -> BillNotice | None:
        """See `ports.bill_notices.RaisedBills`."""

        async def work(connection: Connection) -> BillNotice | None:
            known = await _stored(connection, biller_id, [bill_key])
            if not known:
                return None
            return BillNotice((await _codes(connection, biller_id, [bill_key]))[bill_key], known[bill_key])

        return await self._transactions.run(work)

    async def notices(self, biller_id: str, bill_keys: Sequence[str]) -> Sequence[BillNotice]:
        """The notices of these bills, in their order; a bill that had none has one from now on.

        Raises:
            RefusedBillError: there is no such bill.
        """

        async def work(connection: Connection) -> Sequence[BillNotice]:
            found = await _stored(connection, biller_id, bill_keys)
            missing = [key for key in bill_keys if key not in found]
            if missing:
                raise RefusedBillError(f"bill_no: {biller_id} has no bill {_some_of(missing)}")
            codes = await _codes(connection, biller_id, bill_keys)
            return [BillNotice(codes[key], found[key]) for key in bill_keys]

        return await self._transactions.run(work)

    async def by_code(self, code: str) -> BillOfNotice | None:
        """See `ports.bill_notices.BillNotices`."""
        row = await self._transactions.run(lambda connection: connection.fetchrow(_BY_CODE, code))
        if row is None:
            return None
        return BillOfNotice(row["code"], row["biller_id"], row["bill_key"], from_json(row["parameters"]))

    async def withdraw(self, biller_id: str, bill_key: str, reason: str, withdrawn_by: str) -> bool:
        """Withdraw an unpaid bill, as if it had never been raised; False where it was withdrawn already.

        A payment that is under way when the bill is withdrawn finds no bill, and goes back.

        Raises:
            RefusedBillError: there is no such bill, or it is paid.
            NotAllowedError: the person may decide nothing any more.
        """

        async def work(connection: Connection) -> bool:
            await require_decider(connection, withdrawn_by)
            status = await connection.fetchval(_LOCK_BILL, biller_id, bill_key)
            if status is None:
                raise RefusedBillError(f"bill_no: {biller_id} has no bill {bill_key}")
            if status == BillStatus.WITHDRAWN:
                return False
            if status == BillStatus.PAID or await connection.fetchval(_IS_TAKEN, biller_id, bill_key):
                raise RefusedBillError(f"bill_no: {bill_key} is paid")
            await connection.execute(_WITHDRAW, biller_id, bill_key)
            await connection.execute(_NEW_WITHDRAWAL, biller_id, bill_key, reason, withdrawn_by)
            return True

        return await self._transactions.run(work)


async def _raise_within(
    connection: Connection, new: _NewBills, file_id: UUID
) -> RaisedNotices | KnownBills | None:
    """Raise bills as the biller's next file `file_id`; None where their partner is no issuer any more."""
    issuer_id = None
    if new.partner_id is not None:
        issuer_id = await connection.fetchval(_HOLD_ISSUER, new.partner_id, new.biller_id)
    await connection.execute(LONG_TIMEOUT)
    number = await lock_files(connection, new.biller_id) + 1
    sent = {bill.bill_key: bill for bill in new.bills}
    known = await _stored(connection, new.biller_id, list(sent))
    if await connection.fetchval(_IS_RAISED, file_id):
        # Written by this call, whose COMMIT was not acknowledged.
        return await _notices(connection, new.biller_id, {key: known[key] for key in sent})
    if new.partner_id is not None and issuer_id is None:
        return None
    others = [key for key, stored in known.items() if not is_same_bill(stored.bill, sent[key])]
    if known and (others or len(known) < len(sent)):
        return KnownBills(frozenset(others or known))
    if not known:
        await add_file(connection, _as_file(new, number), file_id, issuer_id)
        await set_bills(connection, new.biller_id, file_id, new.bills)
    raised = {key: known.get(key, StoredBill(bill)) for key, bill in sent.items()}
    return replace(await _notices(connection, new.biller_id, raised), is_repeat=bool(known))


async def _notices(connection: Connection, biller_id: str, bills: Mapping[str, StoredBill]) -> RaisedNotices:
    codes = await _codes(connection, biller_id, list(bills))
    return RaisedNotices(tuple(BillNotice(codes[key], stored) for key, stored in bills.items()))


async def _stored(connection: Connection, biller_id: str, bill_keys: Sequence[str]) -> dict[str, StoredBill]:
    """The bills of these numbers that are there, by their numbers."""
    rows = await connection.fetch(_BILLS, biller_id, list(bill_keys))
    return {row["bill_key"]: stored_bill_of(row) for row in rows}


async def _codes(connection: Connection, biller_id: str, bill_keys: Sequence[str]) -> Mapping[str, str]:
    """The code of each bill's notice; one is made where there is none."""
    codes = await _read_codes(connection, biller_id, bill_keys)
    while without := [key for key in dict.fromkeys(bill_keys) if key not in codes]:
        new = [notice_code(_random_number()) for _ in without]
        await connection.execute(_NEW_NOTICES, biller_id, new, without)
        codes = await _read_codes(connection, biller_id, bill_keys)
    return codes


def _random_number() -> int:
    least: int = 10 ** (NUMBER_DIGITS - 1)
    return least + secrets.randbelow(9 * least)


async def _read_codes(connection: Connection, biller_id: str, bill_keys: Sequence[str]) -> dict[str, str]:
    rows = await connection.fetch(_CODES, biller_id, list(bill_keys))
    return {row["bill_key"]: row["code"] for row in rows}


def _some_of(bill_keys: Sequence[str]) -> str:
    """The first of these numbers, and how many more there are."""
    more = len(bill_keys) - _KEYS_SHOWN
    shown = ", ".join(bill_keys[:_KEYS_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def _as_file(new: _NewBills, number: int) -> BillFile:
    amount = total(bill.amount + bill.vat for bill in new.bills)
    digest = _digest(new.biller_id, number, new.bills)
    return BillFile(new.biller_id, number, new.made_on, digest, new.bills, amount)


def _digest(biller_id: str, number: int, bills: Sequence[FiledBill]) -> bytes:
    """What stands for the bytes of a file: no two numbers of a biller have the same."""
    content = json.dumps([biller_id, number, [bill.bill_key for bill in bills]])
    return hashlib.sha256(content.encode()).digest()
