"""The port `OneTimeCodes` over PostgreSQL.

A try is one statement that counts and judges under the row's lock, so a thousand guesses at once are five.
"""

import base64
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.citizens.one_time_codes import LIFE, TRIES_MAX, CodeCheck, CodePurpose, CodeVerdict
from ekpay_switch.persistence.citizens.text_messages import new_message
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.citizens import NewCode, NewTextMessage
from ekpay_switch.security.one_time_codes import CodeDigests
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

_NEW = """
INSERT INTO one_time_codes (id, purpose, subject, digest, expires_at)
VALUES ($1, $2, $3, $4, now() + $5) ON CONFLICT (id) DO NOTHING
"""
_REPLACE = """
UPDATE one_time_codes SET replaced_at = now() WHERE id = $1 AND used_at IS NULL AND replaced_at IS NULL
"""
_TRY = f"""
UPDATE one_time_codes SET tries = tries + 1,
  used_at = CASE WHEN subject IS NOT NULL AND digest = $3 THEN now() END
WHERE id = $1 AND purpose = $2 AND used_at IS NULL AND replaced_at IS NULL AND tries < {TRIES_MAX}
  AND expires_at > now()
RETURNING used_at IS NOT NULL AS is_right, subject, tries
"""  # noqa: S608 - a constant
_DROP_OLD = "DELETE FROM one_time_codes WHERE expires_at < now() - interval '1 day'"


class PostgresOneTimeCodes:
    """Codes in PostgreSQL; each call is one short transaction, durable on return."""

    def __init__(self, transactions: ShortTransactions, digests: CodeDigests, sealer: Sealer) -> None:
        """`sealer` seals the messages that bring the codes."""
        self._transactions = transactions
        self._digests = digests
        self._sealer = sealer

    async def issue(self, new: NewCode, message: NewTextMessage | None) -> None:
        """See `ports.citizens.OneTimeCodes`. A repeat after a lost commit writes nothing twice."""

        async def _issue(connection: Connection) -> None:
            if new.replaces is not None:
                await connection.execute(_REPLACE, new.replaces)
            digest = self._digests.of(new.code_id, new.code)
            await connection.execute(_NEW, new.code_id, new.purpose, self._stored_subject(new), digest, LIFE)
            if message is not None:
                await new_message(connection, message, self._sealer)

        await self._transactions.run(_issue)

    async def check(self, code_id: UUID, purpose: CodePurpose, code: str) -> CodeCheck:
        """See `ports.citizens.OneTimeCodes`.

        A right code whose commit was lost is used: its owner requests another, and nobody enters twice.
        """
        digest = self._digests.of(code_id, code)

        async def _try(connection: Connection) -> Connection:
            return await connection.fetchrow(_TRY, code_id, purpose, digest)

        row = await self._transactions.run(_try)
        if row is None:
            return CodeCheck(CodeVerdict.DEAD)
        if row["is_right"]:
            subject = self._subject(code_id, purpose, row["subject"])
            return CodeCheck(CodeVerdict.RIGHT, subject) if subject else CodeCheck(CodeVerdict.DEAD)
        left = TRIES_MAX - row["tries"]
        return CodeCheck(CodeVerdict.WRONG if left else CodeVerdict.DEAD, tries_left=left)

    def _stored_subject(self, new: NewCode) -> str | None:
        """The subject as it is stored: a mobile number is sealed."""
        if new.subject is None or new.purpose is not CodePurpose.SIGN_IN:
            return new.subject
        sealed = self._sealer.seal(_context(new.code_id), new.subject.encode())
        return base64.b64encode(sealed).decode()

    def _subject(self, code_id: UUID, purpose: CodePurpose, stored: str) -> str:
        """The subject of a right code; empty where its row was changed."""
        if purpose is not CodePurpose.SIGN_IN:
            return stored
        try:
            return self._sealer.unseal(_context(code_id), base64.b64decode(stored)).decode()
        except (SealBrokenError, ValueError) as error:
            telemetry.count_error("code_subject_unreadable", error=error)
            return ""


async def drop_old_codes(transactions: ShortTransactions) -> None:
    """Drop the codes that expired a day ago."""

    async def _drop(connection: Connection) -> None:
        await connection.execute(_DROP_OLD)

    await transactions.run(_drop)


def _context(code_id: UUID) -> str:
    return f"one_time_codes.subject:{code_id}"
