"""What is stored of one-time codes: a keyed digest, bound to the code's own id."""

import hashlib
import hmac
from uuid import UUID

from ekpay_switch.security.keys import KeyRing

_PURPOSE = "one-time-codes/1"


class CodeDigests:
    """What is stored of a code: without our key the million codes there are cannot be tried against it."""

    __slots__ = ("_key",)

    def __init__(self, keys: KeyRing) -> None:
        self._key = keys.sub_key(_PURPOSE)

    def of(self, code_id: UUID, code: str) -> bytes:
        """The digest of a code; the same digits under another id have another."""
        return hmac.new(self._key, code_id.bytes + code.encode(), hashlib.sha256).digest()

    def of_number(self, number: str) -> str:
        """What a mobile number is counted under: whoever reads the counts learns no number."""
        return hmac.new(self._key, b"number " + number.encode(), hashlib.sha256).hexdigest()

    def of_account(self, number: str) -> bytes:
        """What the account of a mobile number is found by: whoever reads it learns no number."""
        return hmac.new(self._key, b"account " + number.encode(), hashlib.sha256).digest()

    def of_saved_bill(self, citizen_id: UUID, name: bytes) -> bytes:
        """What a bill that a citizen saved is known by, so that it is saved once; `name` is canonical."""
        return hmac.new(self._key, b"saved bill " + citizen_id.bytes + name, hashlib.sha256).digest()

    def of_reminder(self, citizen_id: UUID, bill: bytes) -> bytes:
        """What a bill is known by of which a citizen was reminded; `bill` is canonical."""
        return hmac.new(self._key, b"reminder " + citizen_id.bytes + bill, hashlib.sha256).digest()
