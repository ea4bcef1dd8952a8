"""Identifiers: ordered ones for rows, unguessable ones for references that must not be guessed."""

import os
import string
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

UNGUESSABLE_ALPHABET = string.ascii_uppercase + string.digits
# 26 of 36 letters hold 134 bits, inside the 20 to 32 characters that partners' clients take.
UNGUESSABLE_LENGTH = 26
_IN_ORDER = "".join(sorted(UNGUESSABLE_ALPHABET))
_TIME_LENGTH = 8

_TAIL_BITS = 74
_STEP_BYTES = 4


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


class Uuid7Source:
    """Makes version 7 UUIDs that only grow, whatever the clock does (RFC 9562, 5.7 and 6.2, method 2).

    Within one millisecond, or while the clock stands behind, the 74 random bits grow by a random step.
    Safe for threads; forked processes draw different steps.
    """

    __slots__ = ("_lock", "_milliseconds", "_now", "_tail")

    def __init__(self, now: Callable[[], int] = _milliseconds) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._tail = 0

    def next(self) -> UUID:
        """One more, greater than each before it."""
        now = self._now()
        with self._lock:
            if now > self._milliseconds:
                self._milliseconds, self._tail = now, _fresh_tail()
            else:
                self._tail += 1 + int.from_bytes(os.urandom(_STEP_BYTES))
                if self._tail >> _TAIL_BITS:
                    self._milliseconds, self._tail = self._milliseconds + 1, _fresh_tail()
            milliseconds, tail = self._milliseconds, self._tail
        high, low = tail >> 62, tail & ((1 << 62) - 1)
        return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


def _fresh_tail() -> int:
    """73 random bits: the top bit stays free, so that thousands of steps fit before it overflows."""
    return int.from_bytes(os.urandom(10)) >> (80 - _TAIL_BITS + 1)


def uuid7_floor(at: datetime) -> UUID:
    """A UUID that is not greater than any version 7 UUID made at that instant or later."""
    return UUID(int=int(at.timestamp() * 1_000) << 80)


_SOURCE = Uuid7Source()


def uuid7() -> UUID:
    """A version 7 UUID, greater than every one that this process made before."""
    return _SOURCE.next()


@lru_cache(maxsize=16)
def _letter_table(alphabet: str) -> tuple[bytes, bytes]:
    """The letter of each byte, and the bytes that have none.

    Bytes above the last whole multiple of the alphabet would make its first letters likelier.
    """
    letters = alphabet.encode("ascii")
    table = bytes(letters[byte % len(letters)] for byte in range(256))
    return table, bytes(range(256 - 256 % len(letters), 256))


def random_text(alphabet: str, length: int) -> str:
    """Text of independent, equally likely characters of an ASCII alphabet, from the system's generator."""
    table, dropped = _letter_table(alphabet)
    text = b""
    while len(text) < length:
        text += os.urandom(length + length // 2).translate(table, dropped)
    return text[:length].decode("ascii")


def unguessable(length: int = UNGUESSABLE_LENGTH) -> str:
    """Random A-Z0-9, by default 134 bits of it: what `refno_ack` is made of."""
    return random_text(UNGUESSABLE_ALPHABET, length)


def unguessable_in_order(at: datetime, length: int = UNGUESSABLE_LENGTH) -> str:
    """The same with the millisecond in its first eight letters: 93 random bits, by default.

    What is made together stands together in an index, so that a key of a busy table does not touch another
    page each time. Good until the year 2059, when eight letters are full.
    """
    time_left, letters = int(at.timestamp() * 1_000), ""
    for _ in range(_TIME_LENGTH):
        time_left, place = divmod(time_left, len(_IN_ORDER))
        letters = _IN_ORDER[place] + letters
    return letters + random_text(UNGUESSABLE_ALPHABET, length - _TIME_LENGTH)
