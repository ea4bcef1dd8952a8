"""Bills that an office without a system raises here, and the code on the notice of each (docs/adr/0131).

The code names a bill by itself, so whoever has the paper need know neither biller nor account. Its last two
digits are those of ISO 7064 MOD 97-10, by which a mistyped code is recognised before anything is looked up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.scrolls.bill_files import FiledBill, StoredBill

NOTICE_PATH = "/n"
"""Below it, by its code, is the page on which the bill of a notice is paid."""
NUMBER_DIGITS = 14
INSTALMENTS_MAX = 24
BILL_NO_MAX = 40
_MODULUS = 97
_CODE = re.compile(r"[1-9][0-9]{15}", re.ASCII)
_BETWEEN = re.compile(r"[\s.\-\u2013]+")
_GROUP = 4


@dataclass(frozen=True, slots=True)
class BillOfNotice:
    """A bill that a notice names: `fields` are the manifest's parameters by which a payer names it."""

    code: str
    biller_id: str
    bill_key: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BillNotice:
    """A bill with the code of its notice."""

    code: str
    stored: StoredBill


@dataclass(frozen=True, slots=True)
class RaisedNotices:
    """The notices of bills that were raised, now or, where `is_repeat`, by the same call before."""

    notices: tuple[BillNotice, ...]
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class KnownBills:
    """Numbers of bills that are there already and say something else; nothing was raised."""

    bill_keys: frozenset[str]


class InstalmentsError(ValueError):
    """A bill cannot be paid so; `cell` names what of it is wrong."""

    def __init__(self, cell: str, why: str) -> None:
        super().__init__(f"{cell}: {why}")
        self.cell = cell


def is_same_bill(standing: FiledBill, sent: FiledBill) -> bool:
    """Whether a bill that is raised again is the one that stands, whatever became of it since."""
    return replace(standing, status=sent.status, issued_on=sent.issued_on) == sent


def notice_code(number: int) -> str:
    """The code of a number of 14 digits whose first is no zero.

    Raises:
        ValueError: the number has more or fewer digits.
    """
    if len(str(number)) != NUMBER_DIGITS or number < 0:
        raise ValueError(f"a notice has a number of {NUMBER_DIGITS} digits")
    return f"{number}{(_MODULUS + 1 - number * 100 % _MODULUS) % _MODULUS:02d}"


def read_notice_code(typed: str) -> str | None:
    """The code that somebody typed in digits of either language, with blanks or dashes; else None."""
    code = _BETWEEN.sub("", fold_bangla_digits(typed))
    return code if _CODE.fullmatch(code) and int(code) % _MODULUS == 1 else None


def grouped_code(code: str) -> str:
    """The code as people read it, by fours."""
    return " ".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def instalments(bill: FiledBill, count: int, every_days: int) -> tuple[FiledBill, ...]:
    """A bill as this many bills, due one after the other; together they are exactly what it was.

    The first is due when the bill was. A bill in one instalment is itself.

    Raises:
        InstalmentsError: too many, days that do not go forward, a bill with lines, less than a paisa for
            each, or a number that becomes too long.
    """
    if not 1 <= count <= INSTALMENTS_MAX:
        raise InstalmentsError("instalments", f"1 to {INSTALMENTS_MAX}")
    if count == 1:
        return (bill,)
    if every_days < 1:
        raise InstalmentsError("every_days", "at least 1")
    if bill.lines:
        raise InstalmentsError("lines", "a bill in instalments has none")
    if bill.amount.minor < count:
        raise InstalmentsError("amount", "too small for so many instalments")
    if len(f"{bill.bill_key}-{count}") > BILL_NO_MAX:
        raise InstalmentsError("bill_no", f"with its instalment it is longer than {BILL_NO_MAX} signs")
    return tuple(_instalment(bill, nth, count, every_days) for nth in range(1, count + 1))


def _instalment(bill: FiledBill, nth: int, count: int, every_days: int) -> FiledBill:
    return replace(
        bill,
        bill_key=f"{bill.bill_key}-{nth}",
        period=f"{bill.period} {nth}/{count}".strip(),
        due_on=bill.due_on + timedelta(days=(nth - 1) * every_days),
        amount=_part(bill.amount, nth, count),
        vat=_part(bill.vat, nth, count),
        late_fee=_part(bill.late_fee, nth, count),
    )


def _part(whole: Money, nth: int, count: int) -> Money:
    """The nth of `count` parts, which differ by a paisa at most."""
    return Money(whole.minor * nth // count - whole.minor * (nth - 1) // count, whole.currency)
