"""Paying a quoted bill from a partner's prefund: the hot path (architecture.md 6)."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import (
    Claim,
    ConflictingClaim,
    PaymentRecord,
    RefusedClaim,
    RepeatedClaim,
    StartedClaim,
)
from ekpay_switch.domain.payments.delivery import Recorded, receipts_of
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.flows.payments.deliver import deliver
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import World
from ekpay_switch.security.identifiers import uuid7


@dataclass(frozen=True, slots=True)
class PartnerPayOrder:
    """A partner's order, as read from its message.

    `fingerprint` covers what a repeat of the reference must equal; `answer_before` is the monotonic reading
    at which the partner is answered "in progress" if the outcome is not known.
    """

    partner_id: str
    lane: int
    reference: str
    fingerprint: bytes
    quote_id: str
    ekpay_biller_id: str
    paid: Money
    stated_total: Money | None
    stated_fee: Money | None
    answer_before: float


@dataclass(frozen=True, slots=True)
class PaymentAnswer:
    """The current state of a payment; `refusal` says why where no money was kept.

    `tokens` are what a prepaid biller returned: the same lines on every repeat. `receipts` prove the payment
    at its biller, by the names of `domain.payments.delivery`.
    """

    state: State
    refusal: Refusal | None
    payment_id: UUID | None = None
    at: datetime | None = None
    tokens: Sequence[TokenLine] = ()
    receipts: Mapping[str, str] = field(default_factory=dict)


async def pay_bill(order: PartnerPayOrder, world: World) -> PaymentAnswer | Refusal:
    """Claim the reference and the money, send the payment to the biller, record the answer.

    Every step is durable before it is done, and no wire call is inside a transaction. A repeat of the
    reference gets this payment's current state; another reference for the same bill is refused. So it is with
    a payment that a restore of the database has lost, while it is not known whether it was paid; neither
    answer burns the reference.
    """
    biller = world.billers.by_ekpay_id(order.ekpay_biller_id)
    if biller is None:
        return Refusal.UNKNOWN_BILLER
    held = await _answer_held(order, world)
    if held is not None:
        return held
    send_before = world.clock.monotonic() + biller.profile.timing.send_seconds
    answer = await world.payments.claim(_claim(order, biller))
    match answer:
        case StartedClaim(claim=claim):
            done = await deliver(answer, send_before, biller, world)
            facts = done.facts if isinstance(done, Recorded) else {}
            current = _payment_answer(done.state, done.refusal, claim.payment_id, done.recorded_at, facts)
        case RefusedClaim(claim=claim, refusal=refusal):
            return PaymentAnswer(State.DECLINED, refusal, claim.payment_id)
        case ConflictingClaim():
            return Refusal.OTHER_CONTENT
        case RepeatedClaim(payment=standing):
            current = await _await_outcome(standing, order.answer_before, world)
        case _:
            assert_never(answer)
    return await _with_tokens(current, biller, world)


async def _answer_held(order: PartnerPayOrder, world: World) -> PaymentAnswer | Refusal | None:
    """The answer to what may have been paid before a restore; None where the order may be paid."""
    lost_payments = world.lost_payments
    if await lost_payments.is_lost(order.partner_id, order.reference):
        return PaymentAnswer(State.DELIVERING, None)
    is_held = await lost_payments.holds_order(order.partner_id, order.reference, order.quote_id)
    return Refusal.BILLER_UNAVAILABLE if is_held else None


async def _await_outcome(standing: PaymentRecord, answer_before: float, world: World) -> PaymentAnswer:
    """Wait for a payment that is still running, for as long as its partner may wait."""
    pause = 0.05
    while standing.state is State.DELIVERING and world.clock.monotonic() + pause < answer_before:
        await world.clock.sleep(pause)
        pause = min(pause * 2, 1.0)
        standing = await world.payments.by_id(standing.payment_id) or standing
    return _payment_answer(
        standing.state, standing.refusal, standing.payment_id, standing.paid_at, standing.facts
    )


def _payment_answer(
    state: State, refusal: Refusal | None, payment_id: UUID, at: datetime | None, facts: Mapping[str, str]
) -> PaymentAnswer:
    receipts = receipts_of(facts) if state is State.COMPLETED else {}
    return PaymentAnswer(state, refusal, payment_id, at, receipts=receipts)


async def _with_tokens(current: PaymentAnswer, biller: BillerAdapter, world: World) -> PaymentAnswer:
    """The answer with its tokens, read from our database: showing them again is no new vend."""
    if not biller.profile.gives_tokens or current.state is not State.COMPLETED or current.payment_id is None:
        return current
    return replace(current, tokens=await world.payments.tokens(current.payment_id))


def _claim(order: PartnerPayOrder, biller: BillerAdapter) -> Claim:
    payment_id, profile = uuid7(), biller.profile
    return Claim(
        payment_id=payment_id,
        attempt_id=uuid7(),
        attempt_reference=base64.b32encode(payment_id.bytes).decode().rstrip("="),
        partner_id=order.partner_id,
        lane=order.lane,
        reference=order.reference,
        fingerprint=order.fingerprint,
        quote_id=order.quote_id,
        biller_id=profile.id,
        paid=order.paid,
        stated_total=order.stated_total,
        stated_fee=order.stated_fee,
        send_seconds=profile.timing.send_seconds,
        lease_seconds=profile.timing.hold_seconds,
        scroll_series=profile.id if profile.has_scroll else "",
        step=profile.steps[0],
    )
