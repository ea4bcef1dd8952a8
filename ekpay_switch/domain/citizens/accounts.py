"""Citizens who are registered: a mobile number that was proven, and the browsers that proved it (T42, T44).

Pure. There is no passphrase to steal: whoever can read a text message at the number is let in, for as long as
the browser keeps its session. What would move money or the account itself asks for a code again.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

# A session ends so long after it was used last, and so long after it began.
IDLE_LIFE, WHOLE_LIFE = timedelta(days=30), timedelta(days=180)
# How long after a typed code a sensitive act may follow without another one.
FRESH_FOR = timedelta(minutes=10)
# The use of a session is written down no more often than this.
USE_STEP = timedelta(minutes=10)

_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("KaiOS", "KaiOS"),
    ("Windows", "Windows"), ("Mac OS X", "Mac"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
# The order matters: browsers name each other.
_BROWSERS = (
    ("OPR/", "Opera"), ("Opera Mini", "Opera Mini"), ("EdgA?/", "Edge"), ("SamsungBrowser/", "Samsung"),
    ("UCBrowser/", "UC Browser"), ("Firefox/|FxiOS/", "Firefox"), ("Chrome/|CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The citizen of a browser; `proven_at` is when a code was typed in it last, UTC as all times.

    `number` is `01XXXXXXXXX`.
    """

    citizen_id: UUID
    session_id: UUID
    number: str = field(repr=False)
    proven_at: datetime
    now: datetime

    @property
    def is_fresh(self) -> bool:
        """Whether a sensitive act may follow without another code."""
        return self.now - self.proven_at <= FRESH_FOR


@dataclass(frozen=True, slots=True)
class CitizenSession:
    """A browser that is signed in, as its citizen may read it."""

    session_id: UUID
    device: str
    begun_at: datetime
    used_at: datetime


def device_name(user_agent: str) -> str:
    """A browser and its system in words that people know, such as `Chrome, Android`; empty if unknown.

    Nothing else of what the browser sends is kept: a whole user agent is half a fingerprint.
    """
    browser = next((name for pattern, name in _BROWSERS if re.search(pattern, user_agent)), "")
    system = next((name for part, name in _SYSTEMS if part in user_agent), "")
    return ", ".join(filter(None, (browser, system)))
