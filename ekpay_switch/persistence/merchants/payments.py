"""The port `MerchantPayments` over PostgreSQL: opening is one durable transaction, reading takes no locks.

A payment is read in one snapshot, so that its state, its tries and its IPNs belong together.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import IPN_CODES
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.merchants.customer_seal import CustomerSeal
from ekpay_switch.persistence.merchants.directory import can_be_stored
from ekpay_switch.persistence.merchants.openings import open_order, text_of
from ekpay_switch.persistence.schema.books import one_of
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.merchants import (
    Funding,
    MerchantOpened,
    MerchantPayment,
    NewMerchantPayment,
    TrnxIdTaken,
    TryLine,
)

# Channels 1 and 3 ask for an IPN to the merchant's server (ekpay-merchant-api.md 1.2).
_WANTS_IPN = "(o.ipn_channel IN ('1', '3') AND o.ipn_uri <> '')"
# Only the newest IPN counts: an earlier one does not say how the payment stands now.
_PAYMENTS = f"""
SELECT o.payment_id, o.partner_id, o.text, c.cart, o.ekpay_trnx_id, o.checkout_reference, o.token_expires_at,
  p.lane, p.fingerprint, p.currency, p.amount, p.charge, p.fee, p.vat, p.rounding, p.state, p.refusal,
  p.steps, p.created_at, p.updated_at, now() AS read_at, m.mer_reg_id, m.name_bn, r.name,
  coalesce(ipn.tries, 0) AS ipn_tries, NOT {_WANTS_IPN} OR coalesce(ipn.is_taken, false) AS is_told
FROM merchant_orders AS o
JOIN payments AS p ON p.id = o.payment_id
LEFT JOIN merchant_carts AS c ON c.payment_id = o.payment_id
JOIN merchants AS m ON m.partner_id = o.partner_id
JOIN partners AS r ON r.id = o.partner_id
LEFT JOIN LATERAL (
  SELECT d.state = 'delivered' OR d.delivered_at IS NOT NULL AS is_taken,
    (SELECT count(*) FROM notification_tries AS t
     WHERE t.notification_id = d.notification_id AND t.endpoint_id = d.endpoint_id)::int AS tries
  FROM notifications AS n
  LEFT JOIN (notification_deliveries AS d JOIN notification_endpoints AS e
    ON e.id = d.endpoint_id AND e.kind = 'ipn') ON d.notification_id = n.id
  WHERE n.payment_id = o.payment_id AND {one_of("n.notice", IPN_CODES)}
  ORDER BY n.version DESC, n.id DESC LIMIT 1) AS ipn ON true
"""  # noqa: S608 - constants
_UUIDS = ARRAY(Uuid)
BY_ID = text(f"{_PAYMENTS} WHERE o.payment_id = :payment_id").bindparams(bindparam("payment_id", type_=Uuid))
BY_ORDER = text(f"{_PAYMENTS} WHERE o.partner_id = :partner_id AND o.trnx_id = :trnx_id")
BY_CHECKOUT = text(f"{_PAYMENTS} WHERE o.checkout_reference = :checkout_reference")
NAMED = text(
    f"{_PAYMENTS} WHERE o.trnx_id = :trnx_id ORDER BY o.created_at DESC, o.payment_id DESC LIMIT :limit"
)
# Why a try failed is in its evidence, or in the history row that its payment got in that transaction.
# What a connector holds for a dispute counts in the running total, and is nothing that the payer has.
_TRIES = text("""
SELECT t.payment_id, t.attempt_id, a.reference, t.connector_id, a.state, a.outcome, t.page_url, t.page_until,
  a.opened_at, t.executes_begun, t.next_action_at, t.charge, t.fee, t.vat, t.provider_transaction,
  t.collected_at, t.held_at,
  t.refunded - (SELECT coalesce(sum(r.amount - r.from_suspense), 0) FROM refunds AS r
    WHERE r.payment_id = t.payment_id AND r.attempt_id = t.attempt_id AND r.state = 'held')::bigint
    AS refunded,
  coalesce(
    (SELECT e.facts ->> 'why' FROM evidence AS e WHERE e.payment_id = t.payment_id
       AND e.attempt_id = t.attempt_id AND e.kind = a.outcome ORDER BY e.id DESC LIMIT 1),
    (SELECT h.facts ->> 'why' FROM history AS h WHERE h.payment_id = t.payment_id AND h.at = a.closed_at
       AND h.facts ? 'why' ORDER BY h.seq LIMIT 1)) AS why,
  (SELECT h.facts FROM history AS h WHERE h.payment_id = t.payment_id AND h.event = 'collected'
     ORDER BY h.seq DESC LIMIT 1) AS facts
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id
WHERE t.payment_id = ANY(:ids) ORDER BY a.opened_at, a.id
""").bindparams(bindparam("ids", type_=_UUIDS))
_SHARES = text("""
SELECT s.payment_id, s.payee, s.kind, s.amount, y.name FROM merchant_shares AS s
JOIN merchant_orders AS o ON o.payment_id = s.payment_id
LEFT JOIN merchant_payees AS y ON y.partner_id = o.partner_id AND y.code = s.payee
WHERE s.payment_id = ANY(:ids) ORDER BY s.payment_id, s.seq
""").bindparams(bindparam("ids", type_=_UUIDS))


class PostgresMerchantPayments:
    """Merchant payments in PostgreSQL."""

    def __init__(self, engine: AsyncEngine, transactions: ShortTransactions, customers: CustomerSeal) -> None:
        self._engine = engine
        self._transactions = transactions
        self._customers = customers

    async def open(self, new: NewMerchantPayment) -> MerchantOpened | TrnxIdTaken:
        """See `ports.merchants.MerchantPayments`."""
        standing = await self._transactions.run(
            lambda connection: open_order(connection, new, self._customers)
        )
        if standing is None:
            return TrnxIdTaken()
        payment = await self.by_id(standing)
        assert payment is not None, "the payment was written or found a moment ago"
        return MerchantOpened(payment, is_repeat=standing != new.payment_id)

    async def by_id(self, payment_id: UUID) -> MerchantPayment | None:
        """See `ports.merchants.MerchantPayments`."""
        return await self._find(BY_ID, {"payment_id": payment_id})

    async def by_order(self, partner_id: str, trnx_id: str) -> MerchantPayment | None:
        """See `ports.merchants.MerchantPayments`."""
        return await self._find(BY_ORDER, {"partner_id": partner_id, "trnx_id": trnx_id})

    async def by_checkout(self, checkout_reference: str) -> MerchantPayment | None:
        """See `ports.merchants.MerchantPayments`."""
        return await self._find(BY_CHECKOUT, {"checkout_reference": checkout_reference})

    async def by_trnx_id(self, trnx_id: str, limit: int = 10) -> Sequence[MerchantPayment]:
        """See `ports.merchants.MerchantPayments`."""
        return await self._read(NAMED, {"trnx_id": trnx_id, "limit": limit})

    async def _find(self, query: Any, values: Mapping[str, object]) -> MerchantPayment | None:  # noqa: ANN401 - SQL
        payments = await self._read(query, values)
        return payments[0] if payments else None

    async def _read(self, query: Any, values: Mapping[str, object]) -> list[MerchantPayment]:  # noqa: ANN401 - SQL
        if not all(can_be_stored(value) for value in values.values() if isinstance(value, str)):
            return []
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="REPEATABLE READ")
            rows = (await connection.execute(query, dict(values))).all()
            ids = [row.payment_id for row in rows]
            tries, shares = (
                await _by_payment(connection, _TRIES, ids),
                await _by_payment(connection, _SHARES, ids),
            )
        return [
            _payment(row, tries.get(row.payment_id, []), shares[row.payment_id], self._customers)
            for row in rows
        ]


async def _by_payment(
    connection: AsyncConnection,
    query: Any,  # noqa: ANN401 - SQL
    ids: Sequence[UUID],
) -> dict[UUID, list[Row[Any]]]:
    """The rows of these payments, by payment."""
    by_payment: dict[UUID, list[Row[Any]]] = {}
    if ids:
        for row in await connection.execute(query, {"ids": list(ids)}):
            by_payment.setdefault(row.payment_id, []).append(row)
    return by_payment


def _payment(
    row: Row[Any], tries: Sequence[Row[Any]], shares: Sequence[Row[Any]], customers: CustomerSeal
) -> MerchantPayment:
    currency = row.currency
    parts = (row.amount, row.charge, row.fee, row.vat, row.rounding)
    sums = Sums(*(Money(part, currency) for part in parts))
    funding = next((try_row for try_row in tries if try_row.outcome == TryEnd.APPROVED), None)
    return MerchantPayment(
        payment_id=row.payment_id,
        partner_id=row.partner_id,
        lane=row.lane,
        mer_reg_id=row.mer_reg_id,
        merchant_en=row.name,
        merchant_bn=row.name_bn,
        text=text_of(row.payment_id, row.text, row.cart, customers),
        amount=sums.amount,
        sums=sums,
        fingerprint=bytes(row.fingerprint),
        state=State(row.state),
        refusal=Refusal(row.refusal) if row.refusal else None,
        steps=row.steps,
        checkout_reference=row.checkout_reference,
        ekpay_trnx_id=row.ekpay_trnx_id,
        token_expires_at=row.token_expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        read_at=row.read_at,
        tries=tuple(_line(try_row, sums) for try_row in tries),
        shares=tuple(
            Share(share.payee, PayeeKind(share.kind) if share.kind else None, Money(share.amount, currency))
            for share in shares
        ),
        refunded=Money(0 if funding is None else funding.refunded, currency),
        funding=None if funding is None else _funding(funding),
        is_told=row.is_told,
        ipn_tries=row.ipn_tries,
        payee_names={share.payee: share.name for share in shares if share.name},
    )


def _line(row: Row[Any], sums: Sums) -> TryLine:
    return TryLine(
        attempt_id=row.attempt_id,
        reference=row.reference,
        connector_id=row.connector_id,
        state=TryState(row.state),
        end=TryEnd(row.outcome) if row.outcome else None,
        why=row.why or "",
        page_url=row.page_url or "",
        page_until=row.page_until,
        opened_at=row.opened_at,
        executes_begun=row.executes_begun,
        next_look_at=row.next_action_at,
        total=_total(row, sums),
        is_held=row.held_at is not None,
    )


def _total(row: Row[Any], sums: Sums) -> Money:
    """What the try asks its payer for: at its own price where it has one."""
    if row.charge is None:
        return sums.total
    return Money(sums.amount.minor + row.charge + row.fee + row.vat, sums.amount.currency)


def _funding(row: Row[Any]) -> Funding:
    facts = {str(name): str(value) for name, value in (row.facts or {}).items()}
    return Funding(row.connector_id, row.provider_transaction or "", row.collected_at, facts)
