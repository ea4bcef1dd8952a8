"""Getting a token from bKash: by renewing the last one where possible, else by a grant.

Both count towards the hourly limit of the whole cluster (connectors.md 1.2). So a declined renewal returns
`has_another_way`, and the keeper counts the grant before it is tried.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from connectors.call_result import CallResult, MappedReply
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
# The token is sent in a header.
_VISIBLE = re.compile(r"[\x21-\x7e]+")

# Sends one call without a token: its operation, headers and fields.
CallWithoutToken = Callable[[str, Mapping[str, str], Mapping[str, object]], Awaitable[CallResult]]


class BkashSignIn:
    """Logs in at bKash; a missing secret must not stop the other connectors."""

    def __init__(self, manifest: Manifest, environ: Mapping[str, str], call: CallWithoutToken) -> None:
        if set(_SECRETS) != manifest.secrets.keys():
            raise ManifestError(f"{manifest.id}: secrets of this family are {', '.join(_SECRETS)}")
        secrets = {name: environ.get(manifest.secrets[name], "") for name in _SECRETS}
        self._missing = next((manifest.secrets[name] for name in _SECRETS if not secrets[name]), "")
        self._headers = {"username": secrets["user"], "password": secrets["password"]}
        self._app = {"app_key": secrets["app_key"], "app_secret": secrets["app_secret"]}
        self._call = call
        self._last_renewed = ""

    @property
    def app_key(self) -> str:
        """The app key, which every call sends besides the token."""
        return self._app["app_key"]

    async def __call__(self, last_token: str) -> Grant | NoToken:
        """A new token; `last_token` was refused or has expired, or is empty."""
        if self._missing:
            return NoToken(f"{self._missing} is not set", was_sent=False)
        refresh = TokenPair.parse(last_token).refresh if last_token != self._last_renewed else ""
        if not refresh:
            return _read_grant(await self._call("grant", self._headers, self._app))
        renewed = _read_grant(
            await self._call("refresh", self._headers, {**self._app, "refresh_token": refresh})
        )
        if isinstance(renewed, Grant) or not renewed.was_sent:
            return renewed
        # The answer may be lost after the old token became invalid, so no token is renewed twice.
        self._last_renewed = last_token
        return replace(renewed, can_retry_at_once=True)


def _read_grant(result: CallResult) -> Grant | NoToken:
    if isinstance(result, NotSent | NoUsableAnswer):
        return NoToken(f"login: {result.why}", was_sent=isinstance(result, NoUsableAnswer))
    if result.means is not Means.DONE:
        return NoToken(f"login: reply code {result.code}")
    try:
        return _grant(result)
    except BrokenReplyError as error:
        return NoToken(f"login: {error}")


def _grant(result: MappedReply) -> Grant:
    token = bearer_token(result.document, "id_token")
    if not _VISIBLE.fullmatch(token):
        raise BrokenReplyError("id_token is no token")
    pair = TokenPair(token, text_or_empty(result.document, "refresh_token"))
    return Grant(pair.as_text, min(_life_seconds(result), _LIFE_SECONDS_MAX))


def _life_seconds(result: MappedReply) -> int:
    """`expires_in` in seconds, an integer or, in some versions, text; raises BrokenReplyError."""
    value = result.document.get("expires_in")
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return whole_seconds({"expires_in": int(value[:9])}, "expires_in")
    return whole_seconds(result.document, "expires_in")
