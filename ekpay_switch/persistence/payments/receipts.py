"""The port `Receipts` over PostgreSQL: one statement, so one snapshot, without locks."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, ScalarSelect, and_, exists, func, not_, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT
from ekpay_switch.domain.refunds.refund import FREED, NOT_SHOWN, RefundKind, RefundState
from ekpay_switch.persistence.group_commit.lock_and_read import sums_of
from ekpay_switch.persistence.merchants.carts import cart_of
from ekpay_switch.persistence.merchants.customer_seal import CustomerSeal
from ekpay_switch.persistence.payment_rows import LEG
from ekpay_switch.persistence.schema.books import attempts, history, partners, payments
from ekpay_switch.persistence.schema.collections import collections, refunds, tries
from ekpay_switch.persistence.schema.merchants import (
    merchant_carts,
    merchant_orders,
    merchant_payees,
    merchant_shares,
    merchants,
)
from ekpay_switch.ports.receipts import PaidOrder, PaidPayment

# A refund that waits for approval is not owed yet.
_NOT_OWED = FREED | NOT_SHOWN | {RefundState.REQUESTED, RefundState.DONE}


class PostgresReceipts:
    """Paid payments with the fields of their receipts; read without locks."""

    def __init__(self, engine: AsyncEngine, customers: CustomerSeal) -> None:
        self._engine = engine
        self._customers = customers

    async def by_id(self, payment_id: UUID) -> PaidPayment | None:
        """See `ports.receipts.Receipts`."""
        was_completed = exists().where(
            history.c.payment_id == payments.c.id, history.c.to_state == State.COMPLETED
        )
        query = (
            select(
                payments, collections.c.bill, attempts.c.reference.label("our_reference"),
                tries.c.connector_id, tries.c.provider_transaction, tries.c.collected_at,
                merchant_orders.c.text.label("order"), merchant_orders.c.ekpay_trnx_id,
                merchant_carts.c.cart, _shares().label("shares"),
                merchants.c.name_bn, partners.c.name,
                was_completed.label("was_completed"),
                _given_back(refunds.c.state == RefundState.DONE).label("refunded"),
                _given_back(refunds.c.state.not_in(sorted(_NOT_OWED))).label("on_its_way"),
            )
            .join(collections, collections.c.payment_id == payments.c.id)
            .join(attempts, and_(attempts.c.payment_id == payments.c.id, attempts.c.leg == LEG,
                                 attempts.c.outcome == TryEnd.APPROVED))
            .join(tries, tries.c.attempt_id == attempts.c.id)
            .join(partners, partners.c.id == payments.c.partner_id)
            .outerjoin(merchant_orders, merchant_orders.c.payment_id == payments.c.id)
            .outerjoin(merchant_carts, merchant_carts.c.payment_id == payments.c.id)
            .outerjoin(merchants, merchants.c.partner_id == merchant_orders.c.partner_id)
            .where(payments.c.id == payment_id)
        )  # fmt: skip
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else _paid(row, self._customers)


async def ask_for_final_receipt(
    engine: AsyncEngine, payment_id: UUID, biller_ids: Collection[str]
) -> str | None:
    """Have the worker ask a completed payment's biller, one of these, for its final receipt once more.

    Returns the biller, or None where the payment is not completed, has its receipt or is of another biller.
    """
    ask = (
        update(payments)
        .where(
            payments.c.id == payment_id,
            payments.c.biller_id.in_(biller_ids),
            payments.c.state == State.COMPLETED,
            not_(payments.c.facts.has_key(FINAL_RECEIPT)),
        )
        .values(next_action_at=func.now())
        .returning(payments.c.biller_id)
    )
    async with engine.begin() as connection:
        biller_id: str | None = await connection.scalar(ask)
    return biller_id


def _given_back(is_counted: ColumnElement[bool]) -> ScalarSelect[Any]:
    """The sum of such refunds of the try that funded the payment, in paisa."""
    amount = func.coalesce(func.sum(refunds.c.amount), 0)
    is_its_own = and_(refunds.c.attempt_id == attempts.c.id, refunds.c.kind != RefundKind.UNEXPECTED)
    return (
        select(amount)
        .where(refunds.c.payment_id == payments.c.id, is_its_own, is_counted)
        .correlate(payments, attempts)
        .scalar_subquery()
    )


def _shares() -> ScalarSelect[Any]:
    """The shares of a payment, each as its payee's name and paisa; the merchant's own has no name."""
    share, payee = merchant_shares.c, merchant_payees.c
    named = func.jsonb_build_array(func.coalesce(payee.name, share.payee), share.amount)
    return (
        select(func.jsonb_agg(aggregate_order_by(named, share.seq)))
        .select_from(merchant_shares)
        .outerjoin(
            merchant_payees,
            and_(payee.partner_id == payments.c.partner_id, payee.code == share.payee),
        )
        .where(share.payment_id == payments.c.id)
        .correlate(payments)
        .scalar_subquery()
    )


def _paid(row: RowMapping, customers: CustomerSeal) -> PaidPayment:
    return PaidPayment(
        payment_id=row["id"],
        state=State(row["state"]),
        was_completed=row["was_completed"],
        biller_id=row["biller_id"],
        sums=sums_of(dict(row)),
        bill=row["bill"],
        facts=row["facts"],
        order=None if row["order"] is None else _order(row, customers),
        connector_id=row["connector_id"],
        reference=row["our_reference"],
        provider_transaction=row["provider_transaction"] or "",
        collected_at=row["collected_at"],
        refunded=Money(int(row["refunded"]), row["currency"]),
        on_its_way=Money(int(row["on_its_way"]), row["currency"]),
    )


def _order(row: RowMapping, customers: CustomerSeal) -> PaidOrder:
    text: Mapping[str, Any] = row["order"]
    fields = customers.open(row["id"], text["order"])
    shares = row["shares"] or []
    is_split = any(name for name, _ in shares)
    return PaidOrder(
        merchant_en=row["name"],
        merchant_bn=row["name_bn"],
        trnx_id=text["trnx_id"],
        ekpay_trnx_id=row["ekpay_trnx_id"],
        order_id=fields.get("ord_id") or "",
        details=fields.get("ord_det") or "",
        customer=fields.get("cust_name") or "",
        mobile=fields.get("payer_mobile") or fields.get("cust_mobo_no") or "",
        cart=cart_of(row["cart"], address=""),
        shares=tuple((name, Money(paisa, row["currency"])) for name, paisa in shares) if is_split else (),
    )
