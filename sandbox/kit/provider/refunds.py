"""Giving back: what an institution allows, and what becomes of a refund that takes its time."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.kit.provider.call_results import RefundResult, Refusal
from sandbox.kit.provider.hooks import OpenProvider, PushKind
from sandbox.kit.provider.institution import RefundRules
from sandbox.kit.provider.magic_numbers import RefundOutcome
from sandbox.kit.provider.orders import ProviderOrder, ProviderRefund, RefundState

_SETTLES_TO = {
    RefundOutcome.PROCESSING_THEN_DONE: RefundState.DONE,
    RefundOutcome.PROCESSING_THEN_FAILED: RefundState.FAILED,
}


@dataclass(frozen=True, slots=True)
class NewRefund:
    """What is to be given back; `reference` is the merchant's, empty where the family has none.

    Without a reference every call is another refund.
    """

    amount_paisa: int
    reference: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def give_back(provider: OpenProvider, order: ProviderOrder, new: NewRefund) -> RefundResult | Refusal:
    """Give back what can be; the same reference for the same order and amount changes nothing more."""
    known = provider.find_refund(new.reference) if new.reference else None
    if known is not None:
        of, refund = known
        if of is not order or refund.amount_paisa != new.amount_paisa:
            return Refusal.DUPLICATE
        provider.book.record_refund_repeated(order, refund)
        return RefundResult(order, refund, is_repeat=True)
    rules, now = provider.institution.refunds, provider.clock.now()
    if rules is None:
        return Refusal.NO_REFUNDS
    refusal = _refusal(order, new.amount_paisa, rules, now)
    fate = provider.behaviour(order).refund
    if refusal is not None or fate is RefundOutcome.REFUSED:
        return refusal or Refusal.REFUSED
    refund = _new_refund(provider, order, new)
    provider.book.record_refund(order, refund)
    stored = order.refunds[-1]
    _push(provider, order, stored)
    return RefundResult(order, stored)


def settle_refunds(provider: OpenProvider, order: ProviderOrder) -> None:
    """Let the refunds of an order that were in work, and whose time has come, be done or fail."""
    now = provider.clock.now()
    for refund in order.refunds:
        is_in_work = refund.state is RefundState.PROCESSING
        if is_in_work and now >= (at := datetime.fromisoformat(refund.settles_at)):
            provider.book.record_refund_settled(order, refund, refund.settles_to, at)
            _push(provider, order, refund)


def _refusal(order: ProviderOrder, amount_paisa: int, rules: RefundRules, now: datetime) -> Refusal | None:
    if not order.is_paid:
        return Refusal.NOT_PAID
    counted = [refund for refund in order.refunds if refund.state is not RefundState.FAILED]
    is_impossible = {
        Refusal.TOO_LATE: now >= order.decision_time + timedelta(days=rules.days),
        Refusal.TOO_MUCH: not 0 < amount_paisa <= order.refundable_paisa,
        Refusal.NOT_IN_PARTS: not rules.is_partial and amount_paisa != order.amount_paisa,
        Refusal.TOO_MANY: len(counted) >= rules.parts_max,
    }
    return next((refusal for refusal, is_so in is_impossible.items() if is_so), None)


def _new_refund(provider: OpenProvider, order: ProviderOrder, new: NewRefund) -> ProviderRefund:
    now, fate = provider.clock.now(), provider.behaviour(order).refund
    settles_to = _SETTLES_TO.get(fate)
    is_fee_returned = (
        provider.institution.refunds is not None and provider.institution.refunds.is_fee_returned
    )
    share = new.amount_paisa if is_fee_returned else 0
    wait = timedelta(seconds=provider.settings.refund_seconds)
    return ProviderRefund(
        refund_id=provider.new_transaction_id(order),
        reference=new.reference or secrets.token_hex(8),
        amount_paisa=new.amount_paisa,
        asked_at=now.isoformat(),
        state=RefundState.DONE if settles_to is None else RefundState.PROCESSING,
        fee_paisa=share_half_up(order.fee_paisa, share, order.amount_paisa),
        fee_vat_paisa=share_half_up(order.fee_vat_paisa, share, order.amount_paisa),
        done_at=now.isoformat() if settles_to is None else "",
        settles_at="" if settles_to is None else (now + wait).isoformat(),
        settles_to=settles_to or RefundState.DONE,
        facts=dict(new.facts),
    )


def _push(provider: OpenProvider, order: ProviderOrder, refund: ProviderRefund) -> None:
    if provider.hooks.pushes_refunds and refund.state is not RefundState.PROCESSING:
        provider.send(order, PushKind.REFUND, refund.done_at or refund.settles_at, refund.refund_id)
