"""Further movements: money that a connector has under a try beside the movement that the try collected.

A try collects money once. Another movement under it is booked into suspense and owed to its payer at once,
since no payment waits for it (docs/adr/0075). What cannot be booked is kept as an unbooked movement, until it
is booked after all or two persons have decided about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ekpay_switch.domain.collections.connector_calls import Collected, connector_fee_of
from ekpay_switch.domain.collections.funding import MoneyCollected, TryFinding, TryPlan
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import collected_without_payment_entry
from ekpay_switch.domain.money import BDT, Money

HELD_OR_UNCONFIRMED = "its connector holds it for its risk, or does not confirm it"
NO_FIRST = "its try has collected nothing that it could stand beside"
NO_NAME = "it or what its try has collected has no name, so they may be one"
NO_TAKA = "it is no positive amount of taka"
OWED_FOR_BREAK = "a decision about a break owes or has paid money beside its try, which may be this"


@dataclass(frozen=True, slots=True)
class FurtherMovement:
    """A further movement to be booked: the provider's name of it, its amount, and the entry."""

    provider_transaction: str
    amount: Money
    entry: Entry


@dataclass(frozen=True, slots=True)
class UnbookedMovement:
    """Money that a connector tells under a try and that no account has; `why` says why it was not booked."""

    provider_transaction: str
    amount: Money
    why: str


def owed_for_break(movement: FurtherMovement) -> UnbookedMovement:
    """A movement that could be booked, and is not while finance owes money beside its try for a break."""
    return UnbookedMovement(movement.provider_transaction, movement.amount, OWED_FOR_BREAK)


def is_other_movement(finding: TryFinding, provider_transaction: str) -> bool:
    """Whether a finding is about other money than the movement that its try has collected under this name."""
    if not isinstance(finding, MoneyCollected):
        return False
    return finding.judged.collected.provider_transaction != provider_transaction


def movements_beside(
    finding: TryFinding, connector_id: str, first: str | None
) -> list[FurtherMovement | UnbookedMovement]:
    """Every movement that a finding tells beside what its try has collected, or collects by it.

    `first` is the provider's name of that, empty where it has none, and None where the try has collected
    nothing: then the finding's own movement is what the try is about, and only the others are beside it.
    """
    match finding:
        case MoneyCollected(judged=judged, charge_basis_points=basis_points):
            return list(_beside(judged.collected, connector_id, first, basis_points))
        case MoneyHeld(money=money):
            told = (*(() if first is None else (money,)), *money.further, *money.unproven)
            return [_unproven(other) for other in told if other.provider_transaction != first]
        case _:
            return []


def name_of_own_movement(finding: TryFinding, plan: TryPlan) -> str | None:
    """The provider's name of what a try collects by a plan, empty where it has none; None for nothing."""
    if not isinstance(finding, MoneyCollected) or plan.collected is None:
        return None
    return finding.judged.collected.provider_transaction


def own_movement_left_over(finding: TryFinding, plan: TryPlan, *, is_known: bool) -> UnbookedMovement | None:
    """The finding's own movement where its plan neither books it nor has a review look at it.

    `is_known`: it counts elsewhere already.
    """
    is_left = plan.collected is None and not plan.events and not is_known
    if not isinstance(finding, MoneyCollected) or not is_left:
        return None
    own = finding.judged.collected
    return UnbookedMovement(own.provider_transaction, own.amount, NO_TAKA)


def _beside(
    collected: Collected, connector_id: str, first: str | None, basis_points: int
) -> Iterator[FurtherMovement | UnbookedMovement]:
    proven = (*(() if first is None else (collected,)), *collected.further)
    for other in proven:
        if other.provider_transaction != first:
            yield _proven(other, connector_id, first, basis_points)
    for other in collected.unproven:
        if other.provider_transaction != first:
            yield _unproven(other)


def _proven(
    other: Collected, connector_id: str, first: str | None, basis_points: int
) -> FurtherMovement | UnbookedMovement:
    name, amount = other.provider_transaction, other.amount
    if first is None:
        return UnbookedMovement(name, amount, NO_FIRST)
    if not name or not first:
        return UnbookedMovement(name, amount, NO_NAME)
    if amount.currency != BDT or amount.minor <= 0:
        return UnbookedMovement(name, amount, NO_TAKA)
    fee = connector_fee_of(amount, basis_points)
    return FurtherMovement(name, amount, collected_without_payment_entry(connector_id, amount, fee))


def _unproven(other: Collected) -> UnbookedMovement:
    return UnbookedMovement(other.provider_transaction, other.amount, HELD_OR_UNCONFIRMED)
