"""What happens when a payer confirms, cancels or is declined, and what the merchant is then sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.kit.provider.book import Decision, QueuedPush
from sandbox.kit.provider.call_results import Refusal
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, PushKind
from sandbox.kit.provider.magic_numbers import MoneyOutcome, PayerBehaviour, PushPlan, ReportedOutcome
from sandbox.kit.provider.orders import FailedTry, OrderState, ProviderOrder

INSUFFICIENT_FUNDS = "insufficient_funds"

_WHOLE_BP = 10_000
_OUTCOMES = {
    OrderState.OPENED: ReportedOutcome.PENDING,
    OrderState.AGREED: ReportedOutcome.PENDING,
    OrderState.PAID: ReportedOutcome.PAID,
    OrderState.DECLINED: ReportedOutcome.DECLINED,
    OrderState.CANCELLED: ReportedOutcome.CANCELLED,
    OrderState.EXPIRED: ReportedOutcome.EXPIRED,
}
_PUSH_KINDS = {
    PushPlan.NEVER: (),
    PushPlan.ONCE: (PushKind.NOTICE,),
    PushPlan.FIRST: (PushKind.NOTICE,),
    PushPlan.TWICE: (PushKind.NOTICE, PushKind.AGAIN),
    PushPlan.FORGED: (PushKind.FORGED,),
    PushPlan.UNFOUNDED: (PushKind.UNFOUNDED,),
}
_ALWAYS_PAID = frozenset({PushKind.FORGED, PushKind.UNFOUNDED})


@dataclass(frozen=True, slots=True)
class PageExit:
    """How a payer leaves the page: where the browser goes, None if nowhere, and the push it waits for."""

    browser_return: BrowserReturn | None
    waits_for: QueuedPush | None = None


def confirm_order(provider: OpenProvider, order: ProviderOrder, number: str) -> PageExit:
    """Process the confirmation of an open order by its payer."""
    behaviour = provider.payers.behaviour(number)
    if behaviour.money is MoneyOutcome.UNTOUCHED:
        return _page_exit(provider, order, behaviour, None)
    provider.book.record_agreement(order, number, provider.clock.now())
    queued_push = None
    if behaviour.money is MoneyOutcome.CANCELLED:
        queued_push = _decide(provider, order, OrderState.CANCELLED, "cancelled")
    elif provider.institution.takes_at_page:
        queued_push = _move(provider, order, behaviour)
    else:
        provider.hooks.on_payer_agreed(provider, order)
    return _page_exit(
        provider, order, behaviour, queued_push if behaviour.pushing is PushPlan.FIRST else None
    )


def end_order(provider: OpenProvider, order: ProviderOrder, state: OrderState, reason: str) -> PageExit:
    """Let an open order be cancelled or declined at the page."""
    _decide(provider, order, state, reason)
    return leave_page(provider, order)


def leave_page(provider: OpenProvider, order: ProviderOrder) -> PageExit:
    """Send a browser back that opens the page of an order that is over, or agreed to."""
    return PageExit(browser_return(provider, order, provider.behaviour(order)))


def take_payment(provider: OpenProvider, order: ProviderOrder) -> ProviderOrder | Refusal:
    """Take the money of an order that its payer has agreed to, where the page does not."""
    state = provider.state(order)
    if state is OrderState.AGREED and not order.settles_at:
        _move(provider, order, provider.behaviour(order))
        return Refusal.DECLINED if provider.state(order) is OrderState.DECLINED else order
    if state in {OrderState.PAID, OrderState.AGREED}:
        return order
    return Refusal.NOT_AGREED if state is OrderState.OPENED else Refusal.OVER


def settle_order(provider: OpenProvider, order: ProviderOrder) -> None:
    """Let a pending order be decided whose time has come."""
    if order.decided_state is not OrderState.OPENED or not order.settles_at:
        return
    at = datetime.fromisoformat(order.settles_at)
    if provider.clock.now() >= at:
        reason = "expired" if order.settles_to is OrderState.EXPIRED else "declined"
        _decide(provider, order, order.settles_to, reason, at)


def browser_return(
    provider: OpenProvider, order: ProviderOrder, behaviour: PayerBehaviour
) -> BrowserReturn | None:
    """Return where a browser goes now, and what it says there."""
    word = behaviour.browser_outcome or _OUTCOMES[provider.state(order)]
    kind = PushKind.FORGED if behaviour.is_forged else PushKind.RETURN
    return provider.hooks.browser_return(
        provider, order, OutcomeMessage(word, kind, _outcome_at(provider, order))
    )


def pushed_outcome(provider: OpenProvider, order: ProviderOrder, kind: PushKind) -> ReportedOutcome:
    """Return what a push of a kind says of an order."""
    return ReportedOutcome.PAID if kind in _ALWAYS_PAID else _OUTCOMES[provider.state(order)]


def _page_exit(
    provider: OpenProvider, order: ProviderOrder, behaviour: PayerBehaviour, queued_push: QueuedPush | None
) -> PageExit:
    for _ in range(1, behaviour.returns):
        provider.send(order, PushKind.RETURN, _outcome_at(provider, order).isoformat())
    return PageExit(browser_return(provider, order, behaviour) if behaviour.returns else None, queued_push)


def _move(provider: OpenProvider, order: ProviderOrder, behaviour: PayerBehaviour) -> QueuedPush | None:
    now = provider.clock.now()
    for _ in range(behaviour.failed_tries):
        failed_try = FailedTry(
            provider.new_transaction_id(order), order.payer, now.isoformat(), behaviour.reason
        )
        provider.book.record_failed_try(order, failed_try)
    later = now + timedelta(seconds=provider.settings.pending_seconds)
    match behaviour.money:
        case MoneyOutcome.PENDING_THEN_MOVES:
            provider.book.record_pending(order, later, OrderState.PAID)
        case MoneyOutcome.PENDING_THEN_DECLINED:
            provider.book.record_pending(order, later, OrderState.DECLINED)
        case MoneyOutcome.MOVES:
            if provider.balance_paisa(order.payer) < order.amount_paisa:
                return _decide(provider, order, OrderState.DECLINED, INSUFFICIENT_FUNDS)
            return _decide(provider, order, OrderState.PAID, "")
        case MoneyOutcome.DECLINED:
            return _decide(provider, order, OrderState.DECLINED, behaviour.reason)
        case MoneyOutcome.PENDING | MoneyOutcome.CANCELLED | MoneyOutcome.UNTOUCHED:
            pass
    return None


def _decide(
    provider: OpenProvider, order: ProviderOrder, state: OrderState, reason: str, at: datetime | None = None
) -> QueuedPush | None:
    """Let an order end; returns the first push of it, if there is one."""
    institution, is_paid = provider.institution, state is OrderState.PAID
    fee = share_half_up(order.amount_paisa, institution.fee_bp, _WHOLE_BP) if is_paid else 0
    decision = Decision(
        state=state,
        at=at or provider.clock.now(),
        transaction_id=provider.new_transaction_id(order) if is_paid else "",
        fee_paisa=fee,
        fee_vat_paisa=share_half_up(fee, institution.fee_vat_bp, _WHOLE_BP),
        reason="" if is_paid else reason,
    )
    provider.book.record_decided(order, decision)
    if state not in provider.hooks.pushes_on:
        return None
    kinds = _PUSH_KINDS[provider.behaviour(order).pushing]
    queued_pushes = [provider.send(order, kind, order.decided_at) for kind in kinds]
    return queued_pushes[0] if queued_pushes else None


def _outcome_at(provider: OpenProvider, order: ProviderOrder) -> datetime:
    return order.decision_time if order.decided_at else provider.clock.now()
