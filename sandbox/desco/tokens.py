"""The two kinds of token: a bearer for each login, and a bill token for each look at a bill."""

import secrets
from datetime import datetime
from hashlib import blake2b
from hmac import compare_digest

BEARER_SECONDS = 3_600
BILL_TOKEN_SECONDS = 7_200

_STAMP_LENGTH = 24


class Bearers:
    """The logins that are alive; kept in memory, so a restart asks everybody to log in again."""

    def __init__(self) -> None:
        self._expires_at: dict[bytes, float] = {}

    def issue(self, now: datetime) -> str:
        """Return a new token that lives for 3,600 seconds; dead ones are swept out."""
        instant = now.timestamp()
        self._expires_at = {header: end for header, end in self._expires_at.items() if end > instant}
        token = secrets.token_urlsafe(24)
        self._expires_at[b"Bearer " + token.encode()] = instant + BEARER_SECONDS
        return token

    def admits(self, authorisation: bytes, now: datetime) -> bool:
        """Whether an `Authorization` header carries a living token."""
        end = self._expires_at.get(authorisation)
        return end is not None and end > now.timestamp()

    def revoke_all(self) -> None:
        """Let every token die at once, as when the utility restarts its session store."""
        self._expires_at.clear()


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
