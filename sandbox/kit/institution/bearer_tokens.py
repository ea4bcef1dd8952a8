"""Bearer tokens, one for each login."""

import secrets
from datetime import datetime

BEARER_SECONDS = 3_600


class BearerTokens:
    """The logins that are alive; kept in memory, so after a restart every caller has to log in again."""

    def __init__(self, prefix: bytes = b"") -> None:
        """`prefix` stands before the token in the header it is sent in."""
        self._prefix = prefix
        self._expires_at: dict[bytes, float] = {}

    def issue(self, now: datetime, life_seconds: int = BEARER_SECONDS) -> str:
        """Return a new token that lives for so long; dead ones are swept out."""
        instant = now.timestamp()
        self._expires_at = {header: end for header, end in self._expires_at.items() if end > instant}
        token = secrets.token_urlsafe(24)
        self._expires_at[self._prefix + token.encode()] = instant + life_seconds
        return token

    def admits(self, header: bytes, now: datetime) -> bool:
        """Whether a header's whole value carries a living token."""
        end = self._expires_at.get(header)
        return end is not None and end > now.timestamp()

    def revoke_all(self) -> None:
        """Let every token expire at once, as when a session store is restarted."""
        self._expires_at.clear()
