"""The tokens of an app, and what happens to one that asks for too many.

An app gets so many tokens an hour, granted or refreshed; the call after that blocks it for an hour, for every
call. Tokens are part of the book, because a restart of the far side logs nobody out.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from sandbox.kit.institution.journal import JournalLine

TOKEN_SECONDS = 3_600
REFRESH_SECONDS = 28 * 86_400
BLOCK_SECONDS = 3_600
_HOUR = timedelta(hours=1)


class BkashTokenState(Enum):
    """What an id token is worth."""

    ALIVE = "alive"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class AppTokens:
    """The living tokens of one app, by the instant at which they expire, and the grants of the last hour."""

    _id_tokens: dict[str, datetime] = field(default_factory=dict)
    _refresh_tokens: dict[str, datetime] = field(default_factory=dict)
    _granted_at: list[datetime] = field(default_factory=list)
    _blocked_until: datetime | None = None

    def is_blocked(self, now: datetime) -> bool:
        """Whether every call of the app is refused."""
        return self._blocked_until is not None and now < self._blocked_until

    def grants_within_an_hour(self, now: datetime) -> int:
        """Return how many tokens were given out in the last hour."""
        return sum(1 for instant in self._granted_at if instant > now - _HOUR)

    def standing(self, id_token: str, now: datetime) -> BkashTokenState:
        """Return what an id token is worth."""
        end = self._id_tokens.get(id_token)
        if end is None:
            return BkashTokenState.UNKNOWN
        return BkashTokenState.ALIVE if now < end else BkashTokenState.EXPIRED

    def may_refresh(self, refresh_token: str, now: datetime) -> bool:
        """Whether a refresh token is known and younger than 28 days."""
        end = self._refresh_tokens.get(refresh_token)
        return end is not None and now < end

    def apply(self, kind: str, line: JournalLine) -> None:
        """Let an event of the journal count: granted, expired or blocked."""
        now = datetime.fromisoformat(str(line["at"]))
        if kind == "granted":
            self._granted_at = [instant for instant in self._granted_at if instant > now - _HOUR] + [now]
            self._id_tokens[str(line["id_token"])] = now + timedelta(seconds=TOKEN_SECONDS)
            self._refresh_tokens[str(line["refresh_token"])] = now + timedelta(seconds=REFRESH_SECONDS)
        elif kind == "expired":
            self._id_tokens = {token: min(end, now) for token, end in self._id_tokens.items()}
        else:
            self._blocked_until = now + timedelta(seconds=BLOCK_SECONDS)


def grant_event(now: datetime) -> JournalLine:
    """Return the event of a new pair of tokens."""
    return _event("granted", now) | {
        "id_token": secrets.token_urlsafe(48),
        "refresh_token": secrets.token_urlsafe(48),
    }


def expiry_event(now: datetime) -> JournalLine:
    """Return the event that every id token dies."""
    return _event("expired", now)


def block_event(now: datetime) -> JournalLine:
    """Return the event that the app is blocked for an hour."""
    return _event("blocked", now)


def _event(kind: str, now: datetime) -> JournalLine:
    return {"kind": kind, "at": now.isoformat()}
