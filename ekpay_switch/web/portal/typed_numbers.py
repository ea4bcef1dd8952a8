"""What a citizen typed as a mobile number or as the number of a payment; pure.

Bangla digits, blanks, dashes and `+88` or `0088` before a mobile number make no difference (T40). What was
typed is kept as it was typed, so that a form that comes back holds it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.parties.mobile_numbers import national_number

MOBILE, PAYMENT = "mobile", "payment"
MISSING, WRONG = "missing", "wrong"
_TYPED_MAX = 40
_BETWEEN = re.compile(r"[\s().\-\u2013]+")
# `yyMMddHHmmss` and five hex digits: what our payments are called.
_PAYMENT_NUMBER = re.compile(r"[0-9]{12}[0-9a-f]{5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TypedContact:
    """The mobile number of a cart, which nobody has to give; `number` is `01XXXXXXXXX`, or empty."""

    typed: str = field(default="", repr=False)
    number: str = field(default="", repr=False)
    fault: str = ""


NOTHING_TYPED = TypedContact()


@dataclass(frozen=True, slots=True)
class TypedTracking:
    """The form that looks for a payment, as it was filled in, and what is wrong with which field."""

    typed: Mapping[str, str] = field(default_factory=dict, repr=False)
    payment_number: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    faults: Mapping[str, str] = field(default_factory=dict)


def typed_contact(sent: Mapping[str, str]) -> TypedContact:
    """The contact of a cart: nothing, a number, or a fault."""
    typed = sent.get(MOBILE, "").strip()[:_TYPED_MAX]
    number = mobile_number(typed)
    return TypedContact(typed, number, WRONG if typed and not number else "")


def typed_tracking(sent: Mapping[str, str]) -> TypedTracking:
    """The form, judged: with both numbers as we write them, or with the faults of its fields."""
    typed = {name: sent.get(name, "").strip()[:_TYPED_MAX] for name in (PAYMENT, MOBILE)}
    payment = _BETWEEN.sub("", fold_bangla_digits(typed[PAYMENT])).lower()
    read = {
        PAYMENT: payment if _PAYMENT_NUMBER.fullmatch(payment) else "",
        MOBILE: mobile_number(typed[MOBILE]),
    }
    faults = {name: WRONG if typed[name] else MISSING for name, text in read.items() if not text}
    return TypedTracking(typed, read[PAYMENT], read[MOBILE], faults)


def mobile_number(typed: str) -> str:
    """The number as `01XXXXXXXXX`; empty where it is no mobile number of Bangladesh."""
    digits = _BETWEEN.sub("", fold_bangla_digits(typed))
    return national_number(digits.removeprefix("00")) or ""
