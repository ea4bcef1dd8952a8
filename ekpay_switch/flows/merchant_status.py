"""Which payment a status call means, and how much of it its caller may see; answered from our books alone.

The call has no pass key, names the payment by the merchant's own trnx_id and perhaps no merchant
(ekpay-merchant-api.md 1.5). So the caller's address decides: a merchant's own servers see everything,
whoever else knows trnx_id and day sees that the payment stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.flows.merchant_callers import is_listed
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.ports.world import World

# How many merchants may have used one trnx_id before a call has to say which of them it means.
CANDIDATES_MAX = 20


@dataclass(frozen=True, slots=True)
class StatusQuestion:
    """A status call; `day` is None where it named none, `address` is where it came from."""

    trnx_id: str
    username: str
    day: date | None
    address: str


@dataclass(frozen=True, slots=True)
class StatusFound:
    """The payment; `is_own` says that one of its merchant's servers asks."""

    payment: MerchantPayment
    is_own: bool


async def find_status(question: StatusQuestion, world: World) -> StatusFound | None:
    """The one payment that is meant; None where there is none, or more than one.

    A day never hides a payment from its merchant's own servers: clients differ in which day they send.
    """
    candidates = await _candidates(question, world)
    own = [one for one in candidates if await _is_own(one, question.address, world)]
    if len(own) == 1:
        return StatusFound(own[0], is_own=True)
    of_that_day = [one for one in own or candidates if question.day in _days(one)]
    return StatusFound(of_that_day[0], is_own=bool(own)) if len(of_that_day) == 1 else None


async def _candidates(question: StatusQuestion, world: World) -> Sequence[MerchantPayment]:
    """A user name that is no merchant's is not looked at: one client is known to misspell its own."""
    username = question.username
    merchant = await world.merchants.by_reg_id(username) if username else None
    if merchant is None:
        return await world.merchant_payments.named(question.trnx_id, CANDIDATES_MAX)
    found = await world.merchant_payments.by_order(merchant.partner_id, question.trnx_id)
    return [] if found is None else [found]


async def _is_own(payment: MerchantPayment, address: str, world: World) -> bool:
    merchant = await world.merchants.by_partner(payment.partner_id)
    return merchant is not None and is_listed(address, merchant.networks)


def _days(payment: MerchantPayment) -> set[date]:
    """The Dhaka days that clients are known to send: of the order and of the money."""
    moments = [payment.created_at, *([payment.funding.collected_at] if payment.funding else [])]
    return {business_date(moment) for moment in moments}
