"""The port `SavedBills` over PostgreSQL: numbers and nicknames are sealed, and known by a keyed digest."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.citizens.saved_bills import SAVED_MAX, SavedBill
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.security.one_time_codes import CodeDigests
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

# Those of one citizen are saved one after the other, and none beside the closing of the account.
_LOCK = "SELECT id FROM citizens WHERE id = $1 AND closed_at IS NULL FOR UPDATE"
_COUNT = "SELECT count(*) FROM saved_bills WHERE citizen_id = $1 AND digest <> $2"
_SAVE = """
INSERT INTO saved_bills (id, citizen_id, biller_id, digest, sealed) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (citizen_id, digest) DO UPDATE SET sealed = excluded.sealed
"""
_READ = "SELECT id, citizen_id, biller_id, digest, sealed FROM saved_bills WHERE citizen_id = $1 ORDER BY id"
_REMOVE = "DELETE FROM saved_bills WHERE citizen_id = $1 AND id = $2"


class PostgresSavedBills:
    """Saved bills in PostgreSQL; each call is one short transaction."""

    def __init__(self, transactions: ShortTransactions, digests: CodeDigests, sealer: Sealer) -> None:
        """`sealer` seals the numbers and nicknames."""
        self._transactions = transactions
        self._digests = digests
        self._sealer = sealer

    async def save(self, citizen_id: UUID, bill: SavedBill) -> bool:
        """See `ports.citizens.SavedBills`."""
        digest = self._digests.of_saved_bill(citizen_id, _canonical([bill.biller_id, dict(bill.fields)]))
        content = _canonical([dict(bill.fields), bill.nickname])
        sealed = self._sealer.seal(_context(citizen_id, digest), content)

        async def _save(connection: Connection) -> bool:
            if await connection.fetchval(_LOCK, citizen_id) is None:
                return False
            if await connection.fetchval(_COUNT, citizen_id, digest) >= SAVED_MAX:
                return False
            await connection.execute(_SAVE, bill.saved_id, citizen_id, bill.biller_id, digest, sealed)
            return True

        return await self._transactions.run(_save)

    async def of_citizen(self, citizen_id: UUID) -> Sequence[SavedBill]:
        """See `ports.citizens.SavedBills`. One that does not open is left out, and counted as an error."""
        rows = await self._transactions.run(partial(_read, citizen_id=citizen_id))
        bills = [open_saved_bill(self._sealer, row) for row in rows]
        return [bill for bill in bills if bill is not None]

    async def remove(self, citizen_id: UUID, saved_id: UUID) -> None:
        """See `ports.citizens.SavedBills`."""

        async def _remove(connection: Connection) -> None:
            await connection.execute(_REMOVE, citizen_id, saved_id)

        await self._transactions.run(_remove)


def open_saved_bill(sealer: Sealer, row: Mapping[str, Any]) -> SavedBill | None:
    """The saved bill of a row, or None where it does not open, which is counted as an error."""
    citizen_id, digest = row["citizen_id"], bytes(row["digest"])
    try:
        content = sealer.unseal(_context(citizen_id, digest), bytes(row["sealed"]))
    except SealBrokenError as error:
        telemetry.count_error("saved_bill_unreadable", citizen_id=citizen_id, error=error)
        return None
    fields, nickname = json.loads(content)
    return SavedBill(row["id"], row["biller_id"], fields, nickname)


async def _read(connection: Connection, citizen_id: UUID) -> Sequence[Mapping[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = await connection.fetch(_READ, citizen_id)
    return rows


def _canonical(content: list[object]) -> bytes:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _context(citizen_id: UUID, digest: bytes) -> str:
    return f"saved_bills.sealed:{citizen_id}:{digest.hex()}"
