"""The one token pair of a channel: an access token for calls, a refresh token for a new pair.

There is never more than one valid pair: an authentication or renewal revokes the pair before, so callers that
do not share theirs log each other out. Kept in memory, so after a restart every caller has to authenticate
again.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

ACCESS_SECONDS = 3_600
REFRESH_SECONDS = 86_400


class BrebTokenState(Enum):
    """What a token is worth."""

    ALIVE = "alive"
    EXPIRED = "expired"
    USED = "used"
    """A refresh token that has been changed for a new pair."""
    UNKNOWN = "unknown"


@dataclass(slots=True)
class TokenPair:
    """A pair and the instants, in seconds since the epoch, at which its halves expire."""

    access: str
    refresh: str
    access_ends: float
    refresh_ends: float


class TokenPairs:
    """The living pair, if any, and the refresh token of the one before."""

    def __init__(self) -> None:
        self._pair: TokenPair | None = None
        self._used_refresh: str | None = None

    def issue(self, now: datetime) -> TokenPair:
        """Return a new pair; the one before is dead."""
        if self._pair is not None:
            self._used_refresh = self._pair.refresh
        instant = now.timestamp()
        self._pair = TokenPair(
            access=secrets.token_urlsafe(24),
            refresh=secrets.token_urlsafe(24),
            access_ends=instant + ACCESS_SECONDS,
            refresh_ends=instant + REFRESH_SECONDS,
        )
        return self._pair

    def access_standing(self, token: str, now: datetime) -> BrebTokenState:
        """Return what an access token is worth."""
        if self._pair is None or token != self._pair.access:
            return BrebTokenState.UNKNOWN
        return BrebTokenState.ALIVE if now.timestamp() < self._pair.access_ends else BrebTokenState.EXPIRED

    def refresh_standing(self, token: str, now: datetime) -> BrebTokenState:
        """Return what a refresh token is worth."""
        if token == self._used_refresh:
            return BrebTokenState.USED
        if self._pair is None or token != self._pair.refresh:
            return BrebTokenState.UNKNOWN
        return BrebTokenState.ALIVE if now.timestamp() < self._pair.refresh_ends else BrebTokenState.EXPIRED

    def expire(self, now: datetime, *, refresh_too: bool) -> None:
        """Let the access token expire now, and the refresh token with it if `refresh_too`."""
        if self._pair is not None:
            self._pair.access_ends = now.timestamp()
            if refresh_too:
                self._pair.refresh_ends = now.timestamp()
