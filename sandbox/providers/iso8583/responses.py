"""An answer as it goes to the wire, right or spoilt as a fault or a payer will have it."""

from dataclasses import dataclass
from enum import Enum, auto

from sandbox.kit.provider.magic_numbers import OTHER_AMOUNT_PAISA, Behaviour
from sandbox.providers.iso8583.codec import Fields, encode
from sandbox.providers.iso8583.faults import Fault, Mischief

_NOT_A_MESSAGE = b"HOST NOT AVAILABLE"
_DOLLARS = "840"
_STANS = 1_000_000
_AMOUNT, _STAN, _CURRENCY = 4, 11, 49


class Manner(Enum):
    """How the bytes of an answer are sent."""

    WHOLE = auto()
    HALF = auto()
    """The first half, and then the connection closes."""
    TWICE = auto()
    BYTE_BY_BYTE = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """One message to be sent after so many seconds, without the length before it."""

    content: bytes
    manner: Manner = Manner.WHOLE
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Right:
    """The answer as it ought to be; one without a key has no MAC."""

    mti: str
    fields: Fields
    key: bytes | None = None


_MANNERS = {
    Fault.CUT: Manner.HALF,
    Fault.TWICE_IN_ONE: Manner.TWICE,
    Fault.SINGLE_BYTES: Manner.BYTE_BY_BYTE,
}
_LOST = frozenset({Fault.LOST_DONE, Fault.LOST_UNDONE})


def answers(
    right: Right, mischief: Mischief, does: Behaviour | None = None, slow_seconds: float = 0.0
) -> list[Answer]:
    """Return what is sent: one message, or none where it is lost; `does` is what its payer does."""
    if mischief.fault in _LOST:
        return []
    fields = _lied(dict(right.fields), mischief.fault, does or Behaviour())
    content = encode(right.mti, fields, right.key)
    if mischief.fault is Fault.RUBBISH:
        content = _NOT_A_MESSAGE
    elif mischief.fault is Fault.BAD_MAC and right.key is not None:
        content = content[:-1] + bytes([content[-1] ^ 1])
    wait = slow_seconds if mischief.fault is Fault.SLOW else mischief.waits_seconds
    manner = Manner.WHOLE if mischief.fault is None else _MANNERS.get(mischief.fault, Manner.WHOLE)
    return [Answer(content, manner, wait)]


def _lied(fields: dict[int, str], fault: Fault | None, does: Behaviour) -> dict[int, str]:
    """Return the fields with what the answer is wrong about; only those that it has."""
    more_paisa = OTHER_AMOUNT_PAISA if fault is Fault.OTHER_AMOUNT else does.told_extra_paisa
    if _AMOUNT in fields and more_paisa:
        fields[_AMOUNT] = str(int(fields[_AMOUNT]) + more_paisa)
    if _CURRENCY in fields and (fault is Fault.OTHER_CURRENCY or does.told_currency):
        fields[_CURRENCY] = _DOLLARS
    if fault is Fault.OTHER_STAN:
        fields[_STAN] = f"{(int(fields[_STAN]) + 1) % _STANS:06d}"
    return fields
