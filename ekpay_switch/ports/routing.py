"""What flows need of the routing, as a protocol; `persistence` implements it."""

from collections.abc import Mapping, Sequence
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
class ConnectorRecord:
    """What the database knows of one connector.

    `successes` of `outcomes` within the window, its breaker, whether a half-open one has let a payment
    through that is not answered yet, and what it collected in this Dhaka day where it has a daily cap.
    """

    successes: int = 0
    outcomes: int = 0
    breaker: BreakerState = BreakerState.CLOSED
    is_probed: bool = False
    used_today: Money = ZERO


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A breaker for display; `half_opens_by` is when an open one half-opens without an answer."""

    connector_id: str
    breaker: Breaker
    half_opens_by: datetime | None


class Routing(Protocol):
    """Connectors' records and breakers, shared by all processes; read from memory, at most a second old."""

    @property
    def rules(self) -> RoutingRules:
        """The rules of config/routing.toml."""
        ...

    async def candidates(self) -> Sequence[Candidate]:
        """Every connector as a candidate."""
        ...

    async def chosen_instruments(self) -> Mapping[str, int]:
        """How many of the newest tries each instrument had; from memory, at most five minutes old."""
        ...

    async def reserve_probe(self, connector_id: str, attempt_id: UUID, hold_seconds: float) -> bool:
        """Whether this try may be the probe of a half-open breaker; True where the breaker is closed.

        The probe is reserved for `hold_seconds` of the database's clock, so that a process that dies blocks
        it no longer.
        """
        ...

    async def record_answer(self, connector_id: str) -> None:
        """The connector has answered an inquiry about a payment: its breaker half-opens, if it was open.

        Not before the breaker was open for the time in the rules. Where it is not open, the database is not
        used; where the database is unavailable nothing is raised, and the next answer retries.
        """
        ...

    async def look_after_breakers(self) -> None:
        """Make an inquiry due for each open breaker without one; half-open one whose connector has none.

        The inquiry is about the newest try that has ended, and moves no money.
        """
        ...


def candidate_of(profile: ConnectorProfile, known: ConnectorRecord) -> Candidate:
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
