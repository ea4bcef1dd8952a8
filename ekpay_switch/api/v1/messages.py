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
from ekpay_switch.domain.scrolls.bill_file_reading import TEXT_MAX as BILL_TEXT_LENGTH_MAX
from ekpay_switch.domain.scrolls.bill_notices import BILL_NO_MAX, INSTALMENTS_MAX
from ekpay_switch.edge_kit.return_urls import LENGTH_MAX

AMOUNT_MAX = 10**12
PARAMETERS_MAX = 20
TEXT_LENGTH_MAX = 200
BILLS_MAX, CHARGE_LINES_MAX = 100, 20
DAYS_MAX = 366
_DIGITS_MAX = 13
_INTEGER = re.compile(rf"-?(?:0|[1-9][0-9]{{0,{_DIGITS_MAX - 1}}})", re.ASCII)
# Control characters, line separators, and what turns the direction of the text around it.
_INVISIBLE = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"


def _refuse_number(value: object) -> object:
    if isinstance(value, Number):
        raise PydanticCustomError("wrong_type", "a number is no text")
    return value


def _integer(least: int, most: int) -> BeforeValidator:
    """A JSON integer within these bounds, both included."""

    def _within(value: object) -> int:
        if not isinstance(value, Number):
            raise PydanticCustomError("not_an_integer", "not a JSON integer")
        if not _INTEGER.fullmatch(value):
            is_integer = value.removeprefix("-").isdecimal()
            raise PydanticCustomError(
                "out_of_range" if is_integer else "not_an_integer", "not such an integer"
            )
        number = int(value)
        if not least <= number <= most:
            raise PydanticCustomError("out_of_range", "not within the range")
        return number

    return BeforeValidator(_within)


def _integer_schema(least: int, most: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


def _text(pattern: str, length_max: int = TEXT_LENGTH_MAX) -> StringConstraints:
    return StringConstraints(strict=True, pattern=pattern, max_length=length_max)


Amount = Annotated[int, _integer(1, AMOUNT_MAX), _integer_schema(1, AMOUNT_MAX)]
AmountOrNothing = Annotated[int, _integer(0, AMOUNT_MAX), _integer_schema(0, AMOUNT_MAX)]
Instalments = Annotated[int, _integer(1, INSTALMENTS_MAX), _integer_schema(1, INSTALMENTS_MAX)]
Days = Annotated[int, _integer(1, DAYS_MAX), _integer_schema(1, DAYS_MAX)]
Name = Annotated[str, _text("^[a-z][a-z0-9_-]*$", 64), BeforeValidator(_refuse_number)]
VisibleText = Annotated[str, _text(f"^[^{_INVISIBLE}]*$"), BeforeValidator(_refuse_number)]
Reason = Annotated[str, _text(f"^[^{_INVISIBLE}]+$"), BeforeValidator(_refuse_number), CARDS_MASKED]
BillNo = Annotated[str, _text("^[A-Za-z0-9][A-Za-z0-9/_-]*$", BILL_NO_MAX), BeforeValidator(_refuse_number)]
BillText = Annotated[
    str, _text(f"^[^{_INVISIBLE}]*$", BILL_TEXT_LENGTH_MAX), BeforeValidator(_refuse_number), CARDS_MASKED
]
ChargeLabel = Annotated[str, _text("^[a-z][a-z0-9_]*$", BILL_NO_MAX), BeforeValidator(_refuse_number)]
Day = Annotated[
    str,
    _text("^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", len("2026-11-25")),
    BeforeValidator(_refuse_number),
]
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


class ChargeLineMessage(Message):
    """One part of a bill."""

    label: ChargeLabel = Field(description="Such as `house_rent`.")
    amount: AmountOrNothing = Field(description="In paisa.")


class RaisedBillMessage(Message):
    """A bill of an office; amounts in whole paisa."""

    bill_no: BillNo = Field(description="Your number of the bill, which no other bill of yours has.")
    parameters: Annotated[dict[Name, VisibleText], Field(max_length=PARAMETERS_MAX)] = Field(
        description="What a payer names the bill by, as in the biller's manifest; ASCII digits."
    )
    amount: Amount = Field(description="In paisa, without VAT.")
    vat: AmountOrNothing = Field(default=0, description="In paisa, on top.")
    late_fee: AmountOrNothing = Field(default=0, description="In paisa, on top from the day after `due_on`.")
    due_on: Day = Field(description="The last day without the late fee, in Dhaka.")
    customer_name: BillText = Field(default="", description="Whose bill it is.")
    period: BillText = Field(default="", description="What it is for, such as `2026`.")
    lines: Annotated[list[ChargeLineMessage], Field(max_length=CHARGE_LINES_MAX)] = Field(
        default=[], description="The parts of `amount`, which they sum to; a bill in instalments has none."
    )
    instalments: Instalments = Field(
        default=1, description="How many bills it becomes: `-1`, `-2` and so on behind its number."
    )
    every_days: Days = Field(default=30, description="Days from one instalment to the next.")


class RaiseMessage(Message):
    """`POST /v1/bills`."""

    biller: Name = Field(description="Your office's id as a biller, such as `b025`.")
    bills: Annotated[list[RaisedBillMessage], Field(min_length=1, max_length=BILLS_MAX)] = Field(
        description="All of them are raised, or none."
    )


class BillQuery(Message):
    """`GET /v1/bills`."""

    biller: Name = Field(description="Your office's id as a biller.")
    bill_no: BillNo = Field(description="Your number of the bill.")
