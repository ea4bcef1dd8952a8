"""Messages of an ISO 8583 file lost, doubled, swapped, cut or changed in their frames, and the frames."""

import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.fuzz.mutations.byte_mutations import spoil_bytes
from tests.fuzz.mutations.cell_texts import STEPS
from tests.reconciliation.statement.clearing_files import blocked, rdw, vbs

_MANY: Final = 300
FRAMES: Final[dict[str, Callable[[Sequence[bytes]], bytes]]] = {"vbs": vbs, "blocked": blocked, "rdw": rdw}
_LENGTHS: Final = (0, 1, 3, 4, 5, 65_535, 65_536, 1 << 31, (1 << 32) - 1)


def spoil_messages(random: Random, messages: Sequence[bytes], frame: str, encoding: str) -> bytes:
    """The messages, some of them changed, in frames of which one time in six a length is wrong."""
    spoiled = list(messages)
    for _ in range(random.choice(STEPS)):
        _spoil(random, spoiled, encoding)
    if frame == "rdw":
        spoiled = [one[:65_000] for one in spoiled]
    written = FRAMES[frame](spoiled)
    if random.randrange(6) == 0 and len(written) > 4:
        place = random.choice((0, random.randrange(len(written) - 3)))
        written = written[:place] + struct.pack(">I", random.choice(_LENGTHS)) + written[place + 4 :]
    return written


def _spoil(random: Random, messages: list[bytes], encoding: str) -> None:
    place = random.randrange(len(messages)) if messages else 0
    match random.randrange(7):
        case 0:
            del messages[place : place + 1]
        case 1:
            messages[place:place] = messages[place : place + 1] * random.choice((1, 2, _MANY))
        case 2:
            random.shuffle(messages)
        case 3:
            messages.insert(place, b"")
        case 4:
            messages[place : place + 1] = [
                _digit(random, one, encoding) for one in messages[place : place + 1]
            ]
        case 5:
            messages[place : place + 1] = [_bitmap(random, one) for one in messages[place : place + 1]]
        case _:
            messages[place : place + 1] = [spoil_bytes(random, one) for one in messages[place : place + 1]]


def _digit(random: Random, message: bytes, encoding: str) -> bytes:
    """Another sign where a digit stands: in a length, an amount, a time or a tag."""
    digits = "0123456789".encode(encoding)
    places = [place for place, byte in enumerate(message) if byte in digits]
    if not places:
        return message
    place = random.choice(places)
    return message[:place] + random.choice("0123456789 -x").encode(encoding) + message[place + 1 :]


def _bitmap(random: Random, message: bytes) -> bytes:
    """Say that an element is there which is not, or the other way round."""
    flipped = bytearray(message)
    place = 4 + random.randrange(16)
    if place < len(flipped):
        flipped[place] ^= 1 << random.randrange(8)
    return bytes(flipped)
