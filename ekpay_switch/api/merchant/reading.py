"""Reading a request of the merchant API: what it says, and what a repeat must equal; refusals are raised."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import phonenumbers
from pydantic import BaseModel, ValidationError

from ekpay_switch.api.card_texts import CARD_NUMBER
from ekpay_switch.api.merchant.messages import CartPart, OrderMessage
from ekpay_switch.api.merchant.refusals import MerchantApiError, ResponseCode
from ekpay_switch.api.strict_json import MalformedJsonError, Number, parse_object
from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.money import Money, parse_taka
from ekpay_switch.edge_kit.return_urls import listed_url_fault
from ekpay_switch.flows.merchants.open_merchant_payment import MerchantOrder, SplitLine
from ekpay_switch.ports.merchants import Merchant, OrderText
from ekpay_switch.security.card_numbers import mask_card_values

AnyMessage = TypeVar("AnyMessage", bound=BaseModel)
Members = dict[str, object]

# What differs between two sendings of one order, and the pass key, which is no part of one.
_NOT_CONTENT = frozenset({"req_timestamp", "mac_addr", "lang"})
_PASS_KEY = "mer_pas_key"  # noqa: S105 - the name of a member
_MOBILE = re.compile(r"(?:\+?88)?(01[0-9]{9})", re.ASCII)
_IPN_CHANNELS = frozenset({"1", "3"})


def read_members(body: bytes) -> Members:
    """The body as one JSON object whose numbers are still spelled as they came.

    Raises:
        RefusedError: 1024.
    """
    try:
        return parse_object(body)
    except MalformedJsonError:
        raise _malformed("the body is no JSON object") from None


def read_message(kind: type[AnyMessage], members: Members) -> AnyMessage:
    """The members as a validated message.

    Raises:
        RefusedError: 1024.
    """
    try:
        return kind.model_validate(members)
    except ValidationError as error:
        # The pydantic error holds what was sent, and must not travel on with ours.
        raise _malformed(_member_of(error)) from None


# Whether a notification may be sent to a URL, given the `host:port` that may be reached without https.
MayBeNotified = Callable[[str, frozenset[str]], bool]


def read_order(members: Members, merchant: Merchant, may_be_notified: MayBeNotified) -> MerchantOrder:
    """The order of a merchant, whose payers and IPNs go to its own hosts alone.

    Raises:
        RefusedError: 1024, 1030 or 1052, in this order.
    """
    message = read_message(OrderMessage, members)
    amount = _amount(message.trns_info.trnx_amt)
    if message.ipn_info.ipn_channel in _IPN_CHANNELS and not message.ipn_info.ipn_uri:
        raise _malformed("ipn_info.ipn_uri")
    if not is_mobile_number(message.cust_info.cust_mobo_no):
        raise MerchantApiError(ResponseCode.NO_MOBILE_NUMBER, fault="cust_info.cust_mobo_no")
    _require_addresses(message, merchant, may_be_notified)
    split = message.settlement_split
    return MerchantOrder(
        text=_text(message),
        amount=amount,
        fingerprint=fingerprint(members),
        split=None if split is None else tuple(SplitLine(line.payee, line.amount) for line in split),
    )


def is_mobile_number(text: str) -> bool:
    """Whether this is a mobile number of Bangladesh of a range in use: `01…`, `8801…` or `+8801…`.

    Its digits may be Bangla ones.
    """
    match = _MOBILE.fullmatch(fold_bangla_digits(text))
    if match is None:
        return False
    number = phonenumbers.parse(match[1], "BD")
    kind = phonenumbers.number_type(number)
    return kind == phonenumbers.PhoneNumberType.MOBILE and phonenumbers.is_valid_number(number)


def fingerprint(members: Members) -> bytes:
    """What a repeat must equal: every member, also those that we do not know, in any order.

    Card numbers are masked before: beside a masked number, a hash of the whole one would give it away.

    Raises:
        RefusedError: 1024, the members are nested too deep.
    """
    content = {name: value for name, value in members.items() if name not in _NOT_CONTENT}
    caller = content.get("mer_info")
    if isinstance(caller, Mapping):
        content["mer_info"] = {name: value for name, value in caller.items() if name != _PASS_KEY}
    try:
        return hashlib.sha256(_canonical(mask_card_values(content)).encode()).digest()
    except RecursionError:
        raise _malformed("the body is nested too deep") from None


def _canonical(value: object) -> str:
    """JSON in one spelling: names in order, numbers as they came, texts never taken for numbers."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_canonical(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_canonical(item) for item in value) + "]"
    return value if isinstance(value, Number) else json.dumps(value)


def _malformed(fault: str) -> MerchantApiError:
    return MerchantApiError(ResponseCode.MALFORMED, fault=fault)


def _member_of(error: ValidationError) -> str:
    """The first member that is wrong, and that it is a card number where that is why."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    member = ".".join(str(name) for name in first["loc"])
    return f"{member} holds a card number" if first["type"] == CARD_NUMBER else member


def _amount(text: str) -> Money:
    try:
        return parse_taka(text)
    except MalformedAmountError:
        raise _malformed("trns_info.trnx_amt") from None


def _require_addresses(message: OrderMessage, merchant: Merchant, may_be_notified: MayBeNotified) -> None:
    """Refuse a URL that is none or at a host which is not listed, and an IPN address that we never post to.

    What could not be sent later is refused now: a sale without its IPN is a sale that nobody hears of.
    """
    uris, ipn = message.feed_uri, message.ipn_info
    used = {"feed_uri.s_uri": uris.s_uri, "feed_uri.f_uri": uris.f_uri, "feed_uri.c_uri": uris.c_uri}
    for member, uri in used.items():
        if listed_url_fault(uri, merchant.return_hosts) is not None:
            raise MerchantApiError(ResponseCode.NO_VALID_URL, fault=member)
    if ipn.ipn_channel in _IPN_CHANNELS:
        plain_hosts = merchant.plain_ipn_hosts
        is_listed = listed_url_fault(ipn.ipn_uri, merchant.return_hosts | plain_hosts) is None
        if not is_listed or not may_be_notified(ipn.ipn_uri, plain_hosts):
            raise MerchantApiError(ResponseCode.NO_VALID_URL, fault="ipn_info.ipn_uri")


def _folded_mobile(sent: str) -> dict[str, str]:
    """The mobile number in ASCII digits where it came in others; what came is stored beside it and echoed."""
    folded = fold_bangla_digits(sent)
    return {} if folded == sent else {"payer_mobile": folded}


def _cart(part: CartPart) -> Cart:
    lines = tuple(CartLine(line.name, line.quantity, line.amount) for line in part.lines)
    sent = part.delivery
    delivery = None if sent is None else CartDelivery(sent.charge, sent.carrier, sent.expected, sent.address)
    return Cart(lines, part.discount, delivery)


def _text(message: OrderMessage) -> OrderText:
    customer, transaction, ipn = message.cust_info, message.trns_info, message.ipn_info
    return OrderText(
        trnx_id=transaction.trnx_id,
        order={
            "cust_id": customer.cust_id,
            "cust_name": customer.cust_name,
            "cust_mobo_no": customer.cust_mobo_no,
            "cust_email": customer.cust_email,
            "cust_mail_addr": customer.cust_mail_addr,
            "trnx_amt": transaction.trnx_amt,
            "trnx_currency": transaction.trnx_currency,
            "ord_id": transaction.ord_id,
            "ord_det": transaction.ord_det,
            "req_timestamp": message.req_timestamp,
            **({} if message.lang is None else {"lang": message.lang}),
            **_folded_mobile(customer.cust_mobo_no),
        },
        cart=None if message.checkout_cart is None else _cart(message.checkout_cart),
        s_uri=message.feed_uri.s_uri,
        f_uri=message.feed_uri.f_uri,
        c_uri=message.feed_uri.c_uri,
        ipn_channel=ipn.ipn_channel,
        ipn_email=ipn.ipn_email,
        ipn_uri=ipn.ipn_uri,
    )
