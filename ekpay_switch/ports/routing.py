"""What flows need of the routing, as a protocol; `persistence` implements it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from ekpay_switch.domain.routing.decision import Candidate
from ekpay_switch.domain.routing.rules import RoutingRules
from ekpay_switch.ports.connectors import ConnectorProfile

ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says about one connector.

    `successes` of `outcomes` within the window, its breaker, whether a half-open one has let a payment
    through that is not answered yet, and what it took in the present Dhaka day where a cap stands.
    """

    successes: int = 0
    outcomes: int = 0
    breaker: BreakerState = BreakerState.CLOSED
    is_probed: bool = False
    used_today: Money = ZERO


@dataclass(frozen=True, slots=True)
class ShownBreaker:
    """A breaker as a person may see it; `half_opens_by` is when an open one half-opens by itself."""

    connector_id: str
    breaker: Breaker
    half_opens_by: datetime | None


class Routing(Protocol):
    """How connectors stand, shared by all processes; read from memory, at most a second old."""

    @property
    def rules(self) -> RoutingRules:
        """The rules of config/routing.toml."""
        ...

    async def candidates(self) -> Sequence[Candidate]:
        """Every connector with what is known of it."""
        ...

    async def let_through(self, connector_id: str, attempt_id: UUID, hold_seconds: float) -> bool:
        """Whether this try may be the one payment that a half-open breaker lets through; True where closed.

        The place is kept for `hold_seconds` of the database's clock, so that a process that dies holds up
        nobody for longer.
        """
        ...

    async def answered(self, connector_id: str) -> None:
        """The connector has answered a question about a payment: its breaker half-opens, if it was open.

        Not before the breaker was open for the time that the rules say. Where it is not open nothing is
        asked of the database; where the database is away nothing is raised, and the next answer tries again.
        """
        ...

    async def look_after_breakers(self) -> None:
        """Make a question due for each open breaker that nobody asks about; half-open one that nobody can.

        The question is about the newest try that has ended, and moves no money.
        """
        ...


def candidate_of(profile: ConnectorProfile, known: Known) -> Candidate:
    """A connector as the router weighs it."""
    return Candidate(
        connector_id=profile.id,
        instrument=profile.instrument,
        is_enabled=profile.status == ACTIVE,
        amount_min=profile.amount_min,
        amount_max=profile.amount_max,
        charge_basis_points=profile.charge_basis_points,
        payer_charge_basis_points=profile.payer_charge_basis_points,
        successes=known.successes,
        outcomes=known.outcomes,
        breaker=known.breaker,
        is_probed=known.is_probed,
        used_today=known.used_today,
    )
