"""Reading what is sent: the members of a message and their limits, and numbers as people type them."""

import re
from typing import NamedTuple

from sandbox.kit.institution.requests import Form
from sandbox.kit.payer_pages.language import typed_mobile

SMS_LENGTH_MAX = 1_000
MEMBERS = ("api_token", "sid", "msisdn", "sms", "csms_id")
"""What every message needs."""

_COUNTRY = "88"
_MOBILE = re.compile(r"01[3-9][0-9]{8}")
_CSMS_ID = re.compile(r"[!-~]{1,20}")


class MessageRequest(NamedTuple):
    """A message as it was sent."""

    api_token: str
    sid: str
    msisdn: str
    sms: str
    csms_id: str

    @property
    def has_msisdn(self) -> bool:
        """Whether its number is a mobile number of Bangladesh with 880 before it."""
        return self.msisdn.startswith(_COUNTRY) and is_mobile(self.msisdn.removeprefix(_COUNTRY))

    @property
    def has_csms_id(self) -> bool:
        """Whether its id has 1 to 20 characters, ASCII without blanks."""
        return _CSMS_ID.fullmatch(self.csms_id) is not None


def missing_member(form: Form) -> str | None:
    """Return the first member that is missing or empty, None if none is."""
    return next((name for name in MEMBERS if form.get(name) in (None, "")), None)


def read_message(form: Form) -> MessageRequest | None:
    """Return the message of a call that has every member, None if one is no text."""
    values = [form[name] for name in MEMBERS]
    texts = [value for value in values if isinstance(value, str)]
    return MessageRequest(*texts) if len(texts) == len(values) else None


def is_mobile(number: str) -> bool:
    """Whether this is a mobile number of Bangladesh, 11 ASCII digits from 01 on."""
    return _MOBILE.fullmatch(number) is not None


def typed_msisdn(text: str) -> str | None:
    """Return the number that a person typed, as the gateway writes it: 8801712345678; None if it is none.

    Digits of Bangla, blanks and hyphens are taken, and 880 may stand before it or not.
    """
    mobile = typed_mobile(text)
    return f"{_COUNTRY}{mobile}" if is_mobile(mobile) else None


def mobile_of(msisdn: str) -> str:
    """Return a number as people write it: 01712-345678."""
    mobile = msisdn.removeprefix(_COUNTRY)
    return f"{mobile[:5]}-{mobile[5:]}"
