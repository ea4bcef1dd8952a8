"""The sum that a page of the checkout names: what the payer is or was debited, charges included.

Every heading, button and list of the checkout takes it from here, so that no page shows a price for a sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ekpay_switch.domain.money import Money
from ekpay_switch.flows.merchants.offers import Offer
from ekpay_switch.ports.merchants import MerchantPayment


@dataclass(frozen=True, slots=True)
class PayerSum:
    """Whole paisa; a range while it depends on the instrument that the payer will choose."""

    least: Money
    most: Money


def payer_sum(payment: MerchantPayment, offered: Sequence[Offer] = ()) -> PayerSum | None:
    """What this payment takes from its payer; None where nothing was chosen and nothing can be.

    Where instruments are offered it is their totals, else the total of the try that brought the money, or of
    the newest one.
    """
    totals = [offer.total for offer in offered if offer.why_not is None]
    if not totals and payment.tries:
        totals = [payment.sums.total]
    return PayerSum(min(totals), max(totals)) if totals else None
