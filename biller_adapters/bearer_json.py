"""Calls with a JSON body under a bearer token, each answered with a code that the manifest knows or not.

Shared by families. What may surprise: a 401 is an answered no, nothing was done, so the call is sent once
more under a new token (billers.md 2.3); nothing else is ever sent twice from here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from biller_adapters.manifest import Manifest, ManifestError
from biller_adapters.manifest_parts import Means, Reason, Role
from biller_adapters.reply_reading import BrokenReplyError, json_object, text, whole_seconds
from biller_adapters.surroundings import Surroundings
from biller_adapters.token_keeper import Grant, KeeperTimes, NoToken, TokenKeeper
from ekpay_switch.ports import NotSent, NoUsableAnswer, WireRequest

_OK = 200
_UNAUTHENTICATED = 401
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Meant:
    """A whole answer, and what the manifest says that its code means (in doubt where it says nothing)."""

    means: Means
    reason: Reason | None
    code: str
    document: Mapping[str, Any]


Asked = Meant | NotSent | NoUsableAnswer


class BearerJson:
    """The line to one biller: its URLs, its token and its codes.

    `NotSent` also where there was no token to send with. An answer that is no HTTP 200 or 401, no JSON
    object or has no `statusCode` is `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._far_side = manifest.id
        self._wire = around.wire
        self._clock = around.clock
        self._answer_seconds = manifest.timing.answer_seconds / around.divisor
        base = around.environ.get(manifest.endpoint.url_setting, manifest.endpoint.url_default).rstrip("/")
        self._urls = {name: base + operation.path for name, operation in manifest.operations.items()}
        self._replies = {name: operation.replies for name, operation in manifest.operations.items()}
        self._login = _login_operation(manifest)
        self._credentials = _credentials(manifest, around.environ)
        times = KeeperTimes(lease_seconds=self._answer_seconds, wait_seconds=self._answer_seconds)
        self._keeper = TokenKeeper(manifest.id, around.tokens, around.clock, self._log_in, times)
        self._headers: Mapping[str, str] = _JSON
        self._headers_token = ""

    async def ask(
        self, operation: str, fields: Mapping[str, object], send_before: float | None = None
    ) -> Asked:
        """One call; `send_before` (monotonic) where it moves money. A 401 means log in once and repeat."""
        body = json.dumps(fields).encode()
        asked, token = await self._ask_once(operation, body, send_before)
        if not token or not isinstance(asked, Meant) or asked.code != str(_UNAUTHENTICATED):
            return asked
        self._keeper.refuse(token)
        again, _ = await self._ask_once(operation, body, send_before)
        return again

    async def _ask_once(self, operation: str, body: bytes, send_before: float | None) -> tuple[Asked, str]:
        token = self._keeper.held or await self._keeper.token(self._patience(send_before))
        if isinstance(token, NoToken):
            return NotSent(token.why), ""
        if token != self._headers_token:
            self._headers = {"Authorization": f"Bearer {token}", **_JSON}
            self._headers_token = token
        return await self._exchange(operation, body, self._headers, send_before), token

    def _patience(self, send_before: float | None) -> float:
        """How long to wait for a token, in seconds: a payment has no use for one after its last moment."""
        if send_before is None:
            return self._answer_seconds
        return send_before - self._clock.monotonic()

    async def _exchange(
        self, operation: str, body: bytes, headers: Mapping[str, str], send_before: float | None
    ) -> Asked:
        request = WireRequest("POST", self._urls[operation], headers, body, self._answer_seconds, send_before)
        answer = await self._wire.send(self._far_side, request)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return answer
        if answer.status == _UNAUTHENTICATED:
            return self._meant(operation, str(_UNAUTHENTICATED), {})
        if answer.status != _OK:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = json_object(answer.body)
            return self._meant(operation, text(document, "statusCode"), document)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))

    def _meant(self, operation: str, code: str, document: Mapping[str, Any]) -> Meant:
        reply = self._replies[operation].get(code)
        if reply is None:
            return Meant(Means.IN_DOUBT, None, code, document)
        return Meant(reply.means, reply.reason, code, document)

    async def _log_in(self) -> Grant | NoToken:
        if isinstance(self._credentials, NoToken):
            return self._credentials
        asked = await self._exchange(self._login, self._credentials, _JSON, None)
        if isinstance(asked, NotSent | NoUsableAnswer):
            return NoToken(f"login: {asked.why}")
        if asked.means is not Means.APPROVED:
            return NoToken(f"login: reply code {asked.code}")
        try:
            return Grant(text(asked.document, "token"), whole_seconds(asked.document, "expiresIn"))
        except BrokenReplyError as error:
            return NoToken(f"login: {error}")


def _login_operation(manifest: Manifest) -> str:
    for name, operation in manifest.operations.items():
        if operation.role is Role.LOG_IN:
            return name
    message = f"{manifest.id}: no operation has the role {Role.LOG_IN}"
    raise ManifestError(message)


def _credentials(manifest: Manifest, environ: Mapping[str, str]) -> bytes | NoToken:
    """The body of a login, or which setting is missing: that must not stop the other billers."""
    names = manifest.secrets
    user = environ.get(names.user_setting, names.user_default)
    password = environ.get(names.password_setting, "")
    if not user or not password:
        return NoToken(f"{names.password_setting if user else names.user_setting} is not set")
    return json.dumps({"user": user, "password": password}).encode()
