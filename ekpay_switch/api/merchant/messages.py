"""The two request messages, checked at the edge (ekpay-merchant-api.md 1.2 and 1.5).

Unknown members are ignored at every level, since real clients send more than they need. A value may be a text
or a number wherever some client sends it so; it is kept as it was spelled (`strict_json.Number`). A card
number in text is masked, one in a name or an address is refused (docs/adr/0084).
"""

import re
import unicodedata
from datetime import date
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from ekpay_switch.api.card_texts import CARDS_MASKED, CARDS_REFUSED
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import ZERO, Money, parse_taka
from ekpay_switch.flows.merchants.open_merchant_payment import LINES_MAX

TEXT_LENGTH_MAX = 2_000
# More than any address may have, so that one which is too long is refused as an address.
_URI_LENGTH_MAX = 4_000
# What survives being pasted into a query as it is, as all clients do with it (1.3).
_TRNX_ID = r"^[A-Za-z0-9._~:/@=-]+$"
_QUANTITY = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?", re.ASCII)
# Pages show so much of a foreign text and no more (`web.display_text`).
_SHOWN_LENGTH_MAX = 200
# Control characters, invisible formats, surrogates, line and paragraph ends; Bangla needs two of them.
_NOT_SHOWN, _JOINERS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"}), "\u200c\u200d"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _require_text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", "neither text nor number")
    return str(value)


def _text_or_none(value: object) -> str | None:
    return None if value is None else _require_text(value)


def _text_or_empty(value: object) -> str:
    return "" if value is None else _require_text(value)


def _taka(value: object) -> Money:
    try:
        return parse_taka(_require_text(value))
    except MalformedAmountError:
        raise PydanticCustomError("malformed", "not an amount") from None


def _day(value: object) -> date | None:
    text = _text_or_empty(value)
    if not text:
        return None
    if not _DAY.fullmatch(text):
        raise PydanticCustomError("malformed", "not a day")
    return date.fromisoformat(text)


def _one_line(text: str) -> str:
    """The text as it is; one that would be shown otherwise than it was sent is refused."""
    if any(unicodedata.category(letter) in _NOT_SHOWN and letter not in _JOINERS for letter in text):
        raise PydanticCustomError("malformed", "a control character")
    if not text.strip():
        raise PydanticCustomError("malformed", "empty")
    return text


def _line_or_empty(value: object) -> str:
    text = _text_or_empty(value)
    return _one_line(text) if text else ""


def _quantity(value: object) -> str:
    text = _require_text(value)
    if not _QUANTITY.fullmatch(text) or not text.strip("0."):
        raise PydanticCustomError("malformed", "no quantity")
    return text


def _taka_or_nothing(value: object) -> Money:
    return ZERO if value is None else _taka(value)


def _length(least: int, most: int = TEXT_LENGTH_MAX) -> StringConstraints:
    return StringConstraints(min_length=least, max_length=most)


_TAKA_TEXT = r"^[0-9]{1,13}(\.[0-9]{1,2})?$"
_TAKA_SCHEMA = {"type": ["string", "number"], "pattern": _TAKA_TEXT, "minimum": 0.01}
RequiredText = Annotated[str, BeforeValidator(_require_text), _length(1), CARDS_MASKED]
AnyText = Annotated[str, BeforeValidator(_require_text), _length(0)]
# Judged after who sends it, by the order's own reading.
AmountText = Annotated[str, BeforeValidator(_require_text), _length(0), WithJsonSchema(_TAKA_SCHEMA)]
OptionalText = Annotated[Annotated[str, _length(0), CARDS_MASKED] | None, BeforeValidator(_text_or_none)]
TextOrEmpty = Annotated[str, BeforeValidator(_text_or_empty), _length(0), CARDS_MASKED]
# By these the merchant finds its records again, so they come back as they were sent or not at all.
OwnName = Annotated[Annotated[str, _length(0), CARDS_REFUSED] | None, BeforeValidator(_text_or_none)]
Uri = Annotated[str, BeforeValidator(_require_text), _length(0, _URI_LENGTH_MAX), CARDS_REFUSED]
Taka = Annotated[Money, BeforeValidator(_taka), WithJsonSchema(_TAKA_SCHEMA)]
CartTaka = Annotated[Money, BeforeValidator(_taka), WithJsonSchema(_TAKA_SCHEMA | {"minimum": 0})]
TakaOrNothing = Annotated[
    Money, BeforeValidator(_taka_or_nothing), WithJsonSchema(_TAKA_SCHEMA | {"minimum": 0})
]
ShownText = Annotated[
    str,
    BeforeValidator(_require_text),
    _length(1, _SHOWN_LENGTH_MAX),
    AfterValidator(_one_line),
    CARDS_MASKED,
]
ShownTextOrEmpty = Annotated[
    str, BeforeValidator(_line_or_empty), _length(0, _SHOWN_LENGTH_MAX), CARDS_MASKED
]
Quantity = Annotated[
    str,
    BeforeValidator(_quantity),
    WithJsonSchema(
        {"type": ["string", "number"], "pattern": f"^{_QUANTITY.pattern}$", "exclusiveMinimum": 0}
    ),
]
Day = Annotated[date | None, BeforeValidator(_day)]
TrnxId = Annotated[
    str,
    BeforeValidator(_require_text),
    StringConstraints(pattern=_TRNX_ID, min_length=1, max_length=64),
    CARDS_REFUSED,
    WithJsonSchema({"type": ["string", "number"], "pattern": _TRNX_ID, "minLength": 1, "maxLength": 64}),
]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, strict=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class MerchantPart(_Part):
    """`mer_info`: who calls."""

    mer_reg_id: Annotated[str, BeforeValidator(_require_text), _length(1, 64)]
    mer_pas_key: Annotated[str, BeforeValidator(_require_text), _length(1, 256)] = Field(repr=False)


class CallerPart(_Part):
    """What is read of an order before its caller is known."""

    mer_info: MerchantPart


class AddressPart(_Part):
    """`feed_uri`: where the payer is sent afterwards."""

    s_uri: Uri
    f_uri: Uri
    c_uri: Uri


class CustomerPart(_Part):
    """`cust_info`: who pays."""

    cust_id: OwnName = None
    cust_name: RequiredText
    cust_mobo_no: AnyText
    cust_email: OptionalText = None
    cust_mail_addr: OptionalText = None


class TransactionPart(_Part):
    """`trns_info`: what is paid."""

    trnx_id: TrnxId
    trnx_amt: AmountText
    trnx_currency: Literal["BDT"]
    ord_id: OwnName = None
    ord_det: OptionalText = None


class IpnPart(_Part):
    """`ipn_info`: who is told what became of it; channels 1 and 3 ask for a message to `ipn_uri`."""

    ipn_channel: Annotated[Literal["0", "1", "2", "3"], BeforeValidator(_require_text)]
    ipn_email: TextOrEmpty = ""
    ipn_uri: Annotated[str, BeforeValidator(_text_or_empty), _length(0, _URI_LENGTH_MAX), CARDS_REFUSED] = ""


class SplitPart(_Part):
    """One line of `settlement_split`, ours; without a payee it is the merchant's own."""

    payee: Annotated[str, BeforeValidator(_text_or_empty), _length(0, 64)] = ""
    amount: Taka


class CartLinePart(_Part):
    """One good of `checkout_cart`, ours; `amount` is that of the whole quantity."""

    name: ShownText
    quantity: Quantity = "1"
    amount: CartTaka


class DeliveryPart(_Part):
    """How the goods of `checkout_cart` come to the payer, ours."""

    charge: TakaOrNothing = ZERO
    carrier: ShownTextOrEmpty = ""
    expected: ShownTextOrEmpty = ""
    address: ShownTextOrEmpty = ""


class CartPart(_Part):
    """`checkout_cart`, ours: what the payer reads; lines and delivery less discount are `trnx_amt`."""

    lines: Annotated[list[CartLinePart], Field(min_length=1, max_length=LINES_MAX)]
    discount: TakaOrNothing = ZERO
    delivery: DeliveryPart | None = None


class OrderMessage(_Part):
    """`merchant-api`."""

    req_timestamp: Annotated[str, BeforeValidator(_require_text), _length(1, 64), CARDS_MASKED]
    feed_uri: AddressPart
    cust_info: CustomerPart
    trns_info: TransactionPart
    ipn_info: IpnPart
    lang: Literal["bn", "en"] | None = None
    settlement_split: Annotated[list[SplitPart], Field(min_length=1, max_length=LINES_MAX)] | None = None
    checkout_cart: CartPart | None = None


class StatusMessage(_Part):
    """`get-status`."""

    trnx_id: Annotated[str, BeforeValidator(_require_text), _length(1, 256)]
    trans_date: Day = None
    username: TextOrEmpty = ""
