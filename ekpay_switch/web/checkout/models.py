"""What each page of the checkout shows, as values for the templates."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.brands import derived_brand
from ekpay_switch.flows.merchants.checkout import another_try_from, may_cancel, open_try_of
from ekpay_switch.flows.merchants.masked_carts import mask_cart
from ekpay_switch.flows.merchants.offers import Offer
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.ports.merchants import MerchantPayment, TryLine
from ekpay_switch.ports.world import World
from ekpay_switch.security.masking import mask_personal_text
from ekpay_switch.web.checkout.evidence import Evidence, allowed_sentences, evidence_of
from ekpay_switch.web.checkout.payer_sums import payer_sum
from ekpay_switch.web.checkout.situations import (
    RETURNED,
    Situation,
    is_over,
    is_shop_notified,
    last_refusal,
    leaves_by_itself,
    payee_home,
    situation_of,
    way_back,
)
from ekpay_switch.web.checkout.tiles import NO_MARKS, Popularity, arrange_offers
from ekpay_switch.web.pages import Refresh

# Often enough to be current, and seldom enough that a screen reader gets to the end of the page.
WAITING_REFRESH_SECONDS, OPENING_REFRESH_SECONDS, SHOP_REFRESH_SECONDS, LEAVING_REFRESH_SECONDS = 20, 3, 2, 6
# The reasons of a decline that tell a payer what to do; the others are not shown.
REASONS = frozenset(
    {"cancelled", "insufficient_balance", "no_such_wallet", "timed_out", "tries_exceeded", "wrong_credential"}
)


@dataclass(frozen=True, slots=True)
class EarlierPage:
    """A page from before that could still be paid; `profile` is None where we do not know the connector."""

    profile: ConnectorProfile | None
    until: datetime


@dataclass(frozen=True, slots=True)
class RefusedTry:
    """The last try that failed; `reason` is one of `REASONS`, or how the try ended."""

    profile: ConnectorProfile | None
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """A template with everything that it shows; `refresh` is when the page goes on by itself."""

    template: str
    values: Mapping[str, object]
    status: int = 200
    refresh: Refresh | None = None


def choice_values(
    payment: MerchantPayment,
    offers: Sequence[Offer],
    popularity: Popularity,
    world: World,
    marks: Mapping[str, str] = NO_MARKS,
) -> dict[str, object]:
    """What the choice of an instrument shows; its form asks for the try after all that stand."""
    refused = last_refusal(payment)
    return {
        "choices": arrange_offers(offers, popularity, marks),
        "due": payer_sum(payment, offers),
        "nth": len(payment.tries) + 1,
        "refused": None if refused is None else _refused_try(refused, world),
        "refusal_sentence": refusal_sentence(refused, evidence_of(payment, world)),
        "earlier": earlier_pages(payment, world),
        "may_leave": may_cancel(payment),
    }


def waiting_page(payment: MerchantPayment, world: World, *, stays: bool) -> Page:
    """The page while the outcome is unknown: what the payer may do, and when we inquire again."""
    situation, current_try = situation_of(payment), open_try_of(payment)
    profile = _profile(current_try, world)
    is_live = situation is Situation.AT_PROVIDER and not is_over(payment)
    seconds = (
        OPENING_REFRESH_SECONDS
        if situation is Situation.OPENING
        else _waits_seconds(current_try, payment.read_at)
    )
    proven = evidence_of(payment, world)
    values = {
        "situation": situation,
        "sentences": waiting_sentences(situation, proven),
        "looks_in": seconds,
        "profile": profile,
        "next_look_at": _next_look_at(current_try, payment.read_at),
        "may_look": situation in {Situation.AT_PROVIDER, Situation.ASKING} and current_try is not None,
        "may_go_on": is_live,
        "another_from": another_try_from(payment, world) if is_live else None,
        "earlier": earlier_pages(payment, world),
        "may_leave": may_cancel(payment) and situation is not Situation.OPENING,
    }
    return Page("checkout/waiting.html", values, refresh=None if stays else Refresh(seconds))


def waiting_sentences(situation: Situation, proven: Collection[Evidence]) -> list[str]:
    """What a page that waits says of the money: what is proven, else that we do not know."""
    extras = ["waiting.nothing_taken"] if situation is Situation.OPENING else []
    return [*allowed_sentences(_WAITING_CLAIMS[situation], proven)[:1], *allowed_sentences(extras, proven)]


# The strongest first; the last of each claims nothing, or what its situation proves.
_WAITING_CLAIMS = {
    Situation.OPENING: ("waiting.opening.theirs",),
    Situation.AT_PROVIDER: ("waiting.at_provider.ours", "waiting.at_provider.theirs"),
    Situation.ASKING: ("waiting.asking.held", "waiting.asking.ours", "waiting.asking.theirs"),
    Situation.RECEIVED: ("waiting.received.theirs",),
}


def ended_sentences(situation: Situation, proven: Collection[Evidence]) -> list[str]:
    """What became of the money of an ended payment, as far as it is proven."""
    return allowed_sentences([f"ended.{situation}.text"], proven) or ["ended.unsure"]


def shop_sentence(proven: Collection[Evidence], *, is_open: bool) -> str:
    """What the shop knows of a payment, where the way back to it is open or not."""
    if is_open:
        return next(iter(allowed_sentences(["paid.told"], proven)), "paid.may_go")
    return next(iter(allowed_sentences(["paid.telling"], proven)), "paid.go_back")


def refusal_sentence(refused: TryLine | None, proven: Collection[Evidence]) -> str:
    """What is known of the money after a try that came to nothing; empty without one."""
    if refused is None:
        return ""
    watched = ["refused.watched"] if refused.next_look_at is not None else []
    return allowed_sentences(
        ["refused.goes_back", "refused.nothing_taken", *watched, "ended.unsure"], proven
    )[0]


def ended_page(payment: MerchantPayment, world: World, receipt: str | None, *, stays: bool) -> Page:
    """The page of an ended payment, with the link back to the shop once the shop was notified."""
    situation, back = situation_of(payment), way_back(payment)
    refused = last_refusal(payment) if situation is Situation.FAILED else None
    is_final = situation not in {Situation.OVER, Situation.REVIEW, Situation.GOES_BACK}
    refresh: Refresh | None = None
    if back is not None and leaves_by_itself(payment):
        refresh = Refresh(LEAVING_REFRESH_SECONDS, back)
    elif not is_final:
        refresh = Refresh(WAITING_REFRESH_SECONDS)
    elif not is_shop_notified(payment):
        refresh = Refresh(SHOP_REFRESH_SECONDS)
    earlier, proven = earlier_pages(payment, world), evidence_of(payment, world)
    values = {
        "situation": situation,
        "sentences": ended_sentences(situation, proven),
        "shop_sentence": shop_sentence(proven, is_open=back is not None),
        "back": back,
        "leaves": LEAVING_REFRESH_SECONDS if back is not None and refresh is not None and not stays else None,
        "profile": _profile(payment.tries[-1] if payment.tries else None, world),
        "refused": None if refused is None else _refused_try(refused, world),
        "earlier": earlier,
        "receipt": receipt,
        "receipt_url": f"{world.public_url}{receipt}" if receipt else "",
        # As the way back: whom a payee may take for paid is not sent there before the payee knows.
        "home": payee_home(payment) if back is not None else "",
        "is_returned": situation in RETURNED,
        "paid_with": world.connectors.by_id(payment.funding.connector_id) if payment.funding else None,
    }
    return Page(
        f"checkout/{_END_TEMPLATES.get(situation, 'ended')}.html", values, refresh=None if stays else refresh
    )


_END_TEMPLATES = {Situation.PAID: "paid"}


def back_of(payment: MerchantPayment) -> str:
    """Where the payer came from and goes back to, by which the sentences about it are chosen."""
    return "bills" if payment.partner_id == PORTAL else "shop"


def leave_sentences(payment: MerchantPayment) -> list[str]:
    """What the page that asks whether to cancel may say of the money and of what comes after."""
    return ["leave.nothing_taken", f"leave.text.{back_of(payment)}"]


def order_values(payment: MerchantPayment, marks: Mapping[str, str] = NO_MARKS) -> dict[str, object]:
    """What every page of the payment shows of its order, to whoever has its address (docs/adr/0084)."""
    order, cart = payment.text.order, payment.text.cart
    return {
        "payment": payment,
        "back": back_of(payment),
        "cart": None if cart is None else mask_cart(cart, keeps_address=True),
        "shares": share_names(payment),
        "brand": replace(
            derived_brand(payment.mer_reg_id, payment.merchant_en), mark=marks.get(payment.partner_id, "")
        ),
        "details": mask_personal_text(order.get("ord_det") or ""),
        "order_number": order.get("ord_id") or "",
        "charges": Money(payment.sums.charge.minor),
        "fees": payment.sums.fee + payment.sums.vat,
    }


def share_names(payment: MerchantPayment) -> list[tuple[str, Money]]:
    """The shares of a split, each with its payee's name, which is empty for the merchant itself."""
    shares = payment.shares if any(share.payee for share in payment.shares) else ()
    return [(payment.payee_names.get(share.payee, share.payee), share.amount) for share in shares]


def earlier_pages(payment: MerchantPayment, world: World) -> list[EarlierPage]:
    """Pages of earlier tries on which the payer could still pay without our execute."""
    tries = [
        (earlier_try, _profile(earlier_try, world))
        for earlier_try in payment.tries
        if earlier_try.state is not TryState.OPEN
    ]
    return [
        EarlierPage(profile, earlier_try.page_until)
        for earlier_try, profile in tries
        if earlier_try.page_until is not None
        and earlier_try.page_until > payment.read_at
        and (earlier_try.state is TryState.ABANDONED or earlier_try.end is TryEnd.LAPSED)
        and not (profile is not None and profile.executes)
    ]


def _refused_try(refused_try: TryLine, world: World) -> RefusedTry:
    stated_reason = refused_try.why.partition(" ")[0]
    reason = stated_reason if stated_reason in REASONS else str(refused_try.end or TryEnd.NEVER_PAID)
    return RefusedTry(_profile(refused_try, world), reason)


def _profile(shown_try: TryLine | None, world: World) -> ConnectorProfile | None:
    connector = world.connectors.by_id(shown_try.connector_id) if shown_try is not None else None
    return connector.profile if connector is not None else None


def _waits_seconds(current_try: TryLine | None, now: datetime) -> int:
    """Seconds until just after our next inquiry, within the bounds of a refresh."""
    if current_try is None or current_try.next_look_at is None:
        return WAITING_REFRESH_SECONDS
    seconds_left = int((current_try.next_look_at - now) / timedelta(seconds=1)) + SHOP_REFRESH_SECONDS
    return min(max(seconds_left, OPENING_REFRESH_SECONDS), WAITING_REFRESH_SECONDS)


def _next_look_at(current_try: TryLine | None, now: datetime) -> datetime | None:
    """When we look again by ourselves; what is due by now is looked at within the minute."""
    if current_try is None or current_try.next_look_at is None:
        return None
    return (
        max(current_try.next_look_at, now + timedelta(minutes=1))
        if current_try.next_look_at <= now
        else current_try.next_look_at
    )
