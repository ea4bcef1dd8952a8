"""The port `CartContacts` over PostgreSQL: a number is sealed, and compared once a payment is found."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.merchants.directory import can_be_stored
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.citizens import CartContact
from ekpay_switch.security.identifiers import uuid7_floor
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

_KEEP = """
INSERT INTO cart_contacts (cart_id, number_sealed, language)
SELECT id, $2, $3 FROM bill_carts WHERE id = $1 AND ordered_at IS NULL
ON CONFLICT (cart_id) DO UPDATE SET number_sealed = excluded.number_sealed, language = excluded.language
"""
_FIND = f"""
SELECT c.id, c.reference, k.number_sealed FROM merchant_orders AS o
JOIN bill_carts AS c ON c.id = o.trnx_id::uuid JOIN cart_contacts AS k ON k.cart_id = c.id
WHERE o.ekpay_trnx_id = $1 AND o.partner_id = '{PORTAL}'
"""  # noqa: S608 - a constant
_HAS_ENDED = """
NOT EXISTS (SELECT FROM cart_work AS w WHERE w.cart_id = k.cart_id AND w.next_action_at IS NOT NULL)
"""
# The id of a cart tells when it was begun, so that only old contacts are looked at.
_DROP_OLD = f"""
DELETE FROM cart_contacts AS k USING bill_carts AS c
WHERE k.cart_id < $2 AND c.id = k.cart_id AND c.ordered_at < $1 AND {_HAS_ENDED}
"""  # noqa: S608 - a constant
_READ_PAYER = f"""
SELECT k.number_sealed, k.language, o.ekpay_trnx_id FROM cart_contacts AS k
JOIN merchant_orders AS o ON o.partner_id = '{PORTAL}' AND o.trnx_id = replace(k.cart_id::text, '-', '')
WHERE k.cart_id = $1
"""  # noqa: S608 - a constant
FORGET_OF_CITIZEN = f"""
DELETE FROM cart_contacts AS k USING citizen_carts AS c
WHERE c.citizen_id = $1 AND k.cart_id = c.cart_id AND {_HAS_ENDED}
"""  # noqa: S608 - a constant
"""The numbers left with the payments of a citizen whose account is closed; not where money still waits."""


@dataclass(frozen=True, slots=True)
class CartPayer:
    """Whom to write to about the payment of a cart, which has this number of ours."""

    number: str = field(repr=False)
    language: PayerLanguage
    payment_number: str


class PostgresCartContacts:
    """Contacts in PostgreSQL."""

    def __init__(self, transactions: ShortTransactions, sealer: Sealer) -> None:
        self._transactions = transactions
        self._sealer = sealer

    async def keep(self, cart_id: UUID, contact: CartContact) -> None:
        """See `ports.citizens.CartContacts`."""
        sealed = self._sealer.seal(_context(cart_id), contact.number.encode())
        await self._transactions.run(partial(_keep, values=(cart_id, sealed, contact.language)))

    async def cart_of(self, payment_number: str, number: str) -> str | None:
        """See `ports.citizens.CartContacts`."""
        if not can_be_stored(payment_number):
            return None
        row = await self._transactions.run(partial(_find, payment_number=payment_number))
        if row is None:
            return None
        kept = self._sealer.unseal(_context(row["id"]), bytes(row["number_sealed"]))
        return str(row["reference"]) if hmac.compare_digest(kept, number.encode()) else None


async def drop_old_contacts(transactions: ShortTransactions, now: datetime, keep_days: int) -> None:
    """Drop the contacts of carts ordered so many days before `now`; an open cart keeps its own."""
    ordered_before = now - timedelta(days=keep_days)

    async def _drop(connection: Connection) -> None:
        await connection.execute(_DROP_OLD, ordered_before, uuid7_floor(ordered_before))

    await transactions.run(_drop)


async def read_payer(connection: Connection, cart_id: UUID, sealer: Sealer) -> CartPayer | None:
    """Who left a mobile number with an ordered cart; None where nobody did.

    A contact that was changed is logged and is none: what is written about must not wait for it.
    """
    row = await connection.fetchrow(_READ_PAYER, cart_id)
    if row is None:
        return None
    try:
        number = sealer.unseal(_context(cart_id), bytes(row["number_sealed"]))
    except SealBrokenError as error:
        telemetry.count_error("cart_contact_unreadable", cart_id=cart_id, error=error)
        return None
    return CartPayer(number.decode(), PayerLanguage(row["language"]), row["ekpay_trnx_id"])


async def _keep(connection: Connection, values: tuple[object, ...]) -> None:
    await connection.execute(_KEEP, *values)


async def _find(connection: Connection, payment_number: str) -> Connection:
    return await connection.fetchrow(_FIND, payment_number)


def _context(cart_id: UUID) -> str:
    return f"cart_contacts.number_sealed:{cart_id}"
