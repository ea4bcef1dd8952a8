"""Choosing the connector for a payment: the decision, and the probe of a half-open breaker."""

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
class RoutedConnector:
    """The chosen connector, the attempt's id, and the decision."""

    attempt_id: UUID
    connector: Connector
    decision: Decision

    @property
    def is_ours_to_change(self) -> bool:
        """Whether the switch chose the connector, and may therefore ask another one as well."""
        return self.decision.approach is not Approach.NAMED


async def route(request: RouteRequest, world: World) -> RoutedConnector | Decision:
    """The connector to ask, or the decision that left none.

    A half-open breaker lets one payment through at a time: where another payment was first, that connector is
    excluded and the decision is repeated.
    """
    attempt_id = uuid7()
    while True:
        candidates = await world.routing.candidates()
        decision = decide(request, candidates, world.routing.rules, draw_of(attempt_id))
        connector = (
            None if decision.chosen_connector is None else world.connectors.by_id(decision.chosen_connector)
        )
        if connector is None:
            return decision
        profile = connector.profile
        if await world.routing.reserve_probe(profile.id, attempt_id, profile.timing.lease_seconds):
            telemetry.ROUTED_TRIES.labels(profile.id, decision.approach).inc()
            return RoutedConnector(attempt_id, connector, decision)
        request = replace(request, probed=request.probed | {profile.id})


async def route_again(before: RoutedConnector, charge: Money, world: World) -> RoutedConnector | Decision:
    """The next connector after a failed try, at the same charge, since the sums are frozen."""
    request = before.decision.request
    tried = request.tried | {before.connector.profile.id}
    return await route(replace(request, charge=charge, tried=tried, at=world.clock.now()), world)


def active_connectors(instrument: str, world: World) -> list[Connector]:
    """The active connectors of an instrument; for a connector's id, that one."""
    names = world.routing.rules.instruments.get(instrument, (instrument,))
    connectors = (world.connectors.by_id(name) for name in names)
    return [
        connector for connector in connectors if connector is not None and connector.profile.status == ACTIVE
    ]


def is_excluded_by_amount(decision: Decision) -> bool:
    """Whether the amount limits exclude every active connector of the instrument."""
    reasons = set(decision.reasons().values()) - {Exclusion.INSTRUMENT, Exclusion.DISABLED}
    return reasons == {Exclusion.LIMITS}
