"""The merchant's document of a payment, posted as IPN and returned by get-status.

Its keys are in the order of ekpay-merchant-api.md 2.4 and present in every state, since live clients index
them unchecked (3.3). A leaf that was a text in every recorded row is a text always, empty where nothing is
known, since clients call methods on it; only a leaf that was recorded as null may be null. docs/adr/0046
decides what no source records.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.merchant import MerchantCode, code_of
from ekpay_switch.domain.money import format_taka
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.merchants import Funding, MerchantPayment, OrderText

Block = dict[str, str | None]
Document = dict[str, str | Block | None]

NOTHING_PROVIDED = "NOTHING PROVIDED"
_CARD = "card"
_DETAILS: Mapping[MerchantCode, str] = MappingProxyType(
    {
        MerchantCode.SUCCESS: "Transaction completed successfully",
        MerchantCode.FAILED: "Transaction failed",
        MerchantCode.CANCELLED: "Transaction cancelled",
        MerchantCode.PENDING: "Transaction is pending",
        MerchantCode.NOT_FOUND: "Transaction not found",
    }
)
_CUSTOMER = ("cust_id", "cust_name", "cust_mobo_no", "cust_email", "cust_mail_addr")
_BASIC = ("mer_reg_id", "ipn_info", "redirect_to", "dgtl_sign", "ord_desc", "remarks")
_TRANSACTION = (
    "trnx_amt", "trnx_id", "mer_trnx_id", "curr", "pi_trnx_id", "pi_charge", "ekpay_charge", "pi_discount",
    "discount", "promo_discount", "total_ser_chrg", "total_pabl_amt",
)  # fmt: skip
_INSTRUMENT = ("pay_timestamp", "pi_name", "pi_type", "pi_number", "pi_gateway", "card_holder_name")
# Recorded as null; every other leaf was a text in each recorded row.
_NULLABLE = frozenset({"scroll_no", "remarks", "pi_charge", "pi_discount", "discount", "promo_discount"})
_SPACED_ZONE = re.compile(r"GMT\s*\+\s*(?=[0-9])")
# Fields that only the merchant's own servers see, by block. Any of them may name a person: merchants write
# phone numbers into the order's text, and cust_id is often one (docs/adr/0084).
_PERSONAL = MappingProxyType(
    {
        "basic_Info": ("ord_desc",),
        "cust_info": _CUSTOMER,
        "pi_det_info": ("pi_number", "card_holder_name"),
    }
)
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Instrument:
    """The payer's instrument as a merchant sees it; `kind` is the connector's own.

    `gateway` is what ekPay calls the route to it: `bKash-msbksh` (LIVE).
    """

    name: str
    kind: str
    gateway: str


InstrumentOf = Callable[[str], Instrument]


def instrument_lookup(connectors: Connectors) -> InstrumentOf:
    """A function that finds a connector's instrument by its id; a missing connector is named by its id."""

    def instrument(connector_id: str) -> Instrument:
        connector = connectors.by_id(connector_id)
        if connector is None:
            return Instrument(connector_id, "", connector_id)
        profile = connector.profile
        gateway = profile.ekpay_gateway or f"{profile.name_en}-{profile.id}"
        return Instrument(profile.name_en, profile.instrument, gateway)

    return instrument


def payment_document(payment: MerchantPayment, token: str, instrument_of: InstrumentOf) -> Document:
    """The document of a payment as it is now; `token` is the payment's secure token."""
    code, order = code_of(payment.state, payment.refusal), payment.text.order
    # The funding is shown for a success only: nothing else may look paid (3.4).
    funding = payment.funding if code is MerchantCode.SUCCESS else None
    return {
        "secure_token": token,
        "msg_code": code.value,
        "msg_det": _DETAILS[code],
        "req_timestamp": readable_timestamp(order.get("req_timestamp") or ""),
        "basic_Info": _basic(payment, code),
        "cust_info": {name: order.get(name) or "" for name in _CUSTOMER},
        "scroll_no": None,
        "trnx_info": _transaction(payment, funding),
        "pi_det_info": _instrument(funding, instrument_of),
    }


def not_found_document() -> Document:
    """The document of a payment that does not exist, or is not for the caller: empty but for its code."""
    code = MerchantCode.NOT_FOUND
    return {
        "secure_token": "",
        "msg_code": code.value,
        "msg_det": _DETAILS[code],
        "req_timestamp": "",
        "basic_Info": _empty_block(_BASIC),
        "cust_info": _empty_block(_CUSTOMER),
        "scroll_no": None,
        "trnx_info": _empty_block(_TRANSACTION),
        "pi_det_info": _empty_block(_INSTRUMENT),
    }


def mask_document(full_document: Document) -> Document:
    """The document for callers from outside the merchant's own addresses.

    The redirect and IPN addresses are left out too: a merchant may keep a secret in either (3.2).
    """
    hidden = {
        block: _hide_fields(_get_block(full_document, block), names) for block, names in _PERSONAL.items()
    }
    channel = (hidden["basic_Info"]["ipn_info"] or "").partition(",")[0]
    return {
        **full_document,
        **hidden,
        "secure_token": "",
        "basic_Info": hidden["basic_Info"]
        | {"ipn_info": f"{channel},{_HIDDEN},{_HIDDEN}", "redirect_to": ""},
    }


def ekpay_timestamp(instant: datetime) -> str:
    """An instant as ekPay writes it: `2022-03-27 13:37:41 GMT+06:00`."""
    return in_dhaka(instant).strftime("%Y-%m-%d %H:%M:%S GMT+06:00")


def readable_timestamp(written: str) -> str:
    """A merchant's time without spaces in its zone: strict parsers fail on `GMT + 6` (2.4)."""
    return _SPACED_ZONE.sub("GMT+", written)


def plain_taka(minor: int) -> str:
    """Paisa as taka without trailing zeros, as ekPay writes its sums: `1.5`, `102`, `0.05` (2.4)."""
    return format_taka(minor).rstrip("0").rstrip(".")


def _basic(payment: MerchantPayment, code: MerchantCode) -> Block:
    text = payment.text
    return {
        "mer_reg_id": payment.mer_reg_id,
        "ipn_info": f"{text.ipn_channel},{text.ipn_email},{text.ipn_uri}",
        "redirect_to": _redirect_address(text, code),
        "dgtl_sign": "WEB",
        "ord_desc": text.order.get("ord_det") or "",
        "remarks": None,
    }


def _redirect_address(text: OrderText, code: MerchantCode) -> str:
    """The address that the payer is redirected to with this result, empty while there is no result."""
    addresses = {
        MerchantCode.SUCCESS: text.s_uri,
        MerchantCode.FAILED: text.f_uri,
        MerchantCode.CANCELLED: text.c_uri,
    }
    return addresses.get(code, "")


def _transaction(payment: MerchantPayment, funding: Funding | None) -> Block:
    order = payment.text.order
    return {
        "trnx_amt": order.get("trnx_amt") or "",
        "trnx_id": payment.ekpay_trnx_id,
        "mer_trnx_id": payment.text.trnx_id,
        "curr": order.get("trnx_currency") or "",
        "pi_trnx_id": funding.transaction if funding else "",
        **_charges(payment.sums),
    }


def _charges(sums: Sums) -> Block:
    """The charges on top of the price; an instrument without a charge reads null (LIVE)."""
    ours = sums.fee.minor + sums.vat.minor
    return {
        "pi_charge": plain_taka(sums.charge.minor) if sums.charge.minor else None,
        "ekpay_charge": plain_taka(ours),
        "pi_discount": None,
        "discount": None,
        "promo_discount": None,
        "total_ser_chrg": plain_taka(sums.charge.minor + ours),
        "total_pabl_amt": plain_taka(sums.total.minor),
    }


def _instrument(funding: Funding | None, instrument_of: InstrumentOf) -> Block:
    """The instrument that funded the payment."""
    if funding is None:
        return _empty_block(_INSTRUMENT)
    instrument = instrument_of(funding.connector_id)
    number = funding.facts.get("payer_account") if instrument.kind == _CARD else None
    return {
        "pay_timestamp": ekpay_timestamp(funding.collected_at),
        "pi_name": instrument.name,
        "pi_type": funding.connector_id,
        "pi_number": number or NOTHING_PROVIDED,
        "pi_gateway": instrument.gateway,
        "card_holder_name": NOTHING_PROVIDED,
    }


def _empty_block(names: tuple[str, ...]) -> Block:
    return {name: None if name in _NULLABLE else "" for name in names}


def _get_block(full_document: Document, name: str) -> Block:
    block = full_document[name]
    assert isinstance(block, dict), "a document of a payment has every block"
    return block


def _hide_fields(block: Block, names: tuple[str, ...]) -> Block:
    return block | {name: _hidden(block[name]) for name in names}


def _hidden(text: str | None) -> str | None:
    """The first character of a text without its length; empty text and None stay as they are."""
    return f"{text[0]}{_HIDDEN}" if text else text
