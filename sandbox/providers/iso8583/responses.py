"""Answers as they are sent: correct, or distorted by a fault or a magic payer."""

from dataclasses import dataclass
from enum import Enum, auto

from sandbox.kit.provider.magic_numbers import OTHER_AMOUNT_PAISA, PayerBehaviour
from sandbox.providers.iso8583.codec import Fields, encode
from sandbox.providers.iso8583.faults import FaultEffect, HostFault

_NOT_A_MESSAGE = b"HOST NOT AVAILABLE"
_DOLLARS = "840"
_STANS = 1_000_000
_AMOUNT, _STAN, _CURRENCY = 4, 11, 49


class SendingManner(Enum):
    """How the bytes of an answer are sent."""

    WHOLE = auto()
    HALF = auto()
    """The first half, and then the connection closes."""
    TWICE = auto()
    BYTE_BY_BYTE = auto()


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """One message to be sent after so many seconds, without the length before it."""

    content: bytes
    manner: SendingManner = SendingManner.WHOLE
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CorrectAnswer:
    """The answer as it ought to be; one without a key has no MAC."""

    mti: str
    fields: Fields
    key: bytes | None = None


_MANNERS = {
    HostFault.CUT: SendingManner.HALF,
    HostFault.TWICE_IN_ONE: SendingManner.TWICE,
    HostFault.SINGLE_BYTES: SendingManner.BYTE_BY_BYTE,
}
_LOST = frozenset({HostFault.LOST_DONE, HostFault.LOST_UNDONE})


def build_answers(
    right: CorrectAnswer,
    effect: FaultEffect,
    behaviour: PayerBehaviour | None = None,
    slow_seconds: float = 0.0,
) -> list[HostAnswer]:
    """Return what is sent: one message, or none where it is lost; `behaviour` is that of its payer."""
    if effect.fault in _LOST:
        return []
    fields = _distorted_fields(dict(right.fields), effect.fault, behaviour or PayerBehaviour())
    content = encode(right.mti, fields, right.key)
    if effect.fault is HostFault.RUBBISH:
        content = _NOT_A_MESSAGE
    elif effect.fault is HostFault.BAD_MAC and right.key is not None:
        content = content[:-1] + bytes([content[-1] ^ 1])
    wait = slow_seconds if effect.fault is HostFault.SLOW else effect.waits_seconds
    manner = SendingManner.WHOLE if effect.fault is None else _MANNERS.get(effect.fault, SendingManner.WHOLE)
    return [HostAnswer(content, manner, wait)]


def _distorted_fields(
    fields: dict[int, str], fault: HostFault | None, behaviour: PayerBehaviour
) -> dict[int, str]:
    """Return the fields with what the answer is wrong about; only those that it has."""
    more_paisa = OTHER_AMOUNT_PAISA if fault is HostFault.OTHER_AMOUNT else behaviour.reported_extra_paisa
    if _AMOUNT in fields and more_paisa:
        fields[_AMOUNT] = str(int(fields[_AMOUNT]) + more_paisa)
    if _CURRENCY in fields and (fault is HostFault.OTHER_CURRENCY or behaviour.reported_currency):
        fields[_CURRENCY] = _DOLLARS
    if fault is HostFault.OTHER_STAN:
        fields[_STAN] = f"{(int(fields[_STAN]) + 1) % _STANS:06d}"
    return fields
