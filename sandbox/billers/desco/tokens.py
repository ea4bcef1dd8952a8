"""The bill token that each look at a bill gives out."""

import secrets
from datetime import datetime
from hashlib import blake2b
from hmac import compare_digest

BILL_TOKEN_SECONDS = 7_200

_STAMP_LENGTH = 24


class BillTokens:
    """Opaque proofs that a bill was looked at within the last two hours.

    They are sealed with the seed instead of being stored, so they outlive a kill, cost no memory
    and several of one bill may be alive.
    """

    def __init__(self, seed: int) -> None:
        self._key = blake2b(f"bill token/{seed}".encode()).digest()

    def issue(self, bill_number: str, now: datetime) -> str:
        """Return a new token of this bill."""
        stamp = f"{int(now.timestamp()):08x}{secrets.token_hex(8)}"
        return stamp + self._seal(bill_number, stamp)

    def admits(self, token: str, bill_number: str, now: datetime) -> bool:
        """Whether the token is one of ours, of this bill, and not older than two hours."""
        stamp, seal = token[:_STAMP_LENGTH], token[_STAMP_LENGTH:]
        if not compare_digest(seal.encode(), self._seal(bill_number, stamp).encode()):
            return False
        return now.timestamp() - int(stamp[:8], 16) < BILL_TOKEN_SECONDS

    def _seal(self, bill_number: str, stamp: str) -> str:
        return blake2b(f"{bill_number}/{stamp}".encode(), key=self._key, digest_size=12).hexdigest()
