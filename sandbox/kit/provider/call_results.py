"""The results of calls, before a family writes them on its wire.

A result is an order, a refund, or a report of one; or else a refusal.
"""

from dataclasses import dataclass
from enum import StrEnum

from sandbox.kit.provider.orders import OrderState, ProviderOrder, ProviderRefund


class Refusal(StrEnum):
    """Why a call was not carried out; nothing has changed."""

    UNKNOWN = "unknown"
    """There is no such order or refund."""
    DUPLICATE = "duplicate"
    """The reference was used before; for ever."""
    REFUSED = "refused"
    """The institution refuses it."""
    NOT_AGREED = "not_agreed"
    """The payer has not confirmed."""
    OVER = "over"
    """The order was declined, cancelled, or has expired."""
    DECLINED = "declined"
    """The money could not be taken, just now; `order.reason` says why."""
    NOT_PAID = "not_paid"
    """What was never paid cannot be given back."""
    NO_REFUNDS = "no_refunds"
    """This institution gives nothing back."""
    NOT_IN_PARTS = "not_in_parts"
    """This institution gives back the whole or nothing."""
    TOO_MUCH = "too_much"
    """More than is left of what was paid, or nothing at all."""
    TOO_MANY = "too_many"
    """So many refunds of one payment are not given."""
    TOO_LATE = "too_late"
    """The payment is too old."""


@dataclass(frozen=True, slots=True)
class ReportedOrder:
    """An order as the answers report it, which is wrong for some magic payers."""

    order: ProviderOrder
    state: OrderState
    amount_paisa: int
    currency: str


@dataclass(frozen=True, slots=True)
class RefundResult:
    """A refund, allowed now or, if `is_repeat`, by an earlier call of the same reference."""

    order: ProviderOrder
    refund: ProviderRefund
    is_repeat: bool = False
