"""Collected payments as partners and payers see them; read without locks."""

from typing import Any

from sqlalchemy import Row, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.selectable import LateralFromClause

from ekpay_switch.domain.collections.funding import TryState
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import NOT_SHOWN, RefundKind, RefundState
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.payment_rows import LEG
from ekpay_switch.persistence.schema.books import attempts, partners, payments
from ekpay_switch.persistence.schema.collections import collections, refunds, tries
from ekpay_switch.persistence.schema.merchants import merchant_orders
from ekpay_switch.ports.collections import PaymentView, RefundView, ReturnPage


async def read_view(engine: AsyncEngine, condition: Any) -> PaymentView | None:  # noqa: ANN401 - a SQL expression
    """The collected payment that meets the condition, with its refunds, or None.

    A payment without a try, as a merchant's begins, has neither a connector nor a page.
    """
    newest = _newest_try()
    connector_id = func.coalesce(newest.c.connector_id, "").label("connector_id")
    page_url = func.coalesce(newest.c.page_url, "").label("page_url")
    # `least` ignores nulls: what is not due does not count.
    due = func.least(newest.c.next_action_at, payments.c.next_action_at)
    query = (
        select(payments, collections.c.bill, collections.c.return_url, connector_id, page_url,
               due.label("next_look_at"))
        .join(collections, collections.c.payment_id == payments.c.id)
        .outerjoin(newest, newest.c.payment_id == payments.c.id)
        .where(condition)
    )  # fmt: skip
    async with engine.connect() as connection:
        row = (await connection.execute(query)).first()
        return None if row is None else _view(row, await _refunds(connection, row))


async def read_reference(engine: AsyncEngine, connector_id: str, provider_reference: str) -> str | None:
    """See `ports.collections.Collections.reference_of`."""
    query = (
        select(attempts.c.reference)
        .join(tries, tries.c.attempt_id == attempts.c.id)
        .where(tries.c.connector_id == connector_id, tries.c.provider_reference == provider_reference)
    )
    async with engine.connect() as connection:
        reference: str | None = await connection.scalar(query)
    return reference


async def read_returning(engine: AsyncEngine, reference: str) -> ReturnPage | None:
    """See `ports.collections.Collections.returning`; the total is by the try's own price where it has one."""
    price = (tries.c.charge + tries.c.fee + tries.c.vat).label("price")
    query = (
        select(payments, attempts.c.far_side, attempts.c.state.label("try_state"), partners.c.name,
               collections.c.return_url, price, merchant_orders.c.checkout_reference)
        .join(attempts, attempts.c.payment_id == payments.c.id)
        .join(tries, tries.c.attempt_id == attempts.c.id)
        .join(collections, collections.c.payment_id == payments.c.id)
        .join(partners, partners.c.id == payments.c.partner_id)
        .outerjoin(merchant_orders, merchant_orders.c.payment_id == payments.c.id)
        .where(attempts.c.reference == reference, attempts.c.leg == LEG)
    )  # fmt: skip
    async with engine.connect() as connection:
        row = (await connection.execute(query)).first()
    if row is None:
        return None
    sums = _sums(row)
    total = sums.total if row.price is None else sums.billed_amount + Money(row.price, row.currency)
    return ReturnPage(
        payment_id=row.id,
        connector_id=row.far_side,
        client_name=row.name,
        state=State(row.state),
        total=total,
        return_url=row.return_url,
        try_state=TryState(row.try_state),
        checkout_reference=row.checkout_reference or "",
    )


def _newest_try() -> LateralFromClause:
    """The open try of each payment, or else its newest: its page, and when it is due.

    Of two tries begun at the same time, the one that got the lock on the payment later is open.
    """
    is_open = attempts.c.state == TryState.OPEN
    is_payable = and_(
        is_open,
        tries.c.executes_begun == 0,
        tries.c.held_at.is_(None),
        func.now() < payments.c.quote_expires_at,
    )
    return (
        select(
            tries.c.payment_id,
            tries.c.connector_id,
            case((is_payable, func.coalesce(tries.c.page_url, "")), else_="").label("page_url"),
            case((is_open, tries.c.next_action_at)).label("next_action_at"),
        )
        .join(attempts, attempts.c.id == tries.c.attempt_id)
        .where(tries.c.payment_id == payments.c.id)
        .order_by(is_open.desc(), attempts.c.opened_at.desc(), attempts.c.id.desc())
        .limit(1)
        .lateral("newest")
    )


async def _refunds(connection: AsyncConnection, payment: Row[Any]) -> tuple[RefundView, ...]:
    is_shown = refunds.c.state.not_in(sorted(NOT_SHOWN))
    query = select(refunds).where(refunds.c.payment_id == payment.id, is_shown)
    rows = await connection.execute(query.order_by(refunds.c.created_at, refunds.c.id))
    return tuple(
        RefundView(
            refund_id=row.id,
            payment_id=row.payment_id,
            kind=RefundKind(row.kind),
            state=RefundState(row.state),
            amount=Money(row.amount, payment.currency),
            reason=row.reason,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    )


def _sums(row: Row[Any]) -> Sums:
    parts = (row.amount, row.charge, row.fee, row.vat, row.rounding)
    return Sums(*(Money(part, row.currency) for part in parts))


def _view(row: Row[Any], given_back: tuple[RefundView, ...]) -> PaymentView:
    return PaymentView(
        payment_id=row.id,
        partner_id=row.partner_id,
        reference=row.reference,
        fingerprint=bytes(row.fingerprint),
        state=State(row.state),
        refusal=Refusal(row.refusal) if row.refusal else None,
        biller_id=row.biller_id,
        sums=_sums(row),
        bill=row.bill,
        connector_id=row.collected_by or row.connector_id,
        page_url=row.page_url,
        pay_until=row.quote_expires_at,
        next_look_at=row.next_look_at,
        return_url=row.return_url,
        facts=row.facts,
        created_at=row.created_at,
        updated_at=row.updated_at,
        refunds=given_back,
    )
