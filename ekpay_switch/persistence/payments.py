"""The port `Payments` over PostgreSQL: hot steps through the group commit, the rest set by set."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import Row, and_, func, insert, literal, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.asking import DoubtfulSend
from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.claims import Claim, ClaimAnswer, Standing
from ekpay_switch.domain.delivery import Delivery, PayOrder, RecordAnswer, Recording
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.posting_rules import Sums, prefund_account
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.group_commit import GroupCommit
from ekpay_switch.persistence.steps import SaveQuote
from ekpay_switch.persistence.tables import attempts, evidence, payments, quotes
from ekpay_switch.ports import Leased, RequestStatus

# The states that the resolver has business with: deliveries, and give-backs with contrary evidence.
RESOLVABLE = (State.DELIVERING, State.REFUNDED)


class PostgresPayments:
    """Payments in PostgreSQL. Every call is one transaction and none is open during a wire call."""

    def __init__(self, engine: AsyncEngine, group_commit: GroupCommit, lanes: int) -> None:
        self._engine = engine
        self._group_commit = group_commit
        self._lanes = lanes

    async def save_quote(self, quote: Quote) -> None:
        """See `ports.Payments`."""
        lane = sum(quote.quote_id.encode()) % self._lanes
        await self._group_commit.submit(SaveQuote(quote, lane))

    async def claim(self, claim: Claim) -> ClaimAnswer:
        """See `ports.Payments`."""
        return cast("ClaimAnswer", await self._group_commit.submit(claim))

    async def record(self, recording: Recording) -> RecordAnswer:
        """See `ports.Payments`."""
        return cast("RecordAnswer", await self._group_commit.submit(recording))

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[Leased]:
        """See `ports.Payments`. Rows that somebody holds are passed over, not waited for."""
        due = (
            select(payments.c.id)
            .where(
                payments.c.next_action_at <= func.now(),
                or_(payments.c.lease_until.is_(None), payments.c.lease_until < func.now()),
                payments.c.state.in_(RESOLVABLE),
            )
            .order_by(payments.c.next_action_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        lease = (
            update(payments)
            .where(payments.c.id.in_(select(due.c.id)))
            .values(
                epoch=payments.c.epoch + 1,
                lease_until=func.now() + timedelta(seconds=lease_seconds),
            )
            .returning(payments, func.now().label("now"))
            .cte("leased")
        )
        latest = (
            select(attempts.c.id.label("attempt_id"), attempts.c.reference.label("attempt_reference"),
                   attempts.c.sends, attempts.c.send_until)
            .where(attempts.c.payment_id == lease.c.id, attempts.c.leg == "delivery")
            .order_by(attempts.c.opened_at.desc())
            .limit(1)
            .lateral()
        )  # fmt: skip
        async with self._engine.begin() as connection:
            rows = await connection.execute(select(lease, latest).join(latest, literal(value=True)))
            return [_leased(row) for row in rows]

    async def postpone(self, leased: Leased, ask_again_seconds: float, why: str, *, asked: bool) -> None:
        """See `ports.Payments`."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(payments)
                .where(payments.c.id == leased.delivery.payment_id, payments.c.epoch == leased.delivery.epoch)
                .values(
                    next_action_at=func.now() + timedelta(seconds=ask_again_seconds),
                    lease_until=null(),
                    asked=payments.c.asked + (1 if asked else 0),
                )
            )
            if asked:
                await _keep_evidence(connection, leased.delivery, why)

    async def reopen_send(self, leased: Leased, send_seconds: float, lease_seconds: float) -> bool:
        """See `ports.Payments`."""
        delivery = leased.delivery
        lease_until = func.now() + timedelta(seconds=lease_seconds)
        async with self._engine.begin() as connection:
            held = await connection.execute(
                update(payments)
                .where(payments.c.id == delivery.payment_id, payments.c.epoch == delivery.epoch)
                .values(lease_until=lease_until, next_action_at=lease_until)
            )
            if held.rowcount != 1:
                return False
            await connection.execute(
                update(attempts)
                .where(attempts.c.id == delivery.attempt_id)
                .values(
                    sends=attempts.c.sends + 1,
                    send_until=func.now() + timedelta(seconds=send_seconds),
                )
            )
            await _keep_evidence(connection, delivery, "sent again after a final not found")
        return True

    async def standing(self, payment_id: UUID) -> Standing | None:
        """See `ports.Payments`."""
        return await self._standing_where(payments.c.id == payment_id)

    async def status_of_request(self, partner_id: str, request_reference: str) -> RequestStatus | None:
        """See `ports.Enquiries`."""
        chosen = (
            select(quotes.c.biller_id, quotes.c.is_paid, quotes.c.amount, quotes.c.currency,
                   payments.c.id.label("payment_id"))
            .outerjoin(
                payments,
                and_(payments.c.quote_id == quotes.c.quote_id, payments.c.partner_id == quotes.c.partner_id),
            )
            .where(quotes.c.partner_id == partner_id, quotes.c.request_reference == request_reference)
            .order_by(
                (payments.c.state != State.DECLINED).desc().nulls_last(),
                payments.c.created_at.desc().nulls_last(),
                quotes.c.created_at.desc(),
            )
            .limit(1)
        )  # fmt: skip
        async with self._engine.connect() as connection:
            row = (await connection.execute(chosen)).first()
        if row is None:
            return None
        standing = await self.standing(row.payment_id) if row.payment_id else None
        return RequestStatus(row.biller_id, row.is_paid, Money(row.amount, row.currency), standing)

    async def _standing_where(self, condition: Any) -> Standing | None:  # noqa: ANN401 - a SQL expression
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(payments).where(condition))).first()
        return None if row is None else _standing(row)


async def _keep_evidence(connection: AsyncConnection, delivery: Delivery, why: str) -> None:
    await connection.execute(
        insert(evidence).values(
            payment_id=delivery.payment_id,
            attempt_id=delivery.attempt_id,
            epoch=delivery.epoch,
            kind="inquiry",
            facts={"why": why},
        )
    )


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        payment_id=row.id,
        partner_id=row.partner_id,
        reference=row.reference,
        fingerprint=row.fingerprint,
        state=State(row.state),
        epoch=row.epoch,
        refusal=Refusal(row.refusal) if row.refusal else None,
        quote_id=row.quote_id or "",
        biller_id=row.biller_id,
        paid_at=row.updated_at,
        facts=_mapping(row.facts),
    )


def _leased(row: Row[Any]) -> Leased:
    sums = Sums(*(Money(part, row.currency) for part in (row.amount, row.charge, row.fee, row.vat)))
    delivery = Delivery(
        payment_id=row.id,
        attempt_id=row.attempt_id,
        partner_id=row.partner_id,
        lane=row.lane,
        epoch=row.epoch,
        biller_id=row.biller_id,
        prefund=prefund_account(row.partner_id, row.bucket),
        sums=sums,
    )
    order = PayOrder(
        payment_id=row.id,
        biller_id=row.biller_id,
        reference=row.attempt_reference,
        sums=sums,
        biller_quote=_mapping(row.biller_quote),
        scroll_no=row.scroll_no or 0,
        business_date=row.business_date,
        send_before=0.0,
    )
    send = DoubtfulSend(row.send_until, row.sends, row.quote_expires_at)
    return Leased(delivery, order, State(row.state), send, row.asked, row.now)


def _mapping(value: Any) -> dict[str, str]:  # noqa: ANN401 - JSONB, decoded or as text by the driver's codec
    return cast("dict[str, str]", orjson.loads(value) if isinstance(value, str) else value)
