"""The port `Payments` over PostgreSQL: hot steps through the group commit, the rest by SQLAlchemy."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import (
    CTE,
    Row,
    and_,
    case,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.selectable import LateralFromClause

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.ledger.posting_rules import Sums, prefund_account
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.after_give_back import KNOWN_TO_HOLD
from ekpay_switch.domain.payments.claims import Claim, ClaimAnswer, PaymentRecord
from ekpay_switch.domain.payments.delivery import (
    UNDO_WANTED,
    Delivery,
    NextSend,
    PayOrder,
    RecordAnswer,
    Recording,
    SendAnswer,
)
from ekpay_switch.domain.payments.inquiries import DoubtfulSend
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.persistence.file_statements import FILE_STATEMENTS, LAST_ASKED, file_statements_of
from ekpay_switch.persistence.group_commit.committer import GroupCommit
from ekpay_switch.persistence.group_commit.steps import SaveQuote, SealedRecording
from ekpay_switch.persistence.schema.books import attempts, evidence, payments, quotes, token_lines
from ekpay_switch.ports.world import LeasedPayment, RequestStatus
from ekpay_switch.security.sealed_fields import Sealer

# The states that the resolver leases: deliveries, given-back payments with contrary evidence, and completed
# payments whose final receipt is still to come.
RESOLVABLE = (State.DELIVERING, State.REFUNDED, State.COMPLETED)
_FILES = FILE_STATEMENTS.format(payment="leased.id", attempt="latest.attempt_id", since=LAST_ASKED)


class PostgresPayments:
    """Payments in PostgreSQL. Every call is one transaction and none is open during a wire call.

    `sealer` seals the tokens of prepaid billers; the database never has their digits.
    """

    def __init__(self, engine: AsyncEngine, group_commit: GroupCommit, lanes: int, sealer: Sealer) -> None:
        self._engine = engine
        self._group_commit = group_commit
        self._lanes = lanes
        self._sealer = sealer

    async def save_quote(self, quote: Quote) -> None:
        """See `ports.world.Payments`."""
        lane = sum(quote.quote_id.encode()) % self._lanes
        await self._group_commit.submit(SaveQuote(quote, lane))

    async def claim(self, claim: Claim) -> ClaimAnswer:
        """See `ports.world.Payments`."""
        return cast("ClaimAnswer", await self._group_commit.submit(claim))

    async def record(self, recording: Recording) -> RecordAnswer:
        """See `ports.world.Payments`."""
        if not recording.plan.tokens:
            return cast("RecordAnswer", await self._group_commit.submit(recording))
        payment_id = recording.delivery.payment_id
        lines = tuple(
            (
                payment_id,
                line.seq,
                str(line.kind),
                self._sealer.seal(_context(payment_id, line.seq), line.digits.encode()),
            )
            for line in recording.plan.tokens
        )
        return cast("RecordAnswer", await self._group_commit.submit(SealedRecording(recording, lines)))

    async def lease_due(
        self,
        limit: int,
        lease_seconds: float,
        *,
        per_far_side: int = 16,
        passing_over: Collection[str] = (),
    ) -> Sequence[LeasedPayment]:
        """See `ports.world.Payments`. Rows that somebody holds are skipped, not waited for."""
        is_due = and_(
            payments.c.next_action_at <= func.now(),
            or_(payments.c.lease_until.is_(None), payments.c.lease_until < func.now()),
            payments.c.state.in_(RESOLVABLE),
        )
        # Money in doubt comes before a receipt that is still to come.
        order = (payments.c.state == State.COMPLETED, payments.c.next_action_at)
        nth = func.row_number().over(partition_by=payments.c.biller_id, order_by=order)
        first = (
            select(payments.c.id, nth.label("nth"))
            .where(is_due, payments.c.biller_id.not_in(passing_over))
            .subquery("first_of_each")
        )
        # Checked again under the lock: another process may have leased a row meanwhile.
        due = (
            select(payments.c.id)
            .where(is_due, payments.c.id.in_(select(first.c.id).where(first.c.nth <= per_far_side)))
            .order_by(*order)
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
        latest = _latest_attempt_of(lease)
        query = select(lease, latest, literal_column(_FILES).label("files"))
        async with self._engine.begin() as connection:
            rows = await connection.execute(query.join(latest, literal(value=True)))
            return [_leased(row) for row in rows]

    async def postpone(
        self, leased: LeasedPayment, ask_again_seconds: float | None, why: str, *, was_asked: bool
    ) -> None:
        """See `ports.world.Payments`. A payment that was woken since it was leased is due at once."""
        later = null() if ask_again_seconds is None else func.now() + timedelta(seconds=ask_again_seconds)
        # Leasing leaves `next_action_at` in the past; a later value was set by whoever woke the payment.
        again = case((payments.c.next_action_at > leased.now, func.now()), else_=later)
        async with self._engine.begin() as connection:
            await connection.execute(
                update(payments)
                .where(payments.c.id == leased.delivery.payment_id, payments.c.epoch == leased.delivery.epoch)
                .values(
                    next_action_at=again,
                    lease_until=null(),
                    asked=payments.c.asked + (1 if was_asked else 0),
                )
            )
            if was_asked:
                await _keep_evidence(connection, leased.delivery, why)

    async def begin_send(self, send: NextSend) -> SendAnswer:
        """See `ports.world.Payments`."""
        return cast("SendAnswer", await self._group_commit.submit(send))

    async def by_id(self, payment_id: UUID) -> PaymentRecord | None:
        """See `ports.world.Payments`."""
        return await self._standing_where(payments.c.id == payment_id)

    async def tokens(self, payment_id: UUID) -> Sequence[TokenLine]:
        """See `ports.world.Payments`."""
        return await read_tokens(self._engine, self._sealer, payment_id)

    async def status_of_request(self, partner_id: str, request_reference: str) -> RequestStatus | None:
        """See `ports.world.Enquiries`."""
        chosen = (
            select(quotes.c.biller_id, quotes.c.is_paid, quotes.c.currency,
                   (quotes.c.amount + quotes.c.rounding).label("billed"),
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
        standing = await self.by_id(row.payment_id) if row.payment_id else None
        return RequestStatus(row.biller_id, row.is_paid, Money(row.billed, row.currency), standing)

    async def _standing_where(self, condition: Any) -> PaymentRecord | None:  # noqa: ANN401 - a SQL expression
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(payments).where(condition))).first()
        return None if row is None else _standing(row)


async def read_tokens(engine: AsyncEngine, sealer: Sealer, payment_id: UUID) -> Sequence[TokenLine]:
    """The token lines of a prepaid payment, unsealed, in order.

    Raises:
        SealBrokenError: a row was sealed by another installation, or was changed.
    """
    lines = select(token_lines).where(token_lines.c.payment_id == payment_id).order_by(token_lines.c.seq)
    async with engine.connect() as connection:
        rows = (await connection.execute(lines)).all()
    return [
        TokenLine(
            row.seq,
            TokenKind(row.kind),
            sealer.unseal(_context(payment_id, row.seq), row.digits_sealed).decode(),
        )
        for row in rows
    ]


def _latest_attempt_of(lease: CTE) -> LateralFromClause:
    """The delivery that each leased payment is about."""
    return (
        select(attempts.c.id.label("attempt_id"), attempts.c.reference.label("attempt_reference"),
               attempts.c.step, attempts.c.sends, attempts.c.send_until)
        .where(attempts.c.payment_id == lease.c.id, attempts.c.leg == "delivery")
        .order_by(attempts.c.opened_at.desc())
        .limit(1)
        .lateral("latest")
    )  # fmt: skip


def _context(payment_id: UUID, seq: int) -> str:
    return f"token_line:{payment_id}:{seq}"


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


def _standing(row: Row[Any]) -> PaymentRecord:
    return PaymentRecord(
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


def _leased(row: Row[Any]) -> LeasedPayment:
    parts = (row.amount, row.charge, row.fee, row.vat, row.rounding)
    sums = Sums(*(Money(part, row.currency) for part in parts))
    delivery = Delivery(
        payment_id=row.id,
        attempt_id=row.attempt_id,
        partner_id=row.partner_id,
        lane=row.lane,
        epoch=row.epoch,
        biller_id=row.biller_id,
        prefund="" if row.collected_by else prefund_account(row.partner_id, row.bucket),
        sums=sums,
        sends=row.sends,
        collected_by=row.collected_by or "",
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
        step=row.step,
    )
    send = DoubtfulSend(row.send_until, row.sends, row.quote_expires_at)
    files = file_statements_of(row.files)
    facts = _mapping(row.facts)
    return LeasedPayment(
        delivery,
        order,
        State(row.state),
        send,
        row.asked,
        row.now,
        files=files,
        undo_wanted=facts.get(UNDO_WANTED, ""),
        known_to_hold=facts.get(KNOWN_TO_HOLD, ""),
    )


def _mapping(value: Any) -> dict[str, str]:  # noqa: ANN401 - JSONB, decoded or as text by the driver's codec
    return cast("dict[str, str]", orjson.loads(value) if isinstance(value, str) else value)
