"""Getting a token from bKash: renewed where the last one can be, else granted.

Both count towards what the whole cluster may ask for in an hour (connectors.md 1.2), so a renewal that was
answered with a no says that there is another way, and the keeper counts that one too before it is tried.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from connectors.call_result import Asked, Meant
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, bearer_token, text_or_empty, whole_seconds
from ekpay_switch.wing_kit.token_keeper import Grant, NoToken
from ekpay_switch.wing_kit.token_pair import TokenPair

LOGINS_PER_HOUR = 2
# A token lives an hour and is renewed after 54 minutes (connectors.md 1.2).
EARLY_SECONDS = 360.0

_SECRETS = ("user", "password", "app_key", "app_secret")
_LIFE_SECONDS_MAX = 86_400
# It stands in a header.
_VISIBLE = re.compile(r"[\x21-\x7e]+")

# One call without a token: its operation, what stands in its headers, its fields.
AskWithoutToken = Callable[[str, Mapping[str, str], Mapping[str, object]], Awaitable[Asked]]


class SignIn:
    """How bKash lets us in; a missing secret must not stop the other connectors."""

    def __init__(self, manifest: Manifest, environ: Mapping[str, str], ask: AskWithoutToken) -> None:
        if set(_SECRETS) != manifest.secrets.keys():
            raise ManifestError(f"{manifest.id}: secrets of this family are {', '.join(_SECRETS)}")
        secrets = {name: environ.get(manifest.secrets[name], "") for name in _SECRETS}
        self._missing = next((manifest.secrets[name] for name in _SECRETS if not secrets[name]), "")
        self._headers = {"username": secrets["user"], "password": secrets["password"]}
        self._app = {"app_key": secrets["app_key"], "app_secret": secrets["app_secret"]}
        self._ask = ask
        self._renewed = ""

    @property
    def app_key(self) -> str:
        """What every call under a token shows besides it."""
        return self._app["app_key"]

    async def __call__(self, last: str) -> Grant | NoToken:
        """A new token in place of the last one, which was refused or has ended, or is empty."""
        if self._missing:
            return NoToken(f"{self._missing} is not set", was_sent=False)
        refresh = TokenPair.of(last).refresh if last != self._renewed else ""
        if not refresh:
            return _granted(await self._ask("grant", self._headers, self._app))
        renewed = _granted(await self._ask("refresh", self._headers, {**self._app, "refresh_token": refresh}))
        if isinstance(renewed, Grant) or not renewed.was_sent:
            return renewed
        # Its answer may be lost after the old token has died, so it is never renewed twice.
        self._renewed = last
        return replace(renewed, has_another_way=True)


def _granted(asked: Asked) -> Grant | NoToken:
    if isinstance(asked, NotSent | NoUsableAnswer):
        return NoToken(f"login: {asked.why}", was_sent=isinstance(asked, NoUsableAnswer))
    if asked.means is not Means.DONE:
        return NoToken(f"login: reply code {asked.code}")
    try:
        return _grant(asked)
    except BrokenReplyError as error:
        return NoToken(f"login: {error}")


def _grant(asked: Meant) -> Grant:
    token = bearer_token(asked.document, "id_token")
    if not _VISIBLE.fullmatch(token):
        raise BrokenReplyError("id_token is no token")
    pair = TokenPair(token, text_or_empty(asked.document, "refresh_token"))
    return Grant(pair.kept, min(_life_seconds(asked), _LIFE_SECONDS_MAX))


def _life_seconds(asked: Meant) -> int:
    """`expires_in`, an integer; some versions write it as text."""
    told = asked.document.get("expires_in")
    if isinstance(told, str) and told.isascii() and told.isdecimal():
        return whole_seconds({"expires_in": int(told[:9])}, "expires_in")
    return whole_seconds(asked.document, "expires_in")
