"""An access token with the refresh token that renews it, as one text that a keeper can hold.

The pair is kept whole, so that whichever process renews it has both halves of the same grant.
"""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlencode


@dataclass(frozen=True, slots=True)
class TokenPair:
    """One grant of a far side; either half may be empty where the kept text was none of ours."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)

    @property
    def as_text(self) -> str:
        """The pair as one text of visible ASCII; `of` reads it back."""
        return urlencode({"access": self.access, "refresh": self.refresh})

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pair that was kept."""
        halves = parse_qs(text)
        return cls(halves.get("access", [""])[0], halves.get("refresh", [""])[0])
