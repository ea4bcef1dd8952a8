"""What a house says to a call; the family puts it into its own words.

A verdict is an order, a refund, or what is told of one; or else a refusal.
"""

from dataclasses import dataclass
from enum import StrEnum

from sandbox.kit.provider.orders import Order, Refund, State


class Refusal(StrEnum):
    """Why a call was not carried out; nothing has changed."""

    UNKNOWN = "unknown"
    """There is no such order or refund."""
    DUPLICATE = "duplicate"
    """The reference was used before; for ever."""
    REFUSED = "refused"
    """The house does not want it, whatever it is."""
    NOT_AGREED = "not_agreed"
    """The payer has not confirmed."""
    OVER = "over"
    """The order was declined, cancelled, or has expired."""
    DECLINED = "declined"
    """The money could not be taken, just now; `order.reason` says why."""
    NOT_PAID = "not_paid"
    """What was never paid cannot be given back."""
    NO_REFUNDS = "no_refunds"
    """This house gives nothing back."""
    NOT_IN_PARTS = "not_in_parts"
    """This house gives back the whole or nothing."""
    TOO_MUCH = "too_much"
    """More than is left of what was paid, or nothing at all."""
    TOO_MANY = "too_many"
    """So many refunds of one payment are not given."""
    TOO_LATE = "too_late"
    """The payment is too old."""


@dataclass(frozen=True, slots=True)
class Told:
    """An order as the answers tell it, which for some payers is not as it is."""

    order: Order
    state: State
    amount_paisa: int
    currency: str

    @property
    def is_pending(self) -> bool:
        """Whether the payer is still expected, or has agreed and nothing is decided."""
        return self.state in {State.OPENED, State.AGREED}


@dataclass(frozen=True, slots=True)
class Returned:
    """A refund, allowed now or, if `is_repeat`, by an earlier call of the same reference."""

    order: Order
    refund: Refund
    is_repeat: bool = False
