"""What flows need of merchants and their payments, as protocols; `persistence` implements them.

A merchant payment is a collected payment whose payee is a merchant: its tries, refunds and postings go
through `ports.collections` like any other. This module has the rest: the order as the merchant wrote it, its
token, its page, its shares.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.cart import Cart
from ekpay_switch.domain.merchants.merchant import ChargesOnRefund, PayeeKind, Share, plain_http_hosts
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant with its agreement and credentials.

    `pass_key_hashes` are the valid ones, the newest first. `fee_plan` is a payee name of config/fees.toml.
    `instruments` are the kinds and connector ids that it accepts, None for all.
    `return_hosts` are the hosts (`host` or `host:port`) that payers and IPNs may go to; `networks` are the
    addresses its servers call from, in CIDR notation. Above `refund_limit` a refund takes two persons. An
    order ends after `refusals_max` refusals of instruments, or `order_minutes` after it came. Where
    `insecure_ipns` two persons have agreed to IPNs over plain http.
    """

    partner_id: str
    mer_reg_id: str
    name_en: str
    name_bn: str
    lane: int
    is_active: bool
    pass_key_hashes: tuple[bytes, ...] = field(repr=False)
    fee_plan: str
    charges_on_refund: ChargesOnRefund
    instruments: frozenset[str] | None
    return_hosts: frozenset[str]
    networks: tuple[str, ...]
    refund_limit: Money
    debt_limit: Money
    refusals_max: int = 5
    order_minutes: int = 500
    insecure_ipns: bool = False

    @property
    def plain_ipn_hosts(self) -> frozenset[str]:
        """Where its IPNs may go without https, as `host:port`; empty unless two persons have agreed to it."""
        return plain_http_hosts(self.return_hosts) if self.insecure_ipns else frozenset()


@dataclass(frozen=True, slots=True)
class Payee:
    """A registered payee of a merchant, which may have a share of its payments."""

    code: str
    kind: PayeeKind
    name: str


class Merchants(Protocol):
    """The merchants, as far as their payments need them."""

    async def by_reg_id(self, mer_reg_id: str) -> Merchant | None:
        """The active merchant of this registration id, or None."""
        ...

    async def by_partner(self, partner_id: str) -> Merchant | None:
        """The merchant that this partner is, active or not, or None."""
        ...

    async def payees(self, partner_id: str, codes: Collection[str]) -> Mapping[str, Payee]:
        """The active registered payees with these codes, by code."""
        ...


@dataclass(frozen=True, slots=True)
class OrderText:
    """A merchant's order as written, echoed byte for byte, with numbers as they were spelled.

    None is a field that was missing or null. `order` has the fields of ekpay-merchant-api.md 1.2 that come
    back in a status or an IPN, under their wire names: cust_id, cust_name, cust_mobo_no, cust_email,
    cust_mail_addr, trnx_amt, trnx_currency, ord_id, ord_det, req_timestamp; and `lang`, the language of its
    payer, where the merchant named it, and `payer_mobile`, cust_mobo_no in ASCII digits, where it
    came in Bangla ones. `cart` is what is bought, None where the merchant did not say.
    """

    trnx_id: str
    order: Mapping[str, str | None]
    s_uri: str
    f_uri: str
    c_uri: str
    ipn_channel: str
    ipn_email: str
    ipn_uri: str
    cart: Cart | None = None


@dataclass(frozen=True, slots=True)
class NewMerchantPayment:
    """A merchant payment before it is stored.

    `fingerprint` covers what a repeat must equal: all but req_timestamp and mac_addr. `checkout_reference` is
    unguessable and names the page. `trnx_id` of `text` is the merchant's; `ekpay_trnx_id` is ours, 17
    characters (ekpay-merchant-api.md 2.4). `token_expires_at` is when its token and its quote expire, in
    whole seconds UTC. Nothing is charged yet: each try has its own price.
    """

    payment_id: UUID
    partner_id: str
    lane: int
    text: OrderText
    amount: Money
    fingerprint: bytes
    checkout_reference: str
    ekpay_trnx_id: str
    token_expires_at: datetime
    return_url: str
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class TryLine:
    """One try as the payer's page needs it; `total` is the price on its page.

    `page_url` is empty where no page was opened; `page_until` is when it lapses at the provider.
    `is_held`: the provider holds the payer's money for its risk.
    """

    attempt_id: UUID
    reference: str
    connector_id: str
    state: TryState
    end: TryEnd | None
    why: str
    page_url: str
    page_until: datetime | None
    opened_at: datetime
    executes_begun: int
    next_look_at: datetime | None
    total: Money
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Funding:
    """How a payment was funded; `transaction` is the provider's name of the movement of money."""

    connector_id: str
    transaction: str
    collected_at: datetime
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MerchantPayment:
    """A stored merchant payment.

    `sums` are those of the try that funded it, or of its newest one; without a try nothing is charged.
    `refunded` is what has been given back or is on its way, without what is held for a dispute. `tries` are
    all of them, the oldest first.
    `payee_names` are those of the shares by payee code.
    `is_told` says that the merchant accepted the IPN about its end, or that there is none to send;
    `ipn_tries` counts the sends. `read_at` is the database's now.
    """

    payment_id: UUID
    partner_id: str
    lane: int
    mer_reg_id: str
    merchant_en: str
    merchant_bn: str
    text: OrderText
    amount: Money
    sums: Sums
    fingerprint: bytes
    state: State
    refusal: Refusal | None
    steps: int
    checkout_reference: str
    ekpay_trnx_id: str
    token_expires_at: datetime
    created_at: datetime
    updated_at: datetime
    read_at: datetime
    tries: tuple[TryLine, ...]
    shares: tuple[Share, ...]
    refunded: Money
    funding: Funding | None = None
    is_told: bool = False
    ipn_tries: int = 0
    payee_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MerchantOpened:
    """The payment is stored; `is_repeat` where the same order came before."""

    payment: MerchantPayment
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class TrnxIdTaken:
    """The merchant's trnx_id was used before with other content; nothing was written."""


class MerchantPayments(Protocol):
    """Stored merchant payments; each call is one short transaction."""

    async def open(self, new: NewMerchantPayment) -> MerchantOpened | TrnxIdTaken:
        """Record the payment, durable on return, or find the stored one of its trnx_id."""
        ...

    async def by_id(self, payment_id: UUID) -> MerchantPayment | None:
        """The payment, or None where there is none or it is no merchant's."""
        ...

    async def by_order(self, partner_id: str, trnx_id: str) -> MerchantPayment | None:
        """The merchant's payment of this trnx_id, or None."""
        ...

    async def by_checkout(self, checkout_reference: str) -> MerchantPayment | None:
        """The payment of this page, or None."""
        ...

    async def by_trnx_id(self, trnx_id: str, limit: int = 10) -> Sequence[MerchantPayment]:
        """Payments of any merchant under this trnx_id, the newest first: a status call names no merchant."""
        ...
