"""Routing over real books: tries with decisions, connectors in several states, two processes that look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ekpay_switch.domain.collections.funding import LockedTry, NothingCollected, TryEnd
from ekpay_switch.domain.collections.new_tries import NewTry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.decision import Candidate, Decision, decide
from ekpay_switch.domain.routing.rules import RouteRequest, RoutingRules
from ekpay_switch.persistence.routing.store import PostgresRouting
from ekpay_switch.security.identifiers import unguessable, uuid7
from ekpay_switch.system_clock import SystemClock
from tests.fakes.connectors import BKASH, FakeConnector, FakeConnectors
from tests.fakes.crash_points import Steps
from tests.fakes.world import FakeClock
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import HOLD_SECONDS, Till
from tests.scenarios.routing import ACQUIRER, CARDS, NO_LUCK, a_candidate, card_rules

NO_PAGE = NothingCollected(TryEnd.NO_PAGE, "the answer was cut off")
BREAKER = "SELECT *, now() AS now FROM connector_breakers WHERE connector_id = $1"
OUTCOMES = "SELECT outcome FROM routing_outcomes WHERE connector_id = $1 ORDER BY id"
OPEN_SINCE = """
INSERT INTO connector_breakers (connector_id, state, since, because)
VALUES ($1, 'open', now() - make_interval(secs => $2), 'told so by a test')
ON CONFLICT (connector_id) DO UPDATE SET state = 'open', since = excluded.since
"""
PROFILES = (BKASH, *(replace(ACQUIRER, id=name) for name in CARDS))


def catalogue() -> FakeConnectors:
    clock, steps = FakeClock(), Steps()
    return FakeConnectors([FakeConnector(clock, steps, profile) for profile in PROFILES])


def a_decision(instrument: str = "card") -> Decision:
    request = RouteRequest(
        instrument, Money(105_000), Money(500), Money(75), "desco_postpaid", "bank1", datetime.now(UTC)
    )
    return decide(request, [a_candidate(name) for name in CARDS], card_rules(), NO_LUCK)


def a_routed_try(instrument: str = "ebl") -> NewTry:
    decision = a_decision(instrument)
    assert decision.chosen_connector is not None
    return NewTry(uuid7(), unguessable(), decision.chosen_connector, 10.0, HOLD_SECONDS, decision)


@dataclass
class Desk:
    """One test's till, and the routing as two processes see it."""

    till: Till
    clock: FakeClock
    here: PostgresRouting
    there: PostgresRouting

    @property
    def books(self) -> Books:
        return self.till.books

    # ---- what happens

    async def opened(self, connector_id: str = "ebl") -> LockedTry:
        return await self.till.opened(self.till.new(first=a_routed_try(connector_id)))

    async def lost(self, connector_id: str = "ebl") -> LockedTry:
        """A try whose page was asked for and never told."""
        held = await self.opened(connector_id)
        await self.till.record(held, NO_PAGE)
        return held

    async def open_since(self, seconds: float, connector_id: str = "ebl") -> None:
        await self.books.tell(OPEN_SINCE, connector_id, seconds)
        self.look_again()

    def look_again(self) -> None:
        """The picture of both processes is too old."""
        self.clock.pass_by(1)

    # ---- what is asked

    async def breaker(self, connector_id: str = "ebl") -> Any:  # noqa: ANN401 - a record of the driver
        return (await self.books.rows(BREAKER, connector_id))[0]

    async def state(self, connector_id: str = "ebl") -> BreakerState:
        return BreakerState((await self.breaker(connector_id))["state"])

    async def outcomes(self, connector_id: str = "ebl") -> list[str]:
        return [row[0] for row in await self.books.rows(OUTCOMES, connector_id)]

    async def candidate(self, connector_id: str = "ebl") -> Candidate:
        self.look_again()
        return {one.connector_id: one for one in await self.here.candidates()}[connector_id]


@asynccontextmanager
async def open_desk(till: Till, rules: RoutingRules | None = None) -> AsyncIterator[Desk]:
    engines = [till.books.database.engine() for _ in range(2)]
    clock, known = FakeClock(instant=SystemClock().now()), catalogue()
    here, there = (PostgresRouting(engine, known, rules or card_rules(), clock) for engine in engines)
    yield Desk(till, clock, here, there)
    for engine in engines:
        await engine.dispose()
