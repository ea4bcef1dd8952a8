"""The agreement with a merchant, and its form in JSON, as records of changes and requests hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ekpay_switch.domain.merchants.merchant import ChargesOnRefund
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.merchants import Merchant


@dataclass(frozen=True, slots=True)
class Agreement:
    """The terms of a merchant's agreement, which may change; fields as in `ports.merchants.Merchant`."""

    name_en: str
    name_bn: str
    return_hosts: frozenset[str]
    networks: tuple[str, ...]
    instruments: frozenset[str] | None = None
    fee_plan: str = "*"
    charges_on_refund: ChargesOnRefund = ChargesOnRefund.RETAINED
    refund_limit: Money = field(default=Money(0))
    debt_limit: Money = field(default=Money(0))
    refusals_max: int = 5
    order_minutes: int = 500


def agreement_of(merchant: Merchant) -> Agreement:
    """The agreement of the merchant."""
    return Agreement(**{agreed.name: getattr(merchant, agreed.name) for agreed in fields(Agreement)})


def agreement_from(document: Mapping[str, Any]) -> Agreement:
    """The agreement that `agreement_document` wrote."""
    instruments = document["instruments"]
    return Agreement(
        name_en=document["name_en"],
        name_bn=document["name_bn"],
        return_hosts=frozenset(document["return_hosts"]),
        networks=tuple(document["networks"]),
        instruments=None if instruments is None else frozenset(instruments),
        fee_plan=document["fee_plan"],
        charges_on_refund=ChargesOnRefund(document["charges_on_refund"]),
        refund_limit=Money(document["refund_limit"]),
        debt_limit=Money(document["debt_limit"]),
        refusals_max=document["refusals_max"],
        order_minutes=document["order_minutes"],
    )


def agreement_document(agreement: Agreement) -> dict[str, object]:
    """The agreement in JSON: sets in order, amounts in whole paisa."""
    return {
        "name_en": agreement.name_en,
        "name_bn": agreement.name_bn,
        "return_hosts": sorted(agreement.return_hosts),
        "networks": list(agreement.networks),
        "instruments": None if agreement.instruments is None else sorted(agreement.instruments),
        "fee_plan": agreement.fee_plan,
        "charges_on_refund": str(agreement.charges_on_refund),
        "refund_limit": agreement.refund_limit.minor,
        "debt_limit": agreement.debt_limit.minor,
        "refusals_max": agreement.refusals_max,
        "order_minutes": agreement.order_minutes,
    }


_NO_TERMS = Agreement("", "", frozenset(), ())


def terms_document(terms: Mapping[str, Any]) -> dict[str, object]:
    """Some fields of an agreement in JSON."""
    document = agreement_document(replace(_NO_TERMS, **terms))
    return {name: document[name] for name in terms}


def terms_from(document: Mapping[str, Any]) -> dict[str, object]:
    """The fields that `terms_document` wrote."""
    agreement = agreement_from({**agreement_document(_NO_TERMS), **document})
    return {name: getattr(agreement, name) for name in document}
