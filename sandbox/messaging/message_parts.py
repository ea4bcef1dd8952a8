"""How a text becomes messages of a phone network: which alphabet it needs, and how many parts.

A text of the GSM 7-bit alphabet has 160 characters in one part, or 153 in each of several; any other text is
sent as UTF-16 and has 70, or 67. A character of two units is never cut in two.
"""

from enum import StrEnum

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_OF_TWO_UNITS = frozenset("\f^{}\\[~]|€")
_LAST_OF_ONE_UNIT = "\uffff"


class SmsType(StrEnum):
    """The alphabet of a text, as the gateway writes it."""

    EN = "EN"
    """GSM 7-bit."""
    BN = "BN"
    """Unicode, as Bangla needs it."""


_ALONE = {SmsType.EN: 160, SmsType.BN: 70}
_JOINED = {SmsType.EN: 153, SmsType.BN: 67}


def sms_type_of(body: str) -> SmsType:
    """Return the alphabet that a text needs."""
    return SmsType.EN if set(body) <= _GSM | _GSM_OF_TWO_UNITS else SmsType.BN


def parts_of(body: str) -> int:
    """Return in how many parts a text is sent; an empty one is a part too."""
    sms_type = sms_type_of(body)
    units = [_units(character, sms_type) for character in body]
    if sum(units) <= _ALONE[sms_type]:
        return 1
    parts, room = 1, _JOINED[sms_type]
    for count in units:
        if count > room:
            parts, room = parts + 1, _JOINED[sms_type]
        room -= count
    return parts


def _units(character: str, sms_type: SmsType) -> int:
    if sms_type is SmsType.EN:
        return 2 if character in _GSM_OF_TWO_UNITS else 1
    return 2 if character > _LAST_OF_ONE_UNIT else 1
