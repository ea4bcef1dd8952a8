"""What two persons have decided about money that a connector held, and which answer contradicts it."""

from enum import StrEnum
from typing import assert_never

from ekpay_switch.domain.collections.funding import MoneyCollected, NothingCollected, TryFinding


class HeldDecision(StrEnum):
    """The kinds of evidence of the decisions."""

    ACCEPTED = "held_accepted"  # the money is ours
    REFUSED = "held_refused"  # it is booked, and goes back to its payer
    LET_GO = "held_let_go"  # the connector has it no more, and nothing was booked


def contradicts(decision: HeldDecision, finding: TryFinding) -> bool:
    """Whether a later answer of the connector ends the hold in another way than was decided.

    Money that comes after all of what was let go is booked as any late money is, and contradicts nothing.
    """
    match decision:
        case HeldDecision.ACCEPTED:
            return isinstance(finding, NothingCollected)
        case HeldDecision.REFUSED:
            return isinstance(finding, NothingCollected | MoneyCollected)
        case HeldDecision.LET_GO:
            return False
        case _:
            assert_never(decision)
