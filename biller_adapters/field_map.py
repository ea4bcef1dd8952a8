"""The field map: member names and formats of a REST biller, as settings of its manifest (`direct_rest`).

Every setting names a member, a word or a format of a short list; there are no conditions and no expressions.
An empty name says that the biller has no such member; a named member must be present. Each setting is
explained in docs/how-to/add-a-biller.md.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ekpay_switch.domain.business_day import DHAKA, in_dhaka
from ekpay_switch.domain.money import Money, format_taka
from ekpay_switch.wing_kit.manifest_sections import Name, Section
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_object, taka, text

_MEMBER = r"[A-Za-z_][A-Za-z0-9_-]{0,39}"
Member = Annotated[str, Field(pattern=f"^{_MEMBER}$")]
# Empty where the biller has no such member.
MemberOrNone = Annotated[str, Field(pattern=f"^({_MEMBER})?$")]
# A path with points, such as `data.bill`; empty for the answer itself.
ObjectPath = Annotated[str, Field(pattern=rf"^({_MEMBER}(\.{_MEMBER})*)?$")]
_PREFIXES = ("send", "year_of", "month_of", "fixed")

_DAYS: Mapping[str, str] = MappingProxyType(
    {
        "YYYY-MM-DD": "%Y-%m-%d",
        "DD-MM-YYYY": "%d-%m-%Y",
        "DD/MM/YYYY": "%d/%m/%Y",
        "YYYYMMDD": "%Y%m%d",
    }
)
_PERIODS: Mapping[str, str] = MappingProxyType({"YYYYMM": "%Y%m", "YYYY-MM": "%Y-%m", "MM-YYYY": "%m-%Y"})
_TIMES: Mapping[str, str] = MappingProxyType(
    {
        "YYYY-MM-DDTHH:MM:SS+06:00": "%Y-%m-%dT%H:%M:%S+06:00",
        "YYYY-MM-DD HH:MM:SS": "%Y-%m-%d %H:%M:%S",
        "YYYYMMDDHHMMSS": "%Y%m%d%H%M%S",
    }
)
_YEAR_DIGITS = 4


def gather_by_prefix(settings: Mapping[str, object], prefixes: Sequence[str]) -> dict[str, object]:
    """Settings with one of the prefixes as a mapping under it: `send_x = y` becomes `send = {x: y}`.

    A prefix without settings is an empty mapping; all other settings stay as they are.
    """
    gathered: dict[str, dict[str, object]] = {prefix: {} for prefix in prefixes}
    plain: dict[str, object] = {}
    for name, value in settings.items():
        prefix = next((candidate for candidate in prefixes if name.startswith(f"{candidate}_")), "")
        if prefix:
            gathered[prefix][name.removeprefix(f"{prefix}_")] = value
        else:
            plain[name] = value
    return {**gathered, **plain}


class FieldMap(Section):
    """The section `family_settings` of a manifest over `direct_rest`.

    `send`, `year_of`, `month_of` and `fixed` are gathered from settings with that prefix, such as
    `send_customer_no = "customerNo"`; the other settings are fields of their own.
    """

    # A request: our parameters under the biller's names, and members with a fixed value.
    send: Mapping[Name, Member]
    year_of: Mapping[Name, Member]
    month_of: Mapping[Name, Member]
    fixed: Mapping[Member, str]

    # Authentication: a login that returns a token, or the password itself as a standing key.
    sign_in: Literal["login", "standing_key"] = "login"
    token_header: Member = "Authorization"  # noqa: S105 - what it is called, no secret
    token_prefix: str = "Bearer"  # noqa: S105 - what it is called, no secret
    login_user: Member = "user"
    login_password: Member = "password"  # noqa: S105 - what it is called, no secret
    login_object: ObjectPath = ""
    login_token: Member = "token"  # noqa: S105 - what it is called, no secret
    login_expires_in: MemberOrNone = "expires_in"
    login_life_seconds: Annotated[str, Field(pattern=r"^[1-9][0-9]{1,5}$")] = "3600"

    # Every answer.
    code: Member = "code"
    message: MemberOrNone = "message"
    day_form: Literal["YYYY-MM-DD", "DD-MM-YYYY", "DD/MM/YYYY", "YYYYMMDD"] = "YYYY-MM-DD"
    period_form: Literal["YYYYMM", "YYYY-MM", "MM-YYYY"] = "YYYYMM"
    amount_form: Literal["taka", "paisa"] = "taka"

    # The answer with a bill. `amount_holds_vat`: whether the amount includes the VAT.
    bill_object: ObjectPath = "bill"
    bill_number: MemberOrNone = "billNo"
    bill_account: MemberOrNone = "accountNo"
    bill_customer: MemberOrNone = "customerName"
    bill_address: MemberOrNone = "address"
    bill_meter: MemberOrNone = "meterNo"
    bill_kwh: MemberOrNone = ""
    bill_period: MemberOrNone = "period"
    bill_year: MemberOrNone = ""
    bill_month: MemberOrNone = ""
    bill_issued_on: MemberOrNone = "issueDate"
    bill_due_on: MemberOrNone = "dueDate"
    bill_amount: MemberOrNone = "amount"
    amount_holds_vat: Literal["yes", "no"] = "no"
    bill_vat: MemberOrNone = "vat"
    bill_late_fee: MemberOrNone = "lateFee"
    bill_stamp: MemberOrNone = "stamp"
    bill_total: Member = "total"
    bill_outstanding: MemberOrNone = "outstanding"
    bill_count: MemberOrNone = "billCount"
    bill_paid: MemberOrNone = "paid"
    paid_word: str = "Y"

    # A payment, which names its bill by the biller's number, by the payer's parameters, or by both.
    pay_names: Literal["bill", "parameters", "both"] = "bill"
    pay_bill_number: MemberOrNone = "billNo"
    pay_account: MemberOrNone = "accountNo"
    pay_reference: Member = "transactionId"
    pay_amount: Member = "amount"
    pay_time: MemberOrNone = "paidAt"
    pay_stamps: MemberOrNone = "stampQty"
    pay_channel: MemberOrNone = "channel"
    channel: str = "EKPAY"
    time_form: Literal["YYYY-MM-DDTHH:MM:SS+06:00", "YYYY-MM-DD HH:MM:SS", "YYYYMMDDHHMMSS"] = (
        "YYYY-MM-DDTHH:MM:SS+06:00"
    )

    # The answer to a payment.
    paid_object: ObjectPath = ""
    paid_receipt: MemberOrNone = "receiptNo"
    paid_reference: MemberOrNone = "transactionId"
    paid_amount: MemberOrNone = "amount"

    # An inquiry and its answer.
    ask_reference: Member = "transactionId"
    status_object: ObjectPath = "payment"
    status_reference: Member = "transactionId"
    status_bill_number: MemberOrNone = "billNo"
    status_receipt: MemberOrNone = "receiptNo"
    status_amount: MemberOrNone = "amount"
    status_state: MemberOrNone = "state"
    posted_word: str = "PAID"

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, settings: Mapping[str, object]) -> dict[str, object]:
        return gather_by_prefix(settings, _PREFIXES)

    # ---- writing

    @property
    def parameters(self) -> frozenset[str]:
        """The names of our parameters that are sent, whole or as year and month."""
        return frozenset((*self.send, *self.year_of, *self.month_of))

    def request_fields(self, values: Mapping[str, str]) -> dict[str, object]:
        """Our parameters under the biller's names; those without a value are left out."""
        fields: dict[str, object] = {}
        for name, member in self.send.items():
            fields[member] = values.get(name, "")
        for name, member in self.year_of.items():
            fields[member] = values.get(name, "")[:_YEAR_DIGITS]
        for name, member in self.month_of.items():
            fields[member] = values.get(name, "")[_YEAR_DIGITS:]
        return {member: value for member, value in fields.items() if value}

    def write_amount(self, amount: Money) -> str | int:
        """An amount as this biller writes it."""
        return amount.minor if self.amount_form == "paisa" else format_taka(amount.minor)

    def write_time(self, instant: datetime) -> str:
        """An instant as this biller writes it, on a Dhaka clock."""
        return in_dhaka(instant).strftime(_TIMES[self.time_form])

    # ---- reading; every function raises BrokenReplyError

    def read_amount(self, fields: Mapping[str, Any], member: str) -> Money:
        """An amount that must be there."""
        if self.amount_form == "taka":
            return taka(fields, member)
        value = text(fields, member)
        if not (value.isascii() and value.isdecimal()):
            raise BrokenReplyError(f"{member} is no amount")
        return Money(int(value))

    def read_day(self, fields: Mapping[str, Any], member: str) -> date:
        """A day that must be there."""
        return _read_date(fields, member, _DAYS[self.day_form])

    def read_month(self, fields: Mapping[str, Any]) -> str:
        """The month that a bill is for as YYYYMM; empty where the biller does not say."""
        if self.bill_period:
            return _read_date(fields, self.bill_period, _PERIODS[self.period_form]).strftime("%Y%m")
        if self.bill_year and self.bill_month:
            return text(fields, self.bill_year) + text(fields, self.bill_month).zfill(2)
        return ""


def object_at(document: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The object at a path; raises BrokenReplyError where there is none."""
    for member in path.split(".") if path else ():
        document = as_object(document.get(member))
    return document


def _read_date(fields: Mapping[str, Any], member: str, form: str) -> date:
    value = text(fields, member)
    try:
        instant = datetime.strptime(value, form).replace(tzinfo=DHAKA)
        # strptime also accepts other forms, such as a day of one digit.
        if instant.strftime(form) == value:
            return instant.date()
    except ValueError:
        pass  # not written so, or not in the calendar
    raise BrokenReplyError(f"{member} is no day")
