"""The port `CitizenAccounts` over PostgreSQL.

What a process knows of a session it reads with every request, so a session that was ended anywhere is ended
everywhere (T42). A secret of 128 random bits needs no slow hash.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.citizens.accounts import IDLE_LIFE, USE_STEP, WHOLE_LIFE, CitizenSession, SignedIn
from ekpay_switch.persistence.citizens.contacts import FORGET_OF_CITIZEN
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.citizens import NewSession
from ekpay_switch.security.one_time_codes import CodeDigests
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

_NEW_CITIZEN = """
INSERT INTO citizens (id, number_digest, number_sealed, language) VALUES ($1, $2, $3, $4)
ON CONFLICT (number_digest) DO NOTHING
"""
# Whoever closes the account at the same time has to wait, or was first.
_FIND = "SELECT id FROM citizens WHERE number_digest = $1 FOR UPDATE"
_END_BY_DIGEST = "DELETE FROM citizen_sessions WHERE digest = $1 AND id <> $2"
_NEW_SESSION = """
INSERT INTO citizen_sessions (id, citizen_id, digest, device) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO NOTHING
"""
_LIVE = "s.used_at > now() - $2::interval AND s.begun_at > now() - $3::interval"
_BY_DIGEST = f"""
SELECT s.id, s.citizen_id, s.proven_at, s.used_at < now() - $4::interval AS is_to_be_noted, c.number_sealed,
  now() AS now
FROM citizen_sessions AS s JOIN citizens AS c ON c.id = s.citizen_id
WHERE s.digest = $1 AND c.closed_at IS NULL AND {_LIVE}
"""  # noqa: S608 - a constant
_NOTE_USE = "UPDATE citizen_sessions SET used_at = now() WHERE id = $1"
_SESSIONS = f"""
SELECT s.id, s.device, s.begun_at, s.used_at FROM citizen_sessions AS s
WHERE s.citizen_id = $1 AND {_LIVE} ORDER BY s.used_at DESC, s.id DESC
"""  # noqa: S608 - a constant
_END = "DELETE FROM citizen_sessions WHERE citizen_id = $1 AND id = $2"
_END_OTHERS = "DELETE FROM citizen_sessions WHERE citizen_id = $1 AND id <> $2"
_CLAIM = "INSERT INTO citizen_carts (cart_id, citizen_id) VALUES ($2, $1) ON CONFLICT DO NOTHING"
_OWNS = "SELECT 1 FROM citizen_carts WHERE citizen_id = $1 AND cart_id = $2"
_CARTS = "SELECT cart_id FROM citizen_carts WHERE citizen_id = $1 ORDER BY at DESC, cart_id DESC LIMIT $2"
_CARTS_BETWEEN = """
SELECT c.cart_id FROM citizen_carts AS c JOIN bill_carts AS b ON b.id = c.cart_id
WHERE c.citizen_id = $1 AND b.created_at >= $2 AND b.created_at < $3
ORDER BY b.created_at DESC, c.cart_id DESC LIMIT $4
"""
_CLOSE = """
UPDATE citizens SET closed_at = now(), number_digest = NULL, number_sealed = NULL
WHERE id = $1 AND closed_at IS NULL
"""
_FORGET = (
    FORGET_OF_CITIZEN,
    "DELETE FROM citizen_sessions WHERE citizen_id = $1",
    "DELETE FROM citizen_carts WHERE citizen_id = $1",
    "DELETE FROM saved_bills WHERE citizen_id = $1",
    "DELETE FROM sent_reminders WHERE citizen_id = $1",
)
_DROP_OLD = """
DELETE FROM citizen_sessions AS s WHERE s.used_at < now() - $1::interval OR s.begun_at < now() - $2::interval
"""


class PostgresCitizenAccounts:
    """Accounts in PostgreSQL; each call is one short transaction."""

    def __init__(self, transactions: ShortTransactions, digests: CodeDigests, sealer: Sealer) -> None:
        """`sealer` seals the numbers."""
        self._transactions = transactions
        self._digests = digests
        self._sealer = sealer

    async def sign_in(self, new: NewSession) -> None:
        """See `ports.citizens.CitizenAccounts`. A repeat after a lost commit begins nothing twice."""
        sealed = self._sealer.seal(_context(new.citizen_id), new.number.encode())
        number = self._digests.of_account(new.number)

        async def _sign_in(connection: Connection) -> None:
            citizen_id = None
            while citizen_id is None:
                # Where the account is closed meanwhile, its number registers anew.
                await connection.execute(_NEW_CITIZEN, new.citizen_id, number, sealed, new.language)
                citizen_id = await connection.fetchval(_FIND, number)
            if new.instead_of:
                await connection.execute(_END_BY_DIGEST, _digest(new.instead_of), new.session_id)
            await connection.execute(
                _NEW_SESSION, new.session_id, citizen_id, _digest(new.secret), new.device
            )

        await self._transactions.run(_sign_in)

    async def by_secret(self, secret: str) -> SignedIn | None:
        """See `ports.citizens.CitizenAccounts`. That it was used is noted at most every ten minutes."""
        if not secret:
            return None
        row = await self._transactions.run(partial(_read_session, digest=_digest(secret)))
        if row is None:
            return None
        try:
            number = open_number(self._sealer, row["citizen_id"], bytes(row["number_sealed"]))
        except SealBrokenError as error:
            telemetry.count_error("citizen_unreadable", citizen_id=row["citizen_id"], error=error)
            return None
        return SignedIn(row["citizen_id"], row["id"], number, row["proven_at"], row["now"])

    async def sessions(self, citizen_id: UUID) -> Sequence[CitizenSession]:
        """See `ports.citizens.CitizenAccounts`."""
        rows = await self._fetch(_SESSIONS, citizen_id, IDLE_LIFE, WHOLE_LIFE)
        return [CitizenSession(row["id"], row["device"], row["begun_at"], row["used_at"]) for row in rows]

    async def end_session(self, citizen_id: UUID, session_id: UUID) -> None:
        """See `ports.citizens.CitizenAccounts`."""
        await self._fetch(_END, citizen_id, session_id)

    async def end_other_sessions(self, citizen_id: UUID, session_id: UUID) -> None:
        """See `ports.citizens.CitizenAccounts`."""
        await self._fetch(_END_OTHERS, citizen_id, session_id)

    async def claim_cart(self, citizen_id: UUID, cart_id: UUID) -> None:
        """See `ports.citizens.CitizenAccounts`."""
        await self._fetch(_CLAIM, citizen_id, cart_id)

    async def owns_cart(self, citizen_id: UUID, cart_id: UUID) -> bool:
        """See `ports.citizens.CitizenAccounts`."""
        return bool(await self._fetch(_OWNS, citizen_id, cart_id))

    async def cart_ids(self, citizen_id: UUID, count_max: int) -> Sequence[UUID]:
        """See `ports.citizens.CitizenAccounts`."""
        return [row["cart_id"] for row in await self._fetch(_CARTS, citizen_id, count_max)]

    async def cart_ids_between(
        self, citizen_id: UUID, since: datetime, until: datetime, count_max: int
    ) -> Sequence[UUID]:
        """See `ports.citizens.CitizenAccounts`."""
        rows = await self._fetch(_CARTS_BETWEEN, citizen_id, since, until, count_max)
        return [row["cart_id"] for row in rows]

    async def close(self, citizen_id: UUID) -> None:
        """See `ports.citizens.CitizenAccounts`."""

        async def _close(connection: Connection) -> None:
            await connection.execute(_CLOSE, citizen_id)
            for statement in _FORGET:
                await connection.execute(statement, citizen_id)

        await self._transactions.run(_close)

    async def _fetch(self, query: str, *values: object) -> Sequence[Any]:
        async def _read(connection: Connection) -> Sequence[Any]:
            rows: Sequence[Any] = await connection.fetch(query, *values)
            return rows

        return await self._transactions.run(_read)


def open_number(sealer: Sealer, citizen_id: UUID, sealed: bytes) -> str:
    """The mobile number of a citizen.

    Raises:
        SealBrokenError: the row was changed by something else.
    """
    return sealer.unseal(_context(citizen_id), sealed).decode()


async def drop_old_sessions(transactions: ShortTransactions) -> None:
    """Drop the sessions whose time is over."""

    async def _drop(connection: Connection) -> None:
        await connection.execute(_DROP_OLD, IDLE_LIFE, WHOLE_LIFE)

    await transactions.run(_drop)


async def _read_session(connection: Connection, digest: bytes) -> Any:  # noqa: ANN401 - a row
    row = await connection.fetchrow(_BY_DIGEST, digest, IDLE_LIFE, WHOLE_LIFE, USE_STEP)
    if row is not None and row["is_to_be_noted"]:
        await connection.execute(_NOTE_USE, row["id"])
    return row


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _context(citizen_id: UUID) -> str:
    return f"citizens.number_sealed:{citizen_id}"
