"""Merchants over a small world: two of them, what they order, and payments as they may stand."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.merchant import ChargesOnRefund, PayeeKind, Share
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import State
from ekpay_switch.ports.merchants import (
    Funding,
    Merchant,
    MerchantOpened,
    MerchantPayment,
    NewMerchantPayment,
    OrderText,
    Payee,
    TrnxIdTaken,
)
from ekpay_switch.ports.world import Clock
from ekpay_switch.security.pass_keys import hash_pass_key
from tests.factories import a_world
from tests.fakes.merchants import FakeMerchantPayments
from tests.fakes.world import NOON

Content = dict[str, Any]
KEY, OLD_KEY = "a key that opens nothing", "an older key that opens nothing"
SERVER, ELSEWHERE = "192.0.2.7", "198.51.100.9"
ORDER: Content = {
    "mer_info": {"mer_reg_id": "shop_test", "mer_pas_key": KEY},
    "req_timestamp": "2026-03-01 12:00:00 GMT+6",
    "feed_uri": {
        "s_uri": "https://shop.example/done?appid=7",
        "f_uri": "https://shop.example/failed",
        "c_uri": "https://shop.example/#/cancelled",
    },
    "cust_info": {
        "cust_id": 1042,
        "cust_name": "Rahela Khatun",
        "cust_mobo_no": "+8801712345678",
        "cust_email": "",
        "cust_mail_addr": "12 Mirpur Road, Dhaka",
    },
    "trns_info": {
        "trnx_id": "1709272800",
        "trnx_amt": "100.00",
        "trnx_currency": "BDT",
        "ord_id": "7",
        "ord_det": "একটি শাড়ি",
    },
    "ipn_info": {"ipn_channel": "3", "ipn_email": "ipn@shop.example", "ipn_uri": "https://shop.example/ipn"},
    "mac_addr": "1.1.1.1",
}
SELLER = Payee("SELLER-1", PayeeKind.SELLER, "Rupa Store")
AGENT = Payee("UDC-0042", PayeeKind.AGENT, "Union digital centre 42")
A_TEXT = OrderText(
    trnx_id="1709272800",
    order={
        "cust_id": "1042",
        "cust_name": "Rahela Khatun",
        "cust_mobo_no": "+8801712345678",
        "cust_email": "",
        "cust_mail_addr": None,
        "trnx_amt": "100.00",
        "trnx_currency": "BDT",
        "ord_id": "7",
        "ord_det": "একটি শাড়ি",
        "req_timestamp": "2026-03-01 12:00:00 GMT+6",
    },
    s_uri="https://shop.example/done?appid=7",
    f_uri="https://shop.example/failed",
    c_uri="https://shop.example/#/cancelled",
    ipn_channel="3",
    ipn_email="ipn@shop.example",
    ipn_uri="https://shop.example/ipn",
)
BY_BKASH = Funding(
    "bkash",
    "7BC90XYZ12",
    datetime(2026, 3, 1, 6, 5, 41, tzinfo=UTC),
    {"payer_account": "*******5678"},
)


def as_bytes(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def an_order(changes: Mapping[str, Mapping[str, object]] | None = None, **members: object) -> Content:
    """What a merchant sends; `changes` are made inside the blocks, `members` beside them."""
    order = deepcopy(ORDER)
    for block, fields in (changes or {}).items():
        order[block] |= fields
    return order | members


def a_merchant(name: str = "shop", network: str = "192.0.2.0/28") -> Merchant:
    return Merchant(
        partner_id=name,
        mer_reg_id=f"{name}_test",
        name_en=f"{name} Ltd.",
        name_bn="দোকান",
        lane=3,
        is_active=True,
        pass_key_hashes=(hash_pass_key(KEY), hash_pass_key(OLD_KEY)),
        fee_plan="merchant",
        charges_on_refund=ChargesOnRefund.RETAINED,
        instruments=None,
        return_hosts=frozenset({f"{name}.example", "localhost:3000"}),
        networks=(network, "2001:db8::/64"),
        refund_limit=Money(500_000),
        debt_limit=Money(100_000),
    )


def a_payment(number: int = 1, **changes: Any) -> MerchantPayment:  # noqa: ANN401 - fields of MerchantPayment
    """A payment of the shop that waits for its payer."""
    payment = MerchantPayment(
        payment_id=UUID(int=number),
        partner_id="shop",
        lane=3,
        mer_reg_id="shop_test",
        merchant_en="shop Ltd.",
        merchant_bn="দোকান",
        text=A_TEXT,
        amount=Money(10_000),
        sums=Sums(Money(10_000), ZERO, ZERO, ZERO),
        fingerprint=b"the order",
        state=State.CREATED,
        refusal=None,
        steps=1,
        checkout_reference=f"CHECKOUT{number:018d}",
        ekpay_trnx_id="2603011200000a1b2",
        token_expires_at=NOON + timedelta(seconds=30_000),
        created_at=NOON,
        updated_at=NOON,
        read_at=NOON,
        tries=(),
        shares=(Share("", None, Money(10_000)),),
        refunded=ZERO,
    )
    return replace(payment, **changes)


@dataclass
class OrderBook(FakeMerchantPayments):
    """The books as far as opening goes; `clock` is the database's."""

    clock: Clock = field(kw_only=True)
    news: list[NewMerchantPayment] = field(default_factory=list)

    async def by_order(self, partner_id: str, trnx_id: str) -> MerchantPayment | None:
        found = (one for one in self.payments.values() if one.text.trnx_id == trnx_id)
        return next((one for one in found if one.partner_id == partner_id), None)

    async def open(self, new: NewMerchantPayment) -> MerchantOpened | TrnxIdTaken:
        standing = await self.by_order(new.partner_id, new.text.trnx_id)
        if standing is not None:
            is_same = standing.fingerprint == new.fingerprint
            return MerchantOpened(standing, is_repeat=True) if is_same else TrnxIdTaken()
        self.news.append(new)
        now = self.clock.now()
        payment = a_payment(
            payment_id=new.payment_id,
            partner_id=new.partner_id,
            lane=new.lane,
            mer_reg_id=f"{new.partner_id}_test",
            text=new.text,
            amount=new.amount,
            sums=Sums(new.amount, ZERO, ZERO, ZERO),
            fingerprint=new.fingerprint,
            checkout_reference=new.checkout_reference,
            ekpay_trnx_id=new.ekpay_trnx_id,
            token_expires_at=new.token_expires_at,
            created_at=now,
            updated_at=now,
            read_at=now,
            shares=new.shares,
        )
        self.payments[new.payment_id] = payment
        return MerchantOpened(payment)


class Market:
    """The world of two merchants; the shop has two payees."""

    def __init__(self, book: type[OrderBook] = OrderBook) -> None:
        self.small = a_world()
        self.book = book(clock=self.small.clock)
        self.world = replace(self.small.world, merchant_payments=self.book)
        self.shop = self.add(a_merchant())
        self.other = self.add(a_merchant("other", "203.0.113.0/24"))
        self.small.merchants.registered["shop"] = {one.code: one for one in (SELLER, AGENT)}

    def add(self, merchant: Merchant) -> Merchant:
        self.small.merchants.merchants[merchant.partner_id] = merchant
        return merchant

    def stands(self, payment: MerchantPayment) -> MerchantPayment:
        """Put a payment into the books, in whatever state."""
        self.book.payments[payment.payment_id] = payment
        return payment
