"""Finding the connector to ask for a payer's money: the decision, and a place behind a half-open breaker."""

from dataclasses import dataclass, replace
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.decision import Approach, Decision, Exclusion, decide, draw_of
from ekpay_switch.domain.routing.rules import RouteRequest
from ekpay_switch.ports.connectors import Connector
from ekpay_switch.ports.routing import ACTIVE
from ekpay_switch.ports.world import World
from ekpay_switch.security.identifiers import uuid7


@dataclass(frozen=True, slots=True)
class Routed:
    """Who is to be asked, in which attempt, and why."""

    attempt_id: UUID
    connector: Connector
    decision: Decision

    @property
    def is_ours_to_change(self) -> bool:
        """Whether the switch chose the connector, and may therefore ask another one as well."""
        return self.decision.approach is not Approach.NAMED


async def route(request: RouteRequest, world: World) -> Routed | Decision:
    """Whom to ask, or the decision by which nobody was left.

    A half-open breaker lets one payment through at a time: where another one was quicker, that connector is
    left out and the rest decides.
    """
    attempt_id = uuid7()
    while True:
        candidates = await world.routing.candidates()
        decision = decide(request, candidates, world.routing.rules, draw_of(attempt_id))
        connector = None if decision.chosen is None else world.connectors.by_id(decision.chosen)
        if connector is None:
            return decision
        profile = connector.profile
        if await world.routing.let_through(profile.id, attempt_id, profile.timing.lease_seconds):
            telemetry.ROUTED.labels(profile.id, decision.approach).inc()
            return Routed(attempt_id, connector, decision)
        request = replace(request, probed=request.probed | {profile.id})


async def route_on(before: Routed, charge: Money, world: World) -> Routed | Decision:
    """Whom to ask once that one came to nothing: another, at the same charge, since the sums are frozen."""
    request = before.decision.request
    tried = request.tried | {before.connector.profile.id}
    return await route(replace(request, charge=charge, tried=tried, at=world.clock.now()), world)


def active_connectors(instrument: str, world: World) -> list[Connector]:
    """Those that stand for an instrument and take payments at all; of a connector's id, that one."""
    names = world.routing.rules.instruments.get(instrument, (instrument,))
    found = (world.connectors.by_id(name) for name in names)
    return [one for one in found if one is not None and one.profile.status == ACTIVE]


def is_about_the_amount(nobody: Decision) -> bool:
    """Whether every connector of the instrument that takes payments does not take this amount."""
    reasons = set(nobody.reasons().values()) - {Exclusion.INSTRUMENT, Exclusion.DISABLED}
    return reasons == {Exclusion.LIMITS}
