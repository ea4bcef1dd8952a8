"""Opening a merchant's payment from its order: shares, checkout page, record (architecture.md 4).

No connector is asked here. The payer comes to the page later and chooses an instrument there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.merchants.merchant import Share
from ekpay_switch.domain.money import Money, total
from ekpay_switch.ports.merchants import (
    Merchant,
    MerchantOpened,
    MerchantPayment,
    NewMerchantPayment,
    OrderText,
    TrnxIdTaken,
)
from ekpay_switch.ports.world import World
from ekpay_switch.security.identifiers import random_text, unguessable, uuid7

CHECKOUT_PATH = "/pay/checkout"
# As in REST v1: ten thousand million taka.
AMOUNT_MAX = Money(10**12)
LINES_MAX = 50
_HEX_DIGITS, _HEX_LENGTH = "0123456789abcdef", 5


@dataclass(frozen=True, slots=True)
class SplitLine:
    """One line of `settlement_split`; `payee` is empty for the merchant itself."""

    payee: str
    amount: Money


@dataclass(frozen=True, slots=True)
class MerchantOrder:
    """An order as read from a request; addresses and mobile number are checked already.

    `split` is None where the merchant named no shares. `fingerprint` covers what a repeat must equal.
    """

    text: OrderText
    amount: Money
    fingerprint: bytes
    split: tuple[SplitLine, ...] | None = None


class OrderRefusal(StrEnum):
    """Why an order was refused; nothing was written."""

    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    SPLIT_DOES_NOT_ADD_UP = "split_does_not_add_up"
    UNKNOWN_PAYEE = "unknown_payee"
    CART_DOES_NOT_ADD_UP = "cart_does_not_add_up"
    OTHER_CONTENT = "other_content"  # the trnx_id was used before with another order
    TOKEN_ENDED = "token_ended"  # noqa: S105 - the same order came before, and its token has expired


@dataclass(frozen=True, slots=True)
class OpenedOrder:
    """The payment is stored; its token is valid for `token_left_seconds` from now."""

    payment: MerchantPayment
    token_left_seconds: int
    is_repeat: bool = False


async def open_merchant_payment(
    merchant: Merchant, order: MerchantOrder, world: World
) -> OpenedOrder | OrderRefusal:
    """Record the payment with its shares, durable on return; a repeated order finds the stored payment."""
    refusal = _sum_refusal(order)
    if refusal is not None:
        return refusal
    now = world.clock.now()
    shares = await _shares(merchant, order, world)
    if isinstance(shares, OrderRefusal):
        # An order that was accepted once stays accepted, even if a payee has changed meanwhile.
        known = await world.merchant_payments.by_order(merchant.partner_id, order.text.trnx_id)
        if known is None or known.fingerprint != order.fingerprint:
            return shares
        return _opened_order(known, now, is_repeat=True)
    opened = await world.merchant_payments.open(_new_payment(merchant, order, shares, now, world))
    match opened:
        case TrnxIdTaken():
            return OrderRefusal.OTHER_CONTENT
        case MerchantOpened(payment=payment, is_repeat=is_repeat):
            return _opened_order(payment, now, is_repeat=is_repeat)
        case _:
            assert_never(opened)


def _sum_refusal(order: MerchantOrder) -> OrderRefusal | None:
    """Why the amount cannot be, as far as the order alone says it; None where it can."""
    if not 0 < order.amount.minor <= AMOUNT_MAX.minor:
        return OrderRefusal.AMOUNT_OUT_OF_RANGE
    cart = order.text.cart
    return None if cart is None or cart.amount == order.amount else OrderRefusal.CART_DOES_NOT_ADD_UP


def _opened_order(payment: MerchantPayment, now: datetime, *, is_repeat: bool) -> OpenedOrder | OrderRefusal:
    """The answer to an order; seconds are rounded up, so that every new token shows the same life."""
    left_seconds = -((now - payment.token_expires_at) // timedelta(seconds=1))
    return OpenedOrder(payment, left_seconds, is_repeat) if left_seconds > 0 else OrderRefusal.TOKEN_ENDED


async def _shares(merchant: Merchant, order: MerchantOrder, world: World) -> tuple[Share, ...] | OrderRefusal:
    """Who is credited with what, in the order in which the merchant named them."""
    if order.split is None:
        return (Share("", None, order.amount),)
    if not _adds_up(order.split, order.amount):
        return OrderRefusal.SPLIT_DOES_NOT_ADD_UP
    codes = {line.payee for line in order.split if line.payee}
    payees = await world.merchants.payees(merchant.partner_id, codes) if codes else {}
    if codes != payees.keys():
        return OrderRefusal.UNKNOWN_PAYEE
    return tuple(
        Share(line.payee, payees[line.payee].kind if line.payee else None, line.amount)
        for line in order.split
    )


def _adds_up(lines: tuple[SplitLine, ...], amount: Money) -> bool:
    """Whether each payee occurs once, with a positive amount, and all lines sum to the amount."""
    return (
        0 < len(lines) <= LINES_MAX
        and len({line.payee for line in lines}) == len(lines)
        and all(line.amount.minor > 0 for line in lines)
        and total(line.amount for line in lines) == amount
    )


def _new_payment(
    merchant: Merchant, order: MerchantOrder, shares: tuple[Share, ...], now: datetime, world: World
) -> NewMerchantPayment:
    checkout_reference = unguessable()
    return NewMerchantPayment(
        payment_id=uuid7(),
        partner_id=merchant.partner_id,
        lane=merchant.lane,
        text=order.text,
        amount=order.amount,
        fingerprint=order.fingerprint,
        checkout_reference=checkout_reference,
        ekpay_trnx_id=_ekpay_trnx_id(now),
        token_expires_at=now.replace(microsecond=0) + timedelta(minutes=merchant.order_minutes),
        return_url=f"{world.public_url}{CHECKOUT_PATH}/{checkout_reference}",
        shares=shares,
    )


def _ekpay_trnx_id(now: datetime) -> str:
    """Our name of the payment as ekPay writes it: `yyMMddHHmmss` in Dhaka and five lower-case hex digits."""
    return f"{in_dhaka(now):%y%m%d%H%M%S}{random_text(_HEX_DIGITS, _HEX_LENGTH)}"
