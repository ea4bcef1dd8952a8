"""Finds the payment of a status call, and how much of it the caller may see, from our own database alone.

The call has no pass key, names the payment by the merchant's own trnx_id and perhaps no merchant
(ekpay-merchant-api.md 1.5). So the caller's address decides: a merchant's own servers see everything, others
who know trnx_id and day see that the payment exists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.flows.merchants.merchant_callers import is_listed
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.ports.world import World

# How many merchants' payments with the same trnx_id are considered.
CANDIDATES_MAX = 20


@dataclass(frozen=True, slots=True)
class StatusQuestion:
    """A status call; `day` is None where it named none, `address` is the caller's."""

    trnx_id: str
    username: str
    day: date | None
    address: str


@dataclass(frozen=True, slots=True)
class StatusFound:
    """The payment; `is_own` says that the caller is one of its merchant's servers."""

    payment: MerchantPayment
    is_own: bool


async def find_status(question: StatusQuestion, world: World) -> StatusFound | None:
    """The payment that the call names; None where there is none, or more than one.

    A wrong day does not hide a payment from its merchant's own servers: clients differ in which day they
    send.
    """
    candidates = await _candidates(question, world)
    own = [payment for payment in candidates if await _is_own(payment, question.address, world)]
    if len(own) == 1:
        return StatusFound(own[0], is_own=True)
    of_that_day = [payment for payment in own or candidates if question.day in _days(payment)]
    return StatusFound(of_that_day[0], is_own=bool(own)) if len(of_that_day) == 1 else None


async def _candidates(question: StatusQuestion, world: World) -> Sequence[MerchantPayment]:
    """The payments that may match; an unknown user name is ignored, since one client misspells its own."""
    username = question.username
    merchant = await world.merchants.by_reg_id(username) if username else None
    if merchant is None:
        return await world.merchant_payments.by_trnx_id(question.trnx_id, CANDIDATES_MAX)
    payment = await world.merchant_payments.by_order(merchant.partner_id, question.trnx_id)
    return [] if payment is None else [payment]


async def _is_own(payment: MerchantPayment, address: str, world: World) -> bool:
    merchant = await world.merchants.by_partner(payment.partner_id)
    return merchant is not None and is_listed(address, merchant.networks)


def _days(payment: MerchantPayment) -> set[date]:
    """The Dhaka days that clients are known to send: of the order and of the collection."""
    moments = [payment.created_at, *([payment.funding.collected_at] if payment.funding else [])]
    return {business_date(moment) for moment in moments}
