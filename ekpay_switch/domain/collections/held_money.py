"""The finding that a connector holds a payer's money for its risk (docs/adr/0074)."""

from dataclasses import dataclass

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import Collected


@dataclass(frozen=True, slots=True)
class MoneyHeld:
    """The connector has the payer's money under this try and holds it for its risk: nothing is ours yet.

    The connector is asked again after `ask_again_seconds`; `charge_basis_points` is what it would keep.
    `alarm` is raised where the hold is known already: a new one has its own.
    """

    money: Collected
    charge_basis_points: int
    ask_again_seconds: float
    why: str
    alarm: Alarm | None = None
