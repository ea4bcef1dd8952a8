"""The bodies of REST v1, checked at the edge: exact types, exact ranges, nothing unknown.

Numbers arrive as the text that was sent (`strict_json.Number`), so that `1e3` and `100.0` are no integers,
and no number is taken for a text. Card numbers in text are masked, those in names refused; the parameters of
a bill are judged by its biller's forms (docs/adr/0084).
"""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from ekpay_switch.api.card_texts import CARDS_MASKED, CARDS_REFUSED
from ekpay_switch.api.strict_json import Number
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.edge_kit.return_urls import LENGTH_MAX

AMOUNT_MAX = 10**12
PARAMETERS_MAX = 20
TEXT_LENGTH_MAX = 200
_DIGITS_MAX = 13
_INTEGER = re.compile(rf"-?(?:0|[1-9][0-9]{{0,{_DIGITS_MAX - 1}}})", re.ASCII)
# Control characters, line separators, and what turns the direction of the text around it.
_INVISIBLE = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"


def _refuse_number(value: object) -> object:
    if isinstance(value, Number):
        raise PydanticCustomError("wrong_type", "a number is no text")
    return value


def _whole_paisa(value: object) -> int:
    if not isinstance(value, Number):
        raise PydanticCustomError("not_an_integer", "not a JSON integer")
    if not _INTEGER.fullmatch(value):
        is_integer = value.removeprefix("-").isdecimal()
        raise PydanticCustomError("out_of_range" if is_integer else "not_an_integer", "not such an integer")
    amount = int(value)
    if not 1 <= amount <= AMOUNT_MAX:
        raise PydanticCustomError("out_of_range", "not within the range")
    return amount


def _text(pattern: str, length_max: int = TEXT_LENGTH_MAX) -> StringConstraints:
    return StringConstraints(strict=True, pattern=pattern, max_length=length_max)


Amount = Annotated[
    int,
    BeforeValidator(_whole_paisa),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": AMOUNT_MAX}),
]
Name = Annotated[str, _text("^[a-z][a-z0-9_-]*$", 64), BeforeValidator(_refuse_number)]
VisibleText = Annotated[str, _text(f"^[^{_INVISIBLE}]*$"), BeforeValidator(_refuse_number)]
Reason = Annotated[str, _text(f"^[^{_INVISIBLE}]+$"), BeforeValidator(_refuse_number), CARDS_MASKED]
Currency = Annotated[str, _text("^[A-Z]{3}$", 3), BeforeValidator(_refuse_number)]
Url = Annotated[str, _text("^", LENGTH_MAX), BeforeValidator(_refuse_number), CARDS_REFUSED]
Lang = Literal["bn", "en"] | None
LANG = Field(default=None, description="The language that the payer reads, told to providers that take it.")


class Message(BaseModel):
    """A body; what is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class PaymentMessage(Message):
    """`POST /v1/payments`; `amount` in whole paisa."""

    biller: Name = Field(description="The biller's id, such as `b025`.")
    parameters: Annotated[dict[Name, VisibleText], Field(max_length=PARAMETERS_MAX)] = Field(
        description="What names the bill, as in the biller's manifest; ASCII digits."
    )
    amount: Amount = Field(description="In paisa, equal to the fetched bill; 100.0 and 1e3 are refused.")
    currency: Literal["BDT"]
    instrument: Name = Field(description="A connector, such as `bkash`, or one that we route: `card`.")
    return_url: Url = Field(description="Where the payer comes back to; its host is listed by your API key.")
    lang: Lang = LANG

    @property
    def payer_language(self) -> PayerLanguage | None:
        """The language that the payer reads, where the message names it."""
        return None if self.lang is None else PayerLanguage(self.lang)


class TryMessage(Message):
    """`POST /v1/payments/{id}/tries`."""

    instrument: Name = Field(description="A connector, or one that we route, then at the same charge.")
    lang: Lang = LANG

    @property
    def payer_language(self) -> PayerLanguage | None:
        """The language that the payer reads, where the message names it."""
        return None if self.lang is None else PayerLanguage(self.lang)


class CancelMessage(Message):
    """`POST /v1/payments/{id}/cancel`, for callers that cannot send an empty body."""


class RefundMessage(Message):
    """`POST /v1/payments/{id}/refunds`; `amount` in whole paisa."""

    amount: Amount = Field(description="What goes back, in paisa; 100.0 and 1e3 are refused.")
    currency: Currency = Field(description="The payment's own.")
    reason: Reason = Field(description="A line for the payer and for finance.")
