"""What a chargeback row of a settlement file means, by the disputes of the same money (docs/adr/0101).

The row says that the connector has taken money. It opens a dispute, or a further round of one; the money
itself is recorded by two persons, as for every dispute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ekpay_switch.domain.disputes.dispute import AGAINST_US, OPEN, DisputeState
from ekpay_switch.domain.money import Money


class ChargebackRowOutcome(StrEnum):
    """What became of a chargeback row; the comment of each member is its meaning."""

    OPENED = "opened"  # it has opened a dispute
    ROUND_OPENED = "round_opened"  # it has opened a further round of a dispute that was won
    KNOWN = "known"  # a dispute or a chargeback has its name already
    IS_MONEY_OF_DISPUTE = "is_money_of_dispute"  # a dispute of its amount waits for its money
    NO_PAYMENT = "no_payment"  # the connector collected nothing under its reference
    OTHER_CURRENCY = "other_currency"  # the payment has another currency
    BEYOND_PAYMENT = "beyond_payment"  # no so much is left of what was collected
    NAME_TAKEN = "name_taken"  # its name is that of a dispute of other money, or of another amount


_STANDING = (*OPEN, *AGAINST_US)


@dataclass(frozen=True, slots=True)
class StandingDispute:
    """A dispute of the same collection; `amount` is in paisa, `has_money` once its chargeback is recorded.

    `is_from_file`: a row of a settlement file has opened it.
    """

    id: int
    amount: int
    state: DisputeState
    has_money: bool
    is_from_file: bool = False

    @property
    def is_standing(self) -> bool:
        """Whether it was neither won nor settled in another way."""
        return self.state in _STANDING

    @property
    def awaits_money(self) -> bool:
        """Whether its money is still to be recorded."""
        return self.is_standing and not self.has_money


@dataclass(frozen=True, slots=True)
class DisputedCollection:
    """What a connector collected, what chargebacks took of it, and its disputes, the oldest first."""

    collected: Money
    charged_back: Money
    disputes: Sequence[StandingDispute]

    @property
    def disputable_amount(self) -> Money:
        """What can still be taken, in paisa, without what disputes wait for."""
        awaited = sum(dispute.amount for dispute in self.disputes if dispute.awaits_money)
        taken = self.charged_back.minor + awaited
        return Money(self.collected.minor - taken, self.collected.currency)


def dispute_of_row(amount: Money, collection: DisputedCollection) -> StandingDispute | None:
    """The dispute that a file has opened already for what a notice under another name is about, if any.

    So it is where the amount is the same and no so much is left for a second dispute.
    """
    if amount <= collection.disputable_amount:
        return None
    alike = (dispute for dispute in collection.disputes if dispute.amount == amount.minor)
    return next((dispute for dispute in alike if dispute.is_from_file and dispute.is_standing), None)


def chargeback_row_outcome(
    amount: Money, collection: DisputedCollection
) -> tuple[ChargebackRowOutcome, StandingDispute | None]:
    """What a row of a name that nothing has yet does, and the dispute that it belongs to, if one stands.

    Where the amount of a dispute fits, one that waits for its money comes first, then the newest that was
    won. Refunds do not limit it: a chargeback after a refund takes money a second time, and is disputed too.
    """
    if amount.currency != collection.collected.currency:
        return ChargebackRowOutcome.OTHER_CURRENCY, None
    alike = [dispute for dispute in collection.disputes if dispute.amount == amount.minor]
    for dispute in alike:
        if dispute.awaits_money:
            return ChargebackRowOutcome.IS_MONEY_OF_DISPUTE, dispute
    if amount > collection.disputable_amount:
        return ChargebackRowOutcome.BEYOND_PAYMENT, None
    for dispute in reversed(alike):
        if dispute.state is DisputeState.WON:
            return ChargebackRowOutcome.ROUND_OPENED, dispute
    return ChargebackRowOutcome.OPENED, None
