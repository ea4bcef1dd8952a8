"""The port `Routing` in memory: the same judgements as the real one, without the database."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.collections.funding import LockedTry, TryFinding
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import (
    UNCOUNTED,
    Breaker,
    BreakerState,
    PaymentCall,
    RouteOutcome,
    breaker_after,
)
from ekpay_switch.domain.routing.decision import Candidate
from ekpay_switch.domain.routing.outcomes import outcome_of
from ekpay_switch.domain.routing.rules import RoutingRules
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.routing import ConnectorRecord, candidate_of
from ekpay_switch.ports.world import Clock
from tests.fakes.collections.tables import CollectTables
from tests.fakes.crash_points import Steps

CLOSED = Breaker()


@dataclass(frozen=True)
class Outcome:
    """One row of the outcomes."""

    attempt_id: UUID
    connector_id: str
    outcome: RouteOutcome
    at: datetime


@dataclass
class FakeRouting:
    """Every connector of a small world, its record and its breaker."""

    clock: Clock
    steps: Steps
    connectors: Connectors
    tables: CollectTables
    rules: RoutingRules = field(default_factory=RoutingRules)
    outcomes: list[Outcome] = field(default_factory=list)
    breakers: dict[str, Breaker] = field(default_factory=dict)
    probed_until: dict[str, datetime] = field(default_factory=dict)
    used_today: dict[str, Money] = field(default_factory=dict)
    chosen: dict[str, int] = field(default_factory=dict)

    # ---- the port Routing ------------------------------------------------------------

    async def candidates(self) -> list[Candidate]:
        return [candidate_of(one.profile, self._known(one.profile.id)) for one in self.connectors.all()]

    async def chosen_instruments(self) -> dict[str, int]:
        return self.chosen

    async def reserve_probe(self, connector_id: str, attempt_id: UUID, hold_seconds: float) -> bool:
        breaker = self.breaker(connector_id)
        if breaker.state is BreakerState.CLOSED:
            return True
        if breaker.state is BreakerState.OPEN or self._is_probed(connector_id):
            return False
        with self.steps.step("let_through"):
            self.breakers[connector_id] = replace(breaker, probe=str(attempt_id))
            self.probed_until[connector_id] = self.clock.now() + timedelta(seconds=hold_seconds)
            return True

    async def record_answer(self, connector_id: str) -> None:
        breaker = self.breaker(connector_id)
        if breaker.state is BreakerState.OPEN and self._was_open_for(
            breaker, self.rules.breaker.hold_seconds
        ):
            with self.steps.step("half_open"):
                self._half_open(connector_id, "a question was answered")

    async def look_after_breakers(self) -> None:
        for connector_id, breaker in list(self.breakers.items()):
            if breaker.state is not BreakerState.OPEN:
                continue
            if self._was_open_for(breaker, self.rules.breaker.by_itself_seconds):
                self._half_open(connector_id, "nobody could be asked")
            elif self._was_open_for(breaker, self.rules.breaker.hold_seconds):
                self.tables.wake_newest_closed(connector_id)

    # ---- what the fakes of the books tell it ------------------------------------------------------------

    def record(self, held: LockedTry, finding: TryFinding) -> None:
        """What a finding means for its connector; the first outcome of a try is its own for ever."""
        outcome = outcome_of(finding)
        if outcome is None or (outcome not in UNCOUNTED and self._is_counted(held.attempt_id)):
            return
        self.outcomes.append(Outcome(held.attempt_id, held.connector_id, outcome, self.clock.now()))
        called = PaymentCall(outcome, str(held.attempt_id), held.opened_at, self.clock.now())
        after = breaker_after(
            called, self.breaker(held.connector_id), self._newest(held.connector_id), self.rules.breaker
        )
        if after is not None:
            self.breakers[held.connector_id] = after

    # ---- how it is done ------------------------------------------------------------

    def breaker(self, connector_id: str) -> Breaker:
        return self.breakers.get(connector_id, CLOSED)

    def _half_open(self, connector_id: str, because: str) -> None:
        self.breakers[connector_id] = Breaker(BreakerState.HALF_OPEN, self.clock.now(), because)

    def _was_open_for(self, breaker: Breaker, seconds: float) -> bool:
        return breaker.since is not None and breaker.since + timedelta(seconds=seconds) <= self.clock.now()

    def _is_counted(self, attempt_id: UUID) -> bool:
        return any(one.attempt_id == attempt_id and one.outcome not in UNCOUNTED for one in self.outcomes)

    def _is_probed(self, connector_id: str) -> bool:
        is_let_through = bool(self.breaker(connector_id).probe)
        return is_let_through and self.probed_until[connector_id] > self.clock.now()

    def _newest(self, connector_id: str) -> list[RouteOutcome]:
        """Since its breaker closed last, the newest first."""
        since = self.breaker(connector_id).since
        return [
            one.outcome
            for one in reversed(self.outcomes)
            if one.connector_id == connector_id and (since is None or one.at >= since)
        ]

    def _known(self, connector_id: str) -> ConnectorRecord:
        record, now = self.rules.record, self.clock.now()
        counted = [
            one.outcome
            for one in self.outcomes
            if one.connector_id == connector_id
            and one.outcome not in UNCOUNTED
            and one.at > now - timedelta(seconds=record.window_seconds)
        ][-record.outcomes_max :]
        return ConnectorRecord(
            successes=counted.count(RouteOutcome.COLLECTED),
            outcomes=len(counted),
            breaker=self.breaker(connector_id).state,
            is_probed=self._is_probed(connector_id),
            used_today=self.used_today.get(connector_id, Money(0)),
        )
