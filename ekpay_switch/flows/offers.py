"""What a payer may pay a merchant with now, and what each way costs: instrument offers (docs/adr/0047).

An offer is one line of the checkout: a routable instrument, such as `card`, as a whole, or one connector. Its
price is worked out as the try would be: the connector's charge as the routing computes it, our fee and VAT by
the table of fees for the merchant's plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ekpay_switch.domain.business_day import business_date, in_dhaka
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.merchants import MERCHANT, payee_of
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.decision import Candidate, Decision, Draw, Exclusion, decide
from ekpay_switch.domain.routing.rules import MINUTES_A_DAY, PPM, Moment, RouteRequest, WeeklyWindow, Window
from ekpay_switch.flows.route import active_connectors
from ekpay_switch.ports.connectors import Connector, ConnectorProfile
from ekpay_switch.ports.merchants import Merchant, MerchantPayment
from ekpay_switch.ports.routing import ACTIVE
from ekpay_switch.ports.world import World

# What is shown is what would be chosen on an ordinary try: nobody is shown an exploration.
_NO_LUCK = Draw(explore=PPM - 1, place=0)
# Windows of one connector that touch each other are one; more than a week of them says nothing to a payer.
_TOUCHING_WINDOWS_MAX = 7


class WhyNot(StrEnum):
    """Why an instrument cannot be chosen at this moment."""

    LIMITS = "limits"  # it does not take such an amount
    MAINTENANCE = "maintenance"  # it is down, as was announced
    UNAVAILABLE = "unavailable"  # nobody who stands for it can be asked now


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to pay as it stands now.

    `instrument` is what a choice names, `profile` the connector behind it, None for a routed instrument.
    `total` is what the payer would pay in all. `until` is when an announced downtime ends, UTC. `is_shaky`
    says that the connector is only just coming back. The limits are on the total.
    """

    instrument: str
    kind: str
    profile: ConnectorProfile | None
    charges: Charges
    total: Money
    why_not: WhyNot | None
    until: datetime | None
    is_shaky: bool
    amount_min: Money
    amount_max: Money


async def offers(payment: MerchantPayment, merchant: Merchant, world: World) -> Sequence[Offer]:
    """Every instrument that the merchant takes, with its price for this payment: first what can be had now.

    Within that the cheaper ones come first, then by name, so that nobody is favoured.
    """
    candidates = await world.routing.candidates()
    found = [
        _offer(route_request(name, connectors, payment, merchant, world), connectors, candidates, world)
        for name, connectors in instruments_of(merchant, world).items()
    ]
    return sorted(found, key=lambda one: (one.why_not is not None, one.total, one.instrument))


def instruments_of(merchant: Merchant, world: World) -> Mapping[str, Sequence[Connector]]:
    """What a payer of this merchant may name, with the active connectors that stand for it.

    A routable instrument hides its members where the merchant takes it as a whole; one that takes single
    members of it gets those as they are. A merchant that is not active takes nothing.
    """
    taken = merchant.instruments
    if not merchant.is_active:
        return {}
    found: dict[str, Sequence[Connector]] = {}
    for name in world.routing.rules.instruments:
        members = active_connectors(name, world)
        if members and (taken is None or name in taken):
            found[name] = members
    hidden = {member.profile.id for members in found.values() for member in members}
    for one in world.connectors.all():
        profile = one.profile
        is_taken = taken is None or not taken.isdisjoint({profile.id, profile.instrument})
        if profile.status == ACTIVE and is_taken and profile.id not in hidden:
            found[profile.id] = [one]
    return found


def route_request(
    instrument: str,
    connectors: Sequence[Connector],
    payment: MerchantPayment,
    merchant: Merchant,
    world: World,
) -> RouteRequest:
    """The payment by this instrument as the routing sees it, with our fee and its VAT; any charge fits.

    Raises:
        NoFeeError: the table has no row; a missing price is never taken for free.
    """
    payee, now = payee_of(payment.partner_id), world.clock.now()
    names = frozenset({merchant.fee_plan, MERCHANT, payee})
    # Whoever stands for one instrument is of one kind, so that the fee is the same for all of them.
    kind = connectors[0].profile.instrument
    fee = world.fees.price(names, kind, payment.amount, business_date(now))
    return RouteRequest(
        instrument=instrument,
        billed=payment.amount,
        fee=fee.fee,
        vat=fee.vat,
        biller_id=payee,
        partner_id=payment.partner_id,
        at=now,
    )


def why_nobody(decision: Decision, connectors: Sequence[Connector]) -> WhyNot:
    """Why none of the instrument's connectors could be asked."""
    reasons = _reasons(decision, connectors)
    if reasons == {Exclusion.LIMITS}:
        return WhyNot.LIMITS
    return WhyNot.MAINTENANCE if Exclusion.CALENDAR in reasons else WhyNot.UNAVAILABLE


def is_priced_otherwise(decision: Decision, connectors: Sequence[Connector]) -> bool:
    """Whether somebody could be asked, but not at the charge that the payer was shown."""
    return Exclusion.CHARGE in _reasons(decision, connectors)


def _reasons(decision: Decision, connectors: Sequence[Connector]) -> set[Exclusion | None]:
    reasons = decision.reasons()
    return {reasons[one.profile.id] for one in connectors}


def _offer(
    request: RouteRequest, connectors: Sequence[Connector], candidates: Sequence[Candidate], world: World
) -> Offer:
    rules, profiles = world.routing.rules, [one.profile for one in connectors]
    decision = decide(request, candidates, rules, _NO_LUCK)
    verdict = decision.verdict_on(decision.chosen or profiles[0].id)
    charges = Charges(Money(verdict.charge, request.billed.currency), request.fee, request.vat)
    why_not = None if decision.chosen else why_nobody(decision, connectors)
    ends = (down_until(rules.calendar.get(one.id, ()), request.at) for one in profiles)
    return Offer(
        instrument=request.instrument,
        kind=profiles[0].instrument,
        profile=None if request.instrument in rules.instruments else profiles[0],
        charges=charges,
        total=request.billed + charges.charge + charges.fee + charges.vat,
        why_not=why_not,
        until=min(filter(None, ends), default=None) if why_not is WhyNot.MAINTENANCE else None,
        is_shaky=verdict.candidate.breaker is BreakerState.HALF_OPEN,
        amount_min=min(one.amount_min for one in profiles),
        amount_max=max(one.amount_max for one in profiles),
    )


def down_until(windows: Sequence[Window], at: datetime) -> datetime | None:
    """When the downtime ends that covers this instant, None where none does; windows that touch are one."""
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
