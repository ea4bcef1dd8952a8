"""The messages of the e-challan API, checked at the edge (ekpay-merchant-api.md 5.2).

Numbers come as text or as numbers; a number arrives as the text that was sent, so an amount is read by our
own parser alone. A client writes a blank behind a member's name, so blanks around names do not count. Unknown
members are ignored. Card numbers in text are masked, those in names refused (docs/adr/0084).
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from ekpay_switch.api.card_texts import CARDS_MASKED, CARDS_REFUSED
from ekpay_switch.api.strict_json import MalformedJsonError, parse_object
from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.challans import LINES_MAX
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import ZERO, Money, parse_taka
from ekpay_switch.domain.parties.mobile_numbers import national_number

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _amount(value: object) -> Money:
    try:
        amount = parse_taka(value) if isinstance(value, str) else ZERO
    except MalformedAmountError as error:
        raise ValueError("not an amount") from error
    if amount == ZERO:
        raise ValueError("not an amount above nothing")
    return amount


def _day(value: object) -> date:
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise ValueError("not a day")
    return date.fromisoformat(value)


def _mobile(value: str) -> str:
    number = national_number(fold_bangla_digits(value))
    if number is None:
        raise ValueError("not a mobile number")
    return number


def _null_is_empty(value: object) -> object:
    return "" if value is None else value


# An address has lines.
_PLAIN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Name = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$"), CARDS_REFUSED]
RequiredText = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_PLAIN), CARDS_MASKED]
OptionalText = Annotated[
    str, StringConstraints(max_length=500, pattern=_PLAIN), BeforeValidator(_null_is_empty), CARDS_MASKED
]
OptionalName = Annotated[
    str, StringConstraints(max_length=500, pattern=_PLAIN), BeforeValidator(_null_is_empty), CARDS_REFUSED
]
# One of the accounts that we know, or the request is refused.
Account = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_PLAIN)]
Amount = Annotated[Money, BeforeValidator(_amount)]
Day = Annotated[date, BeforeValidator(_day)]
Mobile = Annotated[str, AfterValidator(_mobile)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)


class LoginMessage(_Part):
    """`authenticate`."""

    username: str
    key: str


class CreditMessage(_Part):
    """One of CREDIT_INFO."""

    slno: Annotated[OptionalText, Field(alias="SLNO")] = ""
    credit_account: Annotated[Account, Field(alias="CREDIT_ACCOUNT")]
    amount: Annotated[Amount, Field(alias="AMOUNT")]


class CreateMessage(_Part):
    """`challan/create`."""

    request_id: Annotated[Name, Field(alias="REQUEST_ID")]
    ref_no: Annotated[OptionalName, Field(alias="REF_NO")] = ""
    tran_date: Annotated[Day, Field(alias="TRAN_DATE")]
    applicant_name: Annotated[RequiredText, Field(alias="APPLICANT_NAME")]
    reference_name: Annotated[OptionalText, Field(alias="REFERENCE_NAME")] = ""
    mobile_no: Annotated[Mobile, Field(alias="MOBILE_NO")]
    address: Annotated[OptionalText, Field(alias="ADDRESS")] = ""
    purpose: Annotated[OptionalText, Field(alias="PURPOSE")] = ""
    tranamount: Annotated[Amount, Field(alias="TRANAMOUNT")]
    pay_trxid: Annotated[Name, Field(alias="PAY_TRXID")]
    credit_info: Annotated[
        list[CreditMessage], Field(alias="CREDIT_INFO", min_length=1, max_length=LINES_MAX)
    ]

    def text_members(self) -> dict[str, str]:
        """What is kept as it came, beside what has columns of its own."""
        return {
            "REF_NO": self.ref_no,
            "APPLICANT_NAME": self.applicant_name,
            "REFERENCE_NAME": self.reference_name,
            "MOBILE_NO": self.mobile_no,
            "ADDRESS": self.address,
            "PURPOSE": self.purpose,
            "PAY_TRXID": self.pay_trxid,
        }

    def fingerprint(self) -> bytes:
        """What a repeat of the REQUEST_ID must equal: every field, amounts and numbers by value."""
        parts = ["challan-1", self.tran_date.isoformat(), str(self.tranamount.minor)]
        parts += self.text_members().values()
        for credit in self.credit_info:
            parts += (credit.slno, credit.credit_account, str(credit.amount.minor))
        return hashlib.sha256("\x1f".join(parts).encode()).digest()


class SearchMessage(_Part):
    """`challan/search`: the query of its URL; the day may be left out."""

    request_id: Annotated[Name, Field(alias="REQUEST_ID")]
    tran_date: Annotated[Day | None, Field(alias="TRAN_DATE")] = None


def read_members(body: bytes) -> dict[str, Any]:
    """The members of a message, blanks around their names taken off, those of its lines likewise.

    Raises:
        MalformedJsonError: not one JSON object, or a member stands twice.
    """
    members = _trimmed(parse_object(body))
    lines = members.get("CREDIT_INFO")
    if isinstance(lines, list):
        members["CREDIT_INFO"] = [_trimmed(line) if isinstance(line, dict) else line for line in lines]
    return members


def _trimmed(members: Mapping[str, Any]) -> dict[str, Any]:
    trimmed = {name.strip(): value for name, value in members.items()}
    if len(trimmed) != len(members):
        raise MalformedJsonError("a member stands twice")
    return trimmed
