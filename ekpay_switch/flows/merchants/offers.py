"""Instrument offers: what a payer may pay a merchant with now, and what each costs (docs/adr/0047).

An offer is one line of the checkout: a routable instrument, such as `card`, as a whole, or one connector. Its
price is worked out as the try would be: the connector's charge as the routing computes it, our fee and VAT by
the table of fees for the merchant's plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ekpay_switch.domain.business_day import business_date, in_dhaka
from ekpay_switch.domain.fees import Fee
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.merchants.merchant import MERCHANT, payee_of
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.decision import Candidate, Decision, Draw, Exclusion, decide
from ekpay_switch.domain.routing.rules import MINUTES_A_DAY, PPM, Moment, RouteRequest, WeeklyWindow, Window
from ekpay_switch.flows.routing.route import active_connectors
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.connectors import Connector, ConnectorProfile
from ekpay_switch.ports.merchants import Merchant, MerchantPayment
from ekpay_switch.ports.routing import ACTIVE
from ekpay_switch.ports.world import World

# Offers are priced without exploration, as most tries are routed.
_NO_LUCK = Draw(explore=PPM - 1, place=0)
# Adjacent maintenance windows count as one, up to this many.
_TOUCHING_WINDOWS_MAX = 7


class UnavailableReason(StrEnum):
    """Why an instrument cannot be chosen at this moment."""

    LIMITS = "limits"  # the amount is outside its limits
    MAINTENANCE = "maintenance"  # announced downtime
    UNAVAILABLE = "unavailable"  # none of its connectors can be asked now


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to pay at this moment.

    `instrument` is what a choice names, `profile` the connector behind it, None for a routed instrument.
    `total` is what the payer would pay in all. `until` is when an announced downtime ends, UTC. `is_shaky`
    says that the connector's breaker is half open. The limits are on the total.
    """

    instrument: str
    kind: str
    profile: ConnectorProfile | None
    charges: Charges
    total: Money
    why_not: UnavailableReason | None
    until: datetime | None
    is_shaky: bool
    amount_min: Money
    amount_max: Money


async def offers(payment: MerchantPayment, merchant: Merchant, world: World) -> Sequence[Offer]:
    """Every instrument that the merchant accepts, with its price for this payment; available ones first.

    Within that, cheaper ones come first, then by name.
    """
    candidates = await world.routing.candidates()
    offers_now = [
        _offer(route_request(name, connectors, payment, merchant, world), connectors, candidates, world)
        for name, connectors in instruments_of(merchant, world).items()
    ]
    return sorted(offers_now, key=_place)


async def bill_offers(
    profile: BillerProfile, amount: Money, merchant: Merchant, world: World
) -> Sequence[Offer]:
    """Every instrument that the merchant accepts, with its price for such a bill alone, as `offers` has them.

    Raises:
        NoFeeError: the fee table has no row.
    """
    candidates, now = await world.routing.candidates(), world.clock.now()
    names, on = frozenset({profile.id, profile.category}), business_date(now)
    offers_now = []
    for name, connectors in instruments_of(merchant, world).items():
        fee = world.fees.price(names, connectors[0].profile.instrument, amount, on)
        request = _request(name, amount, fee, merchant.partner_id, now)
        offers_now.append(_offer(request, connectors, candidates, world))
    return sorted(offers_now, key=_place)


def _place(offer: Offer) -> tuple[bool, Money, str]:
    """Available ones first, within that cheaper ones, then by name."""
    return offer.why_not is not None, offer.total, offer.instrument


def instruments_of(merchant: Merchant, world: World) -> Mapping[str, Sequence[Connector]]:
    """The instruments that a payer of this merchant may choose, with the active connectors of each.

    A routable instrument hides its members where the merchant accepts it as a whole; a merchant that accepts
    single members gets those. An inactive merchant accepts nothing.
    """
    accepted = merchant.instruments
    if not merchant.is_active:
        return {}
    connectors_by_name: dict[str, Sequence[Connector]] = {}
    for name in world.routing.rules.instruments:
        members = active_connectors(name, world)
        if members and (accepted is None or name in accepted):
            connectors_by_name[name] = members
    hidden = {member.profile.id for members in connectors_by_name.values() for member in members}
    for connector in world.connectors.all():
        profile = connector.profile
        is_accepted = accepted is None or not accepted.isdisjoint({profile.id, profile.instrument})
        if profile.status == ACTIVE and is_accepted and profile.id not in hidden:
            connectors_by_name[profile.id] = [connector]
    return connectors_by_name


def route_request(
    instrument: str,
    connectors: Sequence[Connector],
    payment: MerchantPayment,
    merchant: Merchant,
    world: World,
) -> RouteRequest:
    """The route request of the payment by this instrument, with our fee and its VAT; any charge fits.

    Raises:
        NoFeeError: the fee table has no row.
    """
    # The connectors of one instrument are of one kind, so the fee is the same for all of them.
    fee = _fee_of(payment, merchant, connectors[0].profile.instrument, world)
    return _request(instrument, payment.amount, fee, payment.partner_id, world.clock.now())


def _request(instrument: str, billed: Money, fee: Fee, merchant_id: str, at: datetime) -> RouteRequest:
    return RouteRequest(
        instrument=instrument,
        billed=billed,
        fee=fee.fee,
        vat=fee.vat,
        biller_id=payee_of(merchant_id),
        partner_id=merchant_id,
        at=at,
    )


def _fee_of(payment: MerchantPayment, merchant: Merchant, kind: str, world: World) -> Fee:
    """Our fee and its VAT by the merchant's plan; of a cart of bills, those of each bill together."""
    on, cart = business_date(world.clock.now()), payment.text.cart
    bills = () if cart is None else tuple(line for line in cart.lines if line.biller_id)
    if not bills:
        names = frozenset({merchant.fee_plan, MERCHANT, payee_of(payment.partner_id)})
        return world.fees.price(names, kind, payment.amount, on)
    fees = [world.fees.price(_payee_names(line.biller_id, world), kind, line.amount, on) for line in bills]
    return Fee(total(fee.fee for fee in fees), total(fee.vat for fee in fees), world.fees.version)


def _payee_names(biller_id: str, world: World) -> frozenset[str]:
    biller = world.billers.by_id(biller_id)
    return frozenset({biller_id}) if biller is None else frozenset({biller_id, biller.profile.category})


def unavailable_reason(decision: Decision, connectors: Sequence[Connector]) -> UnavailableReason:
    """Why none of the instrument's connectors can be asked."""
    reasons = _reasons(decision, connectors)
    if reasons == {Exclusion.LIMITS}:
        return UnavailableReason.LIMITS
    return UnavailableReason.MAINTENANCE if Exclusion.CALENDAR in reasons else UnavailableReason.UNAVAILABLE


def is_priced_otherwise(decision: Decision, connectors: Sequence[Connector]) -> bool:
    """Whether a connector could be asked, but not at the charge that the payer was shown."""
    return Exclusion.CHARGE in _reasons(decision, connectors)


def _reasons(decision: Decision, connectors: Sequence[Connector]) -> set[Exclusion | None]:
    reasons = decision.reasons()
    return {reasons[connector.profile.id] for connector in connectors}


def _offer(
    request: RouteRequest, connectors: Sequence[Connector], candidates: Sequence[Candidate], world: World
) -> Offer:
    rules, profiles = world.routing.rules, [connector.profile for connector in connectors]
    decision = decide(request, candidates, rules, _NO_LUCK)
    verdict = decision.verdict_on(decision.chosen_connector or profiles[0].id)
    charges = Charges(Money(verdict.charge, request.billed.currency), request.fee, request.vat)
    why_not = None if decision.chosen_connector else unavailable_reason(decision, connectors)
    ends = (down_until(rules.calendar.get(profile.id, ()), request.at) for profile in profiles)
    return Offer(
        instrument=request.instrument,
        kind=profiles[0].instrument,
        profile=None if request.instrument in rules.instruments else profiles[0],
        charges=charges,
        total=request.billed + charges.charge + charges.fee + charges.vat,
        why_not=why_not,
        until=min(filter(None, ends), default=None) if why_not is UnavailableReason.MAINTENANCE else None,
        is_shaky=verdict.candidate.breaker is BreakerState.HALF_OPEN,
        amount_min=min(profile.amount_min for profile in profiles),
        amount_max=max(profile.amount_max for profile in profiles),
    )


def down_until(windows: Sequence[Window], at: datetime) -> datetime | None:
    """When the downtime at this instant ends, None without downtime; adjacent windows count as one."""
    until = at
    for _ in range(_TOUCHING_WINDOWS_MAX):
        moment = Moment.of(until)
        ends = [_end_of(window, until) for window in windows if window.covers(moment)]
        if not ends:
            break
        until = max(ends)
    return until if until > at else None


def _end_of(window: Window, at: datetime) -> datetime:
    if not isinstance(window, WeeklyWindow):
        return window.end
    local = in_dhaka(at)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(minutes=min(window.end, MINUTES_A_DAY))
