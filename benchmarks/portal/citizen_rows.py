"""Citizens, their sessions and their carts as rows, beside the payments of `benchmarks.paying.prefill`.

Invented numbers alone. The carts are paid ones of one bill each. Their orders stand on payments of the
prefill, which no flow has written so, and the books of the stage are not audited.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.sealed_fields import Sealer

CITIZENS, SESSIONS, CARTS_EACH = 600_000, 200_000, 12
_SEALED_FIELDS = "citizens/1"
_NEW_CITIZENS = """
INSERT INTO citizens (id, number_digest, number_sealed, language)
SELECT md5('citizen ' || n)::uuid, sha256(convert_to('number ' || n, 'UTF8')), '\\x00', 'bn'
FROM generate_series(1, $1) AS n
"""
_NEW_SESSIONS = """
INSERT INTO citizen_sessions (id, citizen_id, digest, device)
SELECT md5('session ' || n)::uuid, md5('citizen ' || n)::uuid,
  sha256(convert_to('S' || lpad(n::text, 25, '0'), 'UTF8')), 'Chrome, Android'
FROM generate_series(1, $1) AS n
"""
# The first citizens, who are the users, have carts over the last year; all others one or none.
_PLACES = """
CREATE TEMP TABLE places AS
SELECT row_number() OVER () AS n, id AS payment_id, amount FROM payments WHERE state = 'completed' LIMIT $1
"""
_NEW_CARTS = """
INSERT INTO bill_carts (id, reference, created_at, ordered_at)
SELECT md5('cart ' || n)::uuid, 'C' || lpad(n::text, 25, '0'), at, at
FROM (SELECT n, now() - (n % 330) * interval '1 day' AS at FROM places) AS c
"""
_NEW_ORDERS = """
INSERT INTO merchant_orders (payment_id, partner_id, trnx_id, text, ekpay_trnx_id, checkout_reference,
  token_expires_at, ipn_channel, ipn_uri)
SELECT payment_id, 'portal', md5('cart ' || n), '{}', 'B' || n, 'R' || lpad(n::text, 25, '0'), now(), '0', ''
FROM places
"""
_NEW_BILLS = """
INSERT INTO cart_bills (cart_id, seq, reference, biller_id, bucket, fields, bill, bill_key, amount, quote_id,
  quote_expires_at, fetched_at)
SELECT md5('cart ' || n)::uuid, 1, 'cart:' || md5('cart ' || n) || ':1', 'desco_postpaid', 'postpaid',
  jsonb_build_object('account_no', (20000000 + n)::text), jsonb_build_object('amount', amount),
  '09' || lpad(n::text, 10, '0'), amount, 'Q' || n, now(), now()
FROM places
"""
_NEW_FUNDINGS = (
    "INSERT INTO cart_fundings (cart_id, payment_id) SELECT md5('cart ' || n)::uuid, payment_id FROM places"
)
_NEW_ENDS = (
    "INSERT INTO cart_bill_ends (cart_id, seq, ending) SELECT md5('cart ' || n)::uuid, 1, 'paid' FROM places"
)
_NEW_OWNERS = """
INSERT INTO citizen_carts (cart_id, citizen_id, at)
SELECT md5('cart ' || n)::uuid,
  md5('citizen ' || CASE WHEN n <= $1::int * $2::int THEN 1 + n % $1::int ELSE n END)::uuid,
  now() - (n % 330) * interval '1 day'
FROM places
"""
_SEAL = "UPDATE citizens SET number_sealed = $2 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class KnownCitizen:
    """A citizen whose session a user of the bench has."""

    citizen_id: UUID
    secret: str


def known_citizens(count: int) -> Sequence[KnownCitizen]:
    """The first citizens."""
    return [KnownCitizen(_citizen_id(n), f"S{n:025}") for n in range(1, count + 1)]


async def fill_citizens(connection: asyncpg.Connection, keys: KeyRing, users: int, carts: int) -> None:
    """Add citizens, sessions and carts; the first `users` have twelve carts each, and numbers that open."""
    sealer = Sealer(keys.sub_key(_SEALED_FIELDS))
    async with connection.transaction():
        # Triggers and foreign keys would be checked row by row, and what is written here is made to fit.
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(_NEW_CITIZENS, CITIZENS)
        await connection.execute(_NEW_SESSIONS, SESSIONS)
        await connection.execute(_PLACES, carts)
        for statement in (_NEW_CARTS, _NEW_ORDERS, _NEW_BILLS, _NEW_FUNDINGS, _NEW_ENDS):
            await connection.execute(statement)
        await connection.execute(_NEW_OWNERS, users, CARTS_EACH)
        for n, citizen in enumerate(known_citizens(users), 1):
            number = sealer.seal(f"citizens.number_sealed:{citizen.citizen_id}", f"01700{n:06}".encode())
            await connection.execute(_SEAL, citizen.citizen_id, number)
    await connection.execute("VACUUM ANALYZE")


def _citizen_id(n: int) -> UUID:
    return UUID(hashlib.md5(f"citizen {n}".encode(), usedforsecurity=False).hexdigest())
