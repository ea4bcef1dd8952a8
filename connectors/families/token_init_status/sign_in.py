"""Getting a token, and keeping with it what later calls must repeat of the login's answer."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, unquote

from connectors.call_result import Asked, Meant
from connectors.families.token_init_status.dialect import Dialect
from connectors.families.token_init_status.reading import Document, found, text_at
from connectors.manifest_parts import Means
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, whole_seconds
from ekpay_switch.wing_kit.token_keeper import Grant, NoToken

EARLY_SECONDS = 60.0

_TOKEN_LENGTH_MAX = 2_000
_LIFE_SECONDS_MAX = 86_400
# It stands in a header.
_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """One grant: its token, and what else of it is kept; both empty where the kept text was none of ours."""

    token: str = field(repr=False)
    told: Mapping[str, str | int] = field(repr=False)

    @property
    def kept(self) -> str:
        """The grant as one text of visible ASCII; `of` reads it back."""
        return quote(json.dumps({"token": self.token, "told": dict(self.told)}), safe="")

    @classmethod
    def of(cls, kept: str) -> Self:
        """The grant that was kept."""
        try:
            document = json.loads(unquote(kept))
            return cls(str(document["token"]), dict(document["told"]))
        except (ValueError, KeyError, TypeError):
            return cls("", {})


# Asks for a token.
AskLogin = Callable[[], Awaitable[Asked]]


class SignIn:
    """How the provider lets us in; `missing` is the setting of a secret that is not set, or empty."""

    def __init__(self, dialect: Dialect, missing: str, ask: AskLogin) -> None:
        self._login = dialect.login
        self._missing = missing
        self._ask = ask

    async def __call__(self, last: str) -> Grant | NoToken:
        """A new token; nothing of the last one is needed for it."""
        del last
        if self._missing:
            return NoToken(f"{self._missing} is not set", was_sent=False)
        asked = await self._ask()
        if isinstance(asked, NotSent | NoUsableAnswer):
            return NoToken(f"login: {asked.why}", was_sent=isinstance(asked, NoUsableAnswer))
        if asked.means is not Means.DONE:
            return NoToken(f"login: reply code {asked.code}")
        try:
            return self._granted(asked)
        except BrokenReplyError as error:
            return NoToken(f"login: {error}")

    def _granted(self, asked: Meant) -> Grant:
        reads, document = self._login.reads, asked.document
        token = text_at(document, reads.token, _TOKEN_LENGTH_MAX)
        if not _VISIBLE.fullmatch(token):
            raise BrokenReplyError(f"{reads.token} is no token")
        told = {name: _kept(document, path) for name, path in reads.keeps.items()}
        return Grant(LoggedIn(token, told).kept, min(self._life_seconds(document), _LIFE_SECONDS_MAX))

    def _life_seconds(self, document: Document) -> int:
        """What is told, as a number or as its digits."""
        paths = self._login.reads.life_seconds
        if not paths:
            return self._login.life_seconds
        value = found(document, paths)
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            value = int(value[:9])
        return whole_seconds({paths: value}, paths)


def _kept(document: Document, path: str) -> str | int:
    """A text or a whole number as it was told, so that it goes back as it came; raises BrokenReplyError."""
    value = found(document, path)
    words = text_at(document, path)
    return value if isinstance(value, int) else words
