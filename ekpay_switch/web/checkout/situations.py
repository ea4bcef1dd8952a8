"""The situation of a merchant's payment for its payer, and where it leads back to: from the books alone.

What a browser brings never changes it. A shop may take the arrival at its success page for proof, so nobody
is sent there before the payment is completed and the shop was notified (ekpay-merchant-api.md 3.1).
"""

import re
from datetime import timedelta
from enum import StrEnum
from typing import assert_never
from urllib.parse import urlsplit

from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.collections.funding import TryState
from ekpay_switch.domain.merchants.merchant import MerchantCode, code_of
from ekpay_switch.domain.payment import State
from ekpay_switch.edge_kit.return_urls import with_trans_id
from ekpay_switch.flows.merchants.checkout import open_try_of
from ekpay_switch.ports.merchants import MerchantPayment, TryLine

# An IPN that was tried once, or is this old, is not waited for any longer.
SHOP_NOTIFIED_SECONDS = 8
# Later the payer has come back to read, and is not redirected while reading.
LEAVING_SECONDS_MAX = 600
# The order was checked for it; checked again because the address is put into a header.
_ADDRESS = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+", re.ASCII)


class Situation(StrEnum):
    """What the payer's page is about; the words are those of the templates' texts."""

    CHOOSE = "choose"  # nothing is open: the payer chooses
    OPENING = "opening"  # a page is being asked for
    AT_PROVIDER = "at_provider"  # a page is open; whether it was paid is not known
    ASKING = "asking"  # an execute was begun: the money may or may not have moved
    RECEIVED = "received"  # the money is here, and not yet credited
    PAID = "paid"
    REVIEW = "review"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OVER = "over"  # the time to pay is over, and the books have yet to say so
    EXPIRED = "expired"
    GOES_BACK = "goes_back"  # the money is on its way back
    GIVEN_BACK = "given_back"


# Everything that was debited goes back to the payer, charges included.
RETURNED = frozenset({Situation.GOES_BACK, Situation.GIVEN_BACK})
# What became of each bill of a cart stands on the page of the cart.
_SHOWN_BY_CART = frozenset({Situation.PAID, Situation.REVIEW, *RETURNED})
WAITING = frozenset({Situation.OPENING, Situation.AT_PROVIDER, Situation.ASKING, Situation.RECEIVED})


def situation_of(payment: MerchantPayment) -> Situation:
    """The situation of a payment."""
    match payment.state:
        case State.CREATED:
            return Situation.OVER if is_over(payment) else Situation.CHOOSE
        case State.COLLECTING:
            return _while_collecting(payment)
        case State.DECLINED:
            is_cancelled = code_of(payment.state, payment.refusal) is MerchantCode.CANCELLED
            return Situation.CANCELLED if is_cancelled else Situation.FAILED
        case (
            State.FUNDED
            | State.DELIVERING
            | State.COMPLETED
            | State.EXPIRED
            | State.REFUNDING
            | State.REFUNDED
            | State.IN_REVIEW
        ):
            return _OF_STATE[payment.state]
        case _:
            assert_never(payment.state)


_OF_STATE = {
    State.FUNDED: Situation.RECEIVED,
    State.DELIVERING: Situation.RECEIVED,
    State.COMPLETED: Situation.PAID,
    State.EXPIRED: Situation.EXPIRED,
    State.REFUNDING: Situation.GOES_BACK,
    State.REFUNDED: Situation.GIVEN_BACK,
    State.IN_REVIEW: Situation.REVIEW,
}


def _while_collecting(payment: MerchantPayment) -> Situation:
    current_try = open_try_of(payment)
    if current_try is None or current_try.executes_begun or current_try.is_held:
        return Situation.ASKING
    return Situation.AT_PROVIDER if current_try.page_url else Situation.OPENING


def is_over(payment: MerchantPayment) -> bool:
    """Whether the time to pay is over: no page is opened or linked any more."""
    return payment.read_at >= payment.token_expires_at


def last_refusal(payment: MerchantPayment) -> TryLine | None:
    """The try that came to nothing last, where the payer has to choose again because of it."""
    newest = payment.tries[-1] if payment.tries else None
    return newest if newest is not None and newest.state is TryState.CLOSED else None


def way_back(payment: MerchantPayment) -> str | None:
    """The shop's page for how the payment ended, once the shop was notified.

    None as well where money was given back since: a shop that takes its success page for proof would hand
    out goods for nothing. The page of a cart of bills proves nothing to anybody and reads from our books what
    became of each bill, so it stays open when some of them are given back.
    """
    uri = _uri_of(payment)
    if uri is None or not is_shop_notified(payment):
        return None
    url = with_trans_id(uri, payment.text.trnx_id)
    return url if _ADDRESS.fullmatch(url) else None


def payee_home(payment: MerchantPayment) -> str:
    """The front page of the payee, where a payer may begin another payment; empty where it has none."""
    place = urlsplit(payment.text.s_uri)
    url = f"{place.scheme}://{place.netloc}/"
    return url if _ADDRESS.fullmatch(url) else ""


def is_shop_notified(payment: MerchantPayment) -> bool:
    """Whether the shop was notified how the payment ended, or had its time to be."""
    return payment.is_told or payment.ipn_tries > 0 or _ended_seconds_ago(payment) >= SHOP_NOTIFIED_SECONDS


def leaves_by_itself(payment: MerchantPayment) -> bool:
    """Whether the payment ended lately, so that its payer waits to be redirected to the shop."""
    return _ended_seconds_ago(payment) < LEAVING_SECONDS_MAX


def _ended_seconds_ago(payment: MerchantPayment) -> float:
    return (payment.read_at - payment.updated_at) / timedelta(seconds=1)


def _uri_of(payment: MerchantPayment) -> str | None:
    text, situation = payment.text, situation_of(payment)
    if payment.partner_id == PORTAL and situation in _SHOWN_BY_CART:
        return text.s_uri
    match situation:
        case Situation.PAID:
            return None if payment.refunded.minor else text.s_uri
        case Situation.CANCELLED:
            return text.c_uri
        case Situation.FAILED | Situation.EXPIRED | Situation.GIVEN_BACK:
            return text.f_uri
        case _:
            return None
