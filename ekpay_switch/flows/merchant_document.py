"""What a merchant is told of a payment: one document, posted as IPN and answered by get-status.

Its keys stand in the order of ekpay-merchant-api.md 2.4, every leaf is a text or null, and every block is
there in every state, since live clients index them unasked (3.3). What no source records is decided in
docs/adr/0046.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants import MerchantCode, code_of
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
_SPACED_ZONE = re.compile(r"GMT\s*\+\s*(?=[0-9])")
# What only the merchant's own servers are shown, by block; cust_id finds a record and stays.
_PERSONAL = MappingProxyType(
    {
        "cust_info": ("cust_name", "cust_mobo_no", "cust_email", "cust_mail_addr"),
        "pi_det_info": ("pi_number", "card_holder_name"),
    }
)
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a payer paid with, as far as a merchant is told; `kind` is the connector's own."""

    name: str
    kind: str


InstrumentOf = Callable[[str], Instrument]


def instruments_of(connectors: Connectors) -> InstrumentOf:
    """How to find the instrument of a connector by its id; one that is gone is called by its id."""

    def instrument(connector_id: str) -> Instrument:
        connector = connectors.by_id(connector_id)
        if connector is None:
            return Instrument(connector_id, "")
        return Instrument(connector.profile.name_en, connector.profile.instrument)

    return instrument


def document(payment: MerchantPayment, token: str, instrument_of: InstrumentOf) -> Document:
    """The document of a payment as it stands; `token` is the payment's secure token."""
    code, order = code_of(payment.state, payment.refusal), payment.text.order
    # Unless it was a success, what brought money is not told: nothing else may look paid (3.4).
    funding = payment.funding if code is MerchantCode.SUCCESS else None
    return {
        "secure_token": token,
        "msg_code": code.value,
        "msg_det": _DETAILS[code],
        "req_timestamp": readable(order.get("req_timestamp")),
        "basic_Info": _basic(payment, code),
        "cust_info": {name: order.get(name) for name in _CUSTOMER},
        "scroll_no": None,
        "trnx_info": _transaction(payment, funding),
        "pi_det_info": _instrument(funding, instrument_of),
    }


def not_found() -> Document:
    """What is said of a payment that is not there, or that the caller may not know of."""
    code = MerchantCode.NOT_FOUND
    return {"msg_code": code.value, "msg_det": _DETAILS[code]}


def masked(told: Document) -> Document:
    """The document for whoever calls from elsewhere than the merchant's own addresses.

    Where the payer is sent and the IPN is posted is left out too: a merchant may keep a secret in either
    address (3.2).
    """
    basic = _block(told, "basic_Info")
    channel = (basic["ipn_info"] or "").partition(",")[0]
    return {
        **told,
        "secure_token": None,
        "basic_Info": {**basic, "ipn_info": f"{channel},{_HIDDEN},{_HIDDEN}", "redirect_to": None},
        **{block: _with_hidden(_block(told, block), names) for block, names in _PERSONAL.items()},
    }


def stamp(instant: datetime) -> str:
    """An instant as ekPay writes it: `2022-03-27 13:37:41 GMT+06:00`."""
    return in_dhaka(instant).strftime("%Y-%m-%d %H:%M:%S GMT+06:00")


def readable(written: str | None) -> str | None:
    """A merchant's time with its zone in one piece: strict readers stumble over `GMT + 6` (2.4)."""
    return None if written is None else _SPACED_ZONE.sub("GMT+", written)


def plain_taka(minor: int) -> str:
    """Paisa as taka without idle zeros, as ekPay writes what it adds up: `1.5`, `102`, `0.05` (2.4)."""
    return format_taka(minor).rstrip("0").rstrip(".")


def _basic(payment: MerchantPayment, code: MerchantCode) -> Block:
    text = payment.text
    return {
        "mer_reg_id": payment.mer_reg_id,
        "ipn_info": f"{text.ipn_channel},{text.ipn_email},{text.ipn_uri}",
        "redirect_to": _redirect(text, code),
        "dgtl_sign": "WEB",
        "ord_desc": text.order.get("ord_det"),
        "remarks": None,
    }


def _redirect(text: OrderText, code: MerchantCode) -> str | None:
    """Where the payer is sent with this result; nowhere as long as there is none."""
    found = {
        MerchantCode.SUCCESS: text.s_uri,
        MerchantCode.FAILED: text.f_uri,
        MerchantCode.CANCELLED: text.c_uri,
    }
    return found.get(code)


def _transaction(payment: MerchantPayment, funding: Funding | None) -> Block:
    order = payment.text.order
    return {
        "trnx_amt": order.get("trnx_amt"),
        "trnx_id": payment.ekpay_trnx_id,
        "mer_trnx_id": payment.text.trnx_id,
        "curr": order.get("trnx_currency"),
        "pi_trnx_id": funding.transaction if funding else None,
        **_charges(payment.sums),
    }


def _charges(sums: Sums) -> Block:
    """What the payer gives beside the price; an instrument that takes nothing reads null (LIVE)."""
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
    """What brought the money."""
    if funding is None:
        names = ("pay_timestamp", "pi_name", "pi_type", "pi_number", "pi_gateway", "card_holder_name")
        return dict.fromkeys(names)
    instrument = instrument_of(funding.connector_id)
    is_card = instrument.kind == _CARD
    number = funding.facts.get("payer_account") if is_card else None
    return {
        "pay_timestamp": stamp(funding.collected_at),
        "pi_name": instrument.name,
        "pi_type": funding.connector_id,
        "pi_number": number or NOTHING_PROVIDED,
        "pi_gateway": None,
        "card_holder_name": None if is_card else NOTHING_PROVIDED,
    }


def _block(told: Document, name: str) -> Block:
    found = told[name]
    assert isinstance(found, dict), "a document of a payment has every block"
    return found


def _with_hidden(block: Block, names: tuple[str, ...]) -> Block:
    return block | {name: _hidden(block[name]) for name in names}


def _hidden(text: str | None) -> str | None:
    """The first sign of a text and nothing of its length; what is empty may be seen to be."""
    return f"{text[0]}{_HIDDEN}" if text else text
