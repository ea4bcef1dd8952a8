"""Getting a token, and keeping the values of the login's answer that later calls send."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, unquote

from connectors.call_result import CallResult, MappedReply
from connectors.families.token_init_status.dialect import Dialect
from connectors.families.token_init_status.reading import Document, text_at, value_at
from connectors.manifest_parts import Means
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, whole_seconds
from ekpay_switch.wing_kit.token_keeper import Grant, NoToken

EARLY_SECONDS = 60.0

_TOKEN_LENGTH_MAX = 2_000
_LIFE_SECONDS_MAX = 86_400
# The token is sent in a header.
_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A login's token and the values kept from it; both empty where the stored text is unusable."""

    token: str = field(repr=False)
    kept_values: Mapping[str, str | int] = field(repr=False)

    @property
    def stored_text(self) -> str:
        """The session as one text of visible ASCII; `of` reads it back."""
        return quote(json.dumps({"token": self.token, "told": dict(self.kept_values)}), safe="")

    @classmethod
    def of(cls, stored_text: str) -> Self:
        """The session in a stored text."""
        try:
            document = json.loads(unquote(stored_text))
            return cls(str(document["token"]), dict(document["told"]))
        except (ValueError, KeyError, TypeError):
            return cls("", {})


# Sends a login.
LogIn = Callable[[], Awaitable[CallResult]]


class TokenInitStatusSignIn:
    """Logs in at the provider; `missing` is the setting of a missing secret, or empty."""

    def __init__(self, dialect: Dialect, missing: str, log_in: LogIn) -> None:
        self._login = dialect.login
        self._missing = missing
        self._log_in = log_in

    async def __call__(self, last: str) -> Grant | NoToken:
        """A new token; the last one is not needed for it."""
        del last
        if self._missing:
            return NoToken(f"{self._missing} is not set", was_sent=False)
        result = await self._log_in()
        if isinstance(result, NotSent | NoUsableAnswer):
            return NoToken(f"login: {result.why}", was_sent=isinstance(result, NoUsableAnswer))
        if result.means is not Means.DONE:
            return NoToken(f"login: reply code {result.code}")
        try:
            return self._read_grant(result)
        except BrokenReplyError as error:
            return NoToken(f"login: {error}")

    def _read_grant(self, result: MappedReply) -> Grant:
        reads, document = self._login.reads, result.document
        token = text_at(document, reads.token, _TOKEN_LENGTH_MAX)
        if not _VISIBLE.fullmatch(token):
            raise BrokenReplyError(f"{reads.token} is no token")
        kept_values = {name: _value_to_keep(document, path) for name, path in reads.keeps.items()}
        return Grant(
            LoginSession(token, kept_values).stored_text, min(self._life_seconds(document), _LIFE_SECONDS_MAX)
        )

    def _life_seconds(self, document: Document) -> int:
        """The life in the answer, a number or its digits, or the dialect's; raises BrokenReplyError."""
        paths = self._login.reads.life_seconds
        if not paths:
            return self._login.life_seconds
        value = value_at(document, paths)
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            value = int(value[:9])
        return whole_seconds({paths: value}, paths)


def _value_to_keep(document: Document, path: str) -> str | int:
    """A text or whole number, unchanged, so that later calls send it as it came; raises BrokenReplyError."""
    value = value_at(document, path)
    value_text = text_at(document, path)
    return value if isinstance(value, int) else value_text
