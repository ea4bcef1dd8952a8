"""How DESCO writes amounts and days, and how a save call is read.

Amounts travel as text in taka with exactly two decimals and are whole paisa as soon as they are
read. Days are `dd-MM-yyyy`, instants `yyyy-MM-dd HH:mm:ss` in Dhaka.
"""

import re
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field

_TAKA = re.compile(r"(0|[1-9][0-9]{0,10})\.([0-9]{2})")
_DAY = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


class DescoSaveRequest(NamedTuple):
    """A save call that could be read; whether it is right is for the institution to say.

    `scroll_no` and `stamp_qty` are None when they were not whole numbers: both have refusal codes
    of their own, so they are no reason to call the whole request unreadable.
    """

    bill_number: str
    bill_token: str
    transaction_id: str
    scroll_no: int | None
    scroll_date: date
    paid_paisa: int
    late_charge_paisa: int
    payment_paisa: int
    vat_paisa: int
    stamp_qty: int | None


def taka(paisa: int) -> str:
    """Write whole paisa, not negative, as DESCO does: 123450 becomes `1234.50`."""
    return f"{paisa // 100}.{paisa % 100:02d}"


def day_text(day: date) -> str:
    """Write a day as `dd-MM-yyyy`."""
    return f"{day.day:02d}-{day.month:02d}-{day.year:04d}"


def amount_field(form: Form, name: str) -> int:
    """Return an amount in paisa.

    Raises:
        MalformedRequestError: it is no text of taka with exactly two decimals.
    """
    value = form.get(name)
    match = _TAKA.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise MalformedRequestError(f"{name} must be taka with two decimals, as text")
    return int(match[1] + match[2])


def day_field(form: Form, name: str) -> date:
    """Return a day.

    Raises:
        MalformedRequestError: it is not `dd-MM-yyyy`, or no such day exists.
    """
    value = form.get(name)
    day = _day_of(value) if isinstance(value, str) else None
    if day is None:
        raise MalformedRequestError(f"{name} must be dd-MM-yyyy and a day of the calendar")
    return day


def read_save(form: Form, bank_code: str) -> DescoSaveRequest:
    """Read a save call of the bank with this code (fields of billers.md 2.3).

    Raises:
        MalformedRequestError: a field is missing or cannot be read, or the bank is unknown.
    """
    for name in ("cTariff", "departmentCode", "trackingNo", "transactionTrackingNo", "tranAccount"):
        text_field(form, name)
    for name in ("issueDate", "dueDate"):
        day_field(form, name)
    amount_field(form, "totalPayableAmount")
    _check_instant(form, "transactionDateTime")
    if form.get("bankCode") != bank_code:
        raise MalformedRequestError("bankCode is not known here")
    if form.get("paid") != "Y":
        raise MalformedRequestError("paid must be Y")
    return DescoSaveRequest(
        bill_number=text_field(form, "billNumber"),
        bill_token=text_field(form, "billToken"),
        transaction_id=text_field(form, "transactionId"),
        scroll_no=_whole_number(form.get("scrollNo")),
        scroll_date=day_field(form, "paymentDate"),
        paid_paisa=amount_field(form, "totalPaidAmount"),
        late_charge_paisa=amount_field(form, "lpc"),
        payment_paisa=amount_field(form, "paymentAmount"),
        vat_paisa=amount_field(form, "paymentVatAmount"),
        stamp_qty=_whole_number(form.get("stampQty")),
    )


@lru_cache(maxsize=1_024)  # thousands of saves a second carry the same few days
def _day_of(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    try:
        return date(int(match[3]), int(match[2]), int(match[1])) if match else None
    except ValueError:
        return None


def _check_instant(form: Form, name: str) -> None:
    value = form.get(name)
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise MalformedRequestError(f"{name} must be yyyy-MM-dd HH:mm:ss")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise MalformedRequestError(f"{name} is no instant of the calendar") from None


def _whole_number(value: object) -> int | None:
    # JSON true is a Python int; a utility that counted it as 1 would hide a caller's bug.
    return value if isinstance(value, int) and not isinstance(value, bool) else None
