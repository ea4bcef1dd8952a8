"""Further movements: money that a connector has under a try beside the movement that the try collected.

A try collects money once. Another movement under it is booked into suspense and owed to its payer at once,
since no payment waits for it (docs/adr/0075).
"""

from dataclasses import dataclass

from ekpay_switch.domain.collections.connector_calls import Collected, connector_fee_of
from ekpay_switch.domain.collections.funding import MoneyCollected, TryFinding
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import collected_without_payment_entry
from ekpay_switch.domain.money import BDT, Money


@dataclass(frozen=True, slots=True)
class FurtherMovement:
    """A further movement to be booked: the provider's name of it, its amount, and the entry."""

    provider_transaction: str
    amount: Money
    entry: Entry


def is_other_movement(finding: TryFinding, provider_transaction: str) -> bool:
    """Whether a finding is about other money than the movement that its try has collected under this name."""
    if not isinstance(finding, MoneyCollected):
        return False
    return finding.judged.collected.provider_transaction != provider_transaction


def further_movement_of(
    finding: TryFinding, connector_id: str, provider_transaction: str
) -> FurtherMovement | None:
    """The further movement that a finding proves; `provider_transaction` is what the try has collected.

    None where nothing can be booked: both movements need a name, or they may be one, and only a positive
    amount of taka is posted.
    """
    if not isinstance(finding, MoneyCollected) or not is_other_movement(finding, provider_transaction):
        return None
    collected, basis_points = finding.judged.collected, finding.charge_basis_points
    return further_movement(collected, connector_id, provider_transaction, basis_points)


def further_movement(
    further: Collected, connector_id: str, provider_transaction: str, charge_basis_points: int
) -> FurtherMovement | None:
    """A movement beside the one that a try has collected under this name; None where none can be booked."""
    name, amount = further.provider_transaction, further.amount
    if not name or name == provider_transaction or not provider_transaction:
        return None
    if amount.currency != BDT or amount.minor <= 0:
        return None
    fee = connector_fee_of(amount, charge_basis_points)
    return FurtherMovement(name, amount, collected_without_payment_entry(connector_id, amount, fee))
