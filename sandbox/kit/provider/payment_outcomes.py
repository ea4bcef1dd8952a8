"""What happens when a payer confirms, cancels or is declined, and what the merchant then hears of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.kit.provider.book import Decision
from sandbox.kit.provider.call_results import Refusal
from sandbox.kit.provider.hooks import PushKind, Telling, WayBack
from sandbox.kit.provider.magic_numbers import Behaviour, Money, Pushing, Word
from sandbox.kit.provider.orders import Order, State, Try
from sandbox.kit.provider.push_delivery import Parcel

if TYPE_CHECKING:
    from sandbox.kit.provider.provider import Provider

INSUFFICIENT_FUNDS = "insufficient_funds"

_WHOLE_BP = 10_000
_WORDS = {
    State.OPENED: Word.PENDING,
    State.AGREED: Word.PENDING,
    State.PAID: Word.PAID,
    State.DECLINED: Word.DECLINED,
    State.CANCELLED: Word.CANCELLED,
    State.EXPIRED: Word.EXPIRED,
}
_PUSHED = {
    Pushing.NEVER: (),
    Pushing.ONCE: (PushKind.NOTICE,),
    Pushing.FIRST: (PushKind.NOTICE,),
    Pushing.TWICE: (PushKind.NOTICE, PushKind.AGAIN),
    Pushing.FORGED: (PushKind.FORGED,),
    Pushing.UNFOUNDED: (PushKind.UNFOUNDED,),
}
_ALWAYS_PAID = frozenset({PushKind.FORGED, PushKind.UNFOUNDED})


@dataclass(frozen=True, slots=True)
class Parting:
    """How a payer leaves the page: where the browser goes, None if nowhere, and what is waited for before."""

    way: WayBack | None
    waits_for: Parcel | None = None


def confirm(provider: "Provider", order: Order, number: str) -> Parting:
    """Do what follows when a payer has confirmed an open order with everything that the page asks for."""
    does = provider.payers.behaviour(number)
    if does.money is Money.UNTOUCHED:
        return _part(provider, order, does, None)
    provider.book.record_agreed(order, number, provider.clock.now())
    parcel = None
    if does.money is Money.CANCELLED:
        parcel = _decide(provider, order, State.CANCELLED, "cancelled")
    elif provider.house.takes_at_page:
        parcel = _move(provider, order, does)
    else:
        provider.hooks.agreed(provider, order)
    return _part(provider, order, does, parcel if does.pushing is Pushing.FIRST else None)


def end(provider: "Provider", order: Order, state: State, reason: str) -> Parting:
    """Let an open order be cancelled or declined at the page."""
    _decide(provider, order, state, reason)
    return leave(provider, order)


def leave(provider: "Provider", order: Order) -> Parting:
    """Send a browser back that opens the page of an order that is over, or agreed to."""
    return Parting(way_back(provider, order, provider.behaviour(order)))


def take(provider: "Provider", order: Order) -> Order | Refusal:
    """Take the money of an order that its payer has agreed to, where the page does not."""
    state = provider.state(order)
    if state is State.AGREED and not order.settles_at:
        _move(provider, order, provider.behaviour(order))
        return Refusal.DECLINED if provider.state(order) is State.DECLINED else order
    if state in {State.PAID, State.AGREED}:
        return order
    return Refusal.NOT_AGREED if state is State.OPENED else Refusal.OVER


def settle(provider: "Provider", order: Order) -> None:
    """Let a pending order be decided whose time has come."""
    if order.decided_state is not State.OPENED or not order.settles_at:
        return
    at = datetime.fromisoformat(order.settles_at)
    if provider.clock.now() >= at:
        reason = "expired" if order.settles_to is State.EXPIRED else "declined"
        _decide(provider, order, order.settles_to, reason, at)


def way_back(provider: "Provider", order: Order, does: Behaviour) -> WayBack | None:
    """Return where a browser goes now, and what it says there."""
    word = does.says or _WORDS[provider.state(order)]
    kind = PushKind.FORGED if does.is_forged else PushKind.RETURN
    return provider.hooks.way_back(provider, order, Telling(word, kind, _when(provider, order)))


def word_of(provider: "Provider", order: Order, kind: PushKind) -> Word:
    """Return what a push of a kind says of an order."""
    return Word.PAID if kind in _ALWAYS_PAID else _WORDS[provider.state(order)]


def _part(provider: "Provider", order: Order, does: Behaviour, parcel: Parcel | None) -> Parting:
    for _ in range(1, does.returns):
        provider.send(order, PushKind.RETURN, _when(provider, order).isoformat())
    return Parting(way_back(provider, order, does) if does.returns else None, parcel)


def _move(provider: "Provider", order: Order, does: Behaviour) -> Parcel | None:
    now = provider.clock.now()
    for _ in range(does.failed_tries):
        tried = Try(provider.new_transaction_id(order), order.payer, now.isoformat(), does.reason)
        provider.book.record_tried(order, tried)
    later = now + timedelta(seconds=provider.settings.pending_seconds)
    match does.money:
        case Money.PENDING_THEN_MOVES:
            provider.book.record_pending(order, later, State.PAID)
        case Money.PENDING_THEN_DECLINED:
            provider.book.record_pending(order, later, State.DECLINED)
        case Money.MOVES:
            if provider.balance_paisa(order.payer) < order.amount_paisa:
                return _decide(provider, order, State.DECLINED, INSUFFICIENT_FUNDS)
            return _decide(provider, order, State.PAID, "")
        case Money.DECLINED:
            return _decide(provider, order, State.DECLINED, does.reason)
        case Money.PENDING | Money.CANCELLED | Money.UNTOUCHED:
            pass
    return None


def _decide(
    provider: "Provider", order: Order, state: State, reason: str, at: datetime | None = None
) -> Parcel | None:
    """Let an order end; returns the first push of it, if there is one."""
    house, is_paid = provider.house, state is State.PAID
    fee = share_half_up(order.amount_paisa, house.fee_bp, _WHOLE_BP) if is_paid else 0
    decision = Decision(
        state=state,
        at=at or provider.clock.now(),
        transaction_id=provider.new_transaction_id(order) if is_paid else "",
        fee_paisa=fee,
        fee_vat_paisa=share_half_up(fee, house.fee_vat_bp, _WHOLE_BP),
        reason="" if is_paid else reason,
    )
    provider.book.record_decided(order, decision)
    if state not in provider.hooks.pushes_on:
        return None
    kinds = _PUSHED[provider.behaviour(order).pushing]
    parcels = [provider.send(order, kind, order.decided_at) for kind in kinds]
    return parcels[0] if parcels else None


def _when(provider: "Provider", order: Order) -> datetime:
    return order.decided if order.decided_at else provider.clock.now()
