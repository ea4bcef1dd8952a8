"""Booking the payments that a restored database has lost, from the sends journal (docs/adr/0088).

A lost payment is claimed again under its own ids and references, which takes the prefund, and then recorded
by what its biller has answered. Where that proves nothing yet, it is in doubt, like every payment whose
answer was lost, and the resolver goes on. Nothing is sent.
"""

from datetime import timedelta
from typing import assert_never

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.bill import Bill, Quote
from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.fees import Fee
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import InDoubt
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import (
    Claim,
    ConflictingClaim,
    PaymentRecord,
    RefusedClaim,
    RepeatedClaim,
    StartedClaim,
)
from ekpay_switch.domain.payments.delivery import Delivery, PayOrder, plan_outcome, plan_posted
from ekpay_switch.domain.payments.lost_sends import CartBillState, LostSend
from ekpay_switch.domain.payments.sends import PrefundClaim
from ekpay_switch.flows.payments.deliver import delivery_of, record_plan
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile
from ekpay_switch.ports.sends import LostSends
from ekpay_switch.ports.world import World

_FEE_VERSION = "as sent before a restore"
_NOT_BOOKED = {
    CartBillState.LOST: "its cart is lost too: see docs/operations/lost-sends.md",
    CartBillState.NOT_FUNDED: "its cart is not funded yet: book again once it is",
    CartBillState.TAKEN: "another payment of its bill may count: book again once that one has ended",
    CartBillState.ENDED: "its bill has ended without it",
}


async def book_lost_sends(lost_sends: LostSends, world: World) -> None:
    """Book each that may be posted; what cannot be booked says why, and may be tried again."""
    for lost in await lost_sends.to_book():
        biller = world.billers.by_id(lost.send.far_side)
        stand_in = timedelta(seconds=0.0 if biller is None else biller.profile.stand_in_seconds)
        try:
            refusal = await _book(lost, biller, lost_sends, world)
        except Exception as error:  # noqa: BLE001 - one that cannot be booked must not hold up the others
            telemetry.count_error("lost_send_not_booked", payment_id=lost.send.payment_id, error=error)
            refusal = f"it could not be booked: {type(error).__name__}"
        if refusal:
            await lost_sends.refuse_booking(lost.lost_id, refusal)
        else:
            await lost_sends.mark_booked(lost.lost_id, stand_in)


async def _book(lost: LostSend, biller: BillerAdapter | None, lost_sends: LostSends, world: World) -> str:
    """Book one, and return why not, or nothing; idempotent.

    The portal's prefund is the money of all open carts, so a payment takes only what its own bill waits with.
    """
    order, claim = lost.send.order, lost.send.claim
    if biller is None or order is None or claim is None:
        return "its biller is no longer one of ours"
    if lost.send.partner_id == PORTAL:
        bill_state = await lost_sends.cart_bill_state(claim.reference)
        if bill_state is not CartBillState.OPEN:
            return _NOT_BOOKED[bill_state]
    await world.payments.save_quote(_quote(lost, order, claim))
    answer = await world.payments.claim(_claim(lost, order, claim, biller.profile))
    match answer:
        case StartedClaim():
            await _record(lost, answer, biller, world)
            return ""
        case RefusedClaim(refusal=refusal):
            return f"it cannot be booked yet: {refusal}"
        case RepeatedClaim(payment=standing) | ConflictingClaim(payment=standing):
            return _standing(lost, standing)
        case _:
            assert_never(answer)


def _standing(lost: LostSend, standing: PaymentRecord) -> str:
    if standing.payment_id == lost.send.payment_id:
        return ""
    return f"its reference is that of another payment by now, {standing.payment_id}"


async def _record(lost: LostSend, started: StartedClaim, biller: BillerAdapter, world: World) -> None:
    """Record what the biller has answered; without an answer the payment is in doubt."""
    delivery: Delivery = delivery_of(started, biller.profile)
    posted = lost.finding.posted
    if posted is None:
        plan = plan_outcome(delivery, InDoubt(f"lost by a restore: {lost.finding.why}"))
    else:
        plan = plan_posted(delivery, State.DELIVERING, posted)
    await record_plan(delivery, plan, biller, world)
    if plan.alarm is not None:
        world.alarms.announce(Alarm(plan.notice), delivery.payment_id)


def _claim(lost: LostSend, order: PayOrder, claim: PrefundClaim, profile: BillerProfile) -> Claim:
    return Claim(
        payment_id=lost.send.payment_id,
        attempt_id=claim.attempt_id,
        attempt_reference=lost.send.reference,
        partner_id=lost.send.partner_id,
        lane=claim.lane,
        reference=claim.reference,
        fingerprint=claim.fingerprint,
        quote_id=claim.quote_id,
        biller_id=profile.id,
        paid=order.sums.billed_amount,
        stated_total=None,
        stated_fee=None,
        # Nothing is sent, so nobody needs to be waited for.
        send_seconds=0.0,
        lease_seconds=profile.timing.hold_seconds,
        scroll_series=profile.id if profile.has_scroll else "",
        step=lost.send.step,
        is_recovered=True,
    )


def _quote(lost: LostSend, order: PayOrder, claim: PrefundClaim) -> Quote:
    """The quote that was paid; where the database has it still, that one stays."""
    sums, zero = order.sums, Money(0, order.sums.amount.currency)
    is_named_by_quote = claim.bill_key == f"quote:{claim.quote_id}"
    bill = Bill(
        bill_key="" if is_named_by_quote else claim.bill_key,
        bill_number=claim.bill_number,
        account=claim.account,
        amount=sums.amount,
        vat=zero,
        late_fee=zero,
        total=sums.amount,
        rounding=sums.rounding,
        biller_quote=order.biller_quote,
    )
    return Quote(
        quote_id=claim.quote_id,
        partner_id=lost.send.partner_id,
        request_reference=claim.request_reference,
        biller_id=lost.send.far_side,
        bucket=claim.bucket,
        bill=bill,
        fee=Fee(sums.fee, sums.vat, _FEE_VERSION),
        expires_at=claim.quote_expires_at,
        charge=sums.charge,
    )
