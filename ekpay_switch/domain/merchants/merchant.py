"""Merchants as payees: what they agreed to, the shares of a payment, and the codes that their API speaks.

A merchant is a partner that sells (docs/adr/0044). Its payment has no biller: the money is credited to it, or
to the shares that it named, in the transaction that collects it (architecture.md 4 and 6).
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal

MERCHANT = "merchant"
_PREFIX = f"{MERCHANT}:"


class ChargesOnRefund(StrEnum):
    """What happens to the payer's charges at a refund, by the merchant's agreement."""

    RETAINED = "kept"  # not refunded
    RETURNED = "returned"  # refunded in proportion to the price


class PayeeKind(StrEnum):
    """Who may have a share of a merchant's payment beside the merchant itself."""

    SELLER = "seller"
    DELIVERY = "delivery"
    AGENT = "agent"  # of a union digital centre: its share is a commission


class MerchantCode(StrEnum):
    """The result codes of the merchant API (ekpay-merchant-api.md 2.5); PENDING is ours."""

    ISSUED = "1000"
    FAILURE = "1001"
    SUCCESS = "1020"
    FAILED = "1021"
    CANCELLED = "1022"
    PENDING = "1023"
    NOT_FOUND = "404"


@dataclass(frozen=True, slots=True)
class Share:
    """One part of what a merchant payment is credited to; `payee` is empty for the merchant itself.

    `kind` is None there. All shares of a payment sum to its amount.
    """

    payee: str
    kind: PayeeKind | None
    amount: Money


def payee_of(partner_id: str) -> str:
    """The value that takes the place of a biller's id in a merchant's payments."""
    return f"{_PREFIX}{partner_id}"


def plain_http_hosts(return_hosts: Collection[str]) -> frozenset[str]:
    """A merchant's hosts as `host:port` for plain http: one that is listed without a port is its port 80."""
    return frozenset(host if ":" in host else f"{host}:80" for host in return_hosts)


def is_merchant(biller_id: str) -> bool:
    """Whether a payment goes to a merchant, by the value in the place of its biller's id."""
    return biller_id.startswith(_PREFIX)


def share_account(partner_id: str, share: Share) -> str:
    """The ledger account that a share is credited to."""
    if share.kind is None:
        return f"payable:{_PREFIX}{partner_id}"
    kind = "commission_payable" if share.kind is PayeeKind.AGENT else "payable"
    return f"{kind}:{_PREFIX}{partner_id}:{share.payee}"


def code_of(state: State, refusal: Refusal | None) -> MerchantCode:
    """The code of a payment in the merchant API; only a success reads so (ekpay-merchant-api.md 3.4)."""
    match state:
        case State.COMPLETED:
            return MerchantCode.SUCCESS
        case State.DECLINED:
            return MerchantCode.CANCELLED if refusal is Refusal.CANCELLED else MerchantCode.FAILED
        case State.EXPIRED | State.REFUNDED:
            return MerchantCode.FAILED
        case State.CREATED | State.COLLECTING | State.FUNDED | State.DELIVERING | State.IN_REVIEW:
            return MerchantCode.PENDING
        case State.REFUNDING:
            return MerchantCode.PENDING
        case _:
            assert_never(state)
