"""The client of bKash: calls under the cluster's token, whose reply codes are mapped by the manifest.

Where the gateway refuses the token (HTTP 401) nothing was done, so the call is sent once more under another
token; nothing else is ever sent twice from here. The token in memory and the one that another process stored
may both be dead, so a call may be refused twice before a new login.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from connectors.call_result import CallResult, MappedReply, map_reply
from connectors.families.bkash.replies import OK, UNAUTHENTICATED, code_of, gateway_code
from connectors.families.bkash.sign_in import EARLY_SECONDS, LOGINS_PER_HOUR, BkashSignIn
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch import telemetry
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object
from ekpay_switch.wing_kit.token_keeper import KeeperTimes, NoToken, TokenKeeper, call_with_token
from ekpay_switch.wing_kit.token_pair import TokenPair

_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_CLIENT_ERRORS = range(400, 500)

Fields = Mapping[str, object]


class BkashClient:
    """bKash's URLs, token and codes.

    `NotSent` also where there was no token to send with. An answer that is neither HTTP 200 nor an error of
    a caller (HTTP 4xx), no JSON object or in no known envelope is `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._far_side = manifest.id
        self._wire = context.wire
        self._clock = context.clock
        self._answer_seconds = manifest.timing.answer_seconds / context.divisor
        base = manifest.url(context.environ)
        self._urls = {name: base + operation.path for name, operation in manifest.operations.items()}
        self._replies = manifest.replies
        self._sign_in = BkashSignIn(manifest, context.environ, self._send_without_token)
        times = KeeperTimes(
            lease_seconds=self._answer_seconds * LOGINS_PER_HOUR,
            wait_seconds=self._answer_seconds,
            pause_seconds=self._answer_seconds,
            early_seconds=EARLY_SECONDS,
            logins_per_hour=LOGINS_PER_HOUR,
        )
        self._keeper = TokenKeeper(manifest.id, context.tokens, context.clock, self._sign_in, times)

    async def call(self, operation: str, fields: Fields, send_before: float | None = None) -> CallResult:
        """One call; `send_before` (monotonic) where it changes state. Sent again if the token was dead."""
        send_once = partial(self._send_once, operation, fields, send_before)
        result = await call_with_token(self._keeper, send_once, self._is_refused)
        if self._is_refused(result):
            telemetry.log_warning("login_not_taken", connector_id=self._far_side, operation=operation)
        return result

    @staticmethod
    def _is_refused(result: CallResult) -> bool | None:
        return result.code == gateway_code(UNAUTHENTICATED) if isinstance(result, MappedReply) else None

    async def _send_once(
        self, operation: str, fields: Fields, send_before: float | None
    ) -> tuple[CallResult, str]:
        token = self._keeper.cached_token or await self._keeper.token(self._token_wait_seconds(send_before))
        if isinstance(token, NoToken):
            return NotSent(token.why), ""
        headers = {"Authorization": TokenPair.parse(token).access, "X-APP-Key": self._sign_in.app_key}
        return await self._exchange(operation, headers, fields, send_before), token

    def _token_wait_seconds(self, send_before: float | None) -> float:
        """How long to wait for a token, in seconds: a payment cannot use one after its send deadline."""
        if send_before is None:
            return self._answer_seconds
        return send_before - self._clock.monotonic()

    async def _send_without_token(
        self, operation: str, headers: Mapping[str, str], fields: Fields
    ) -> CallResult:
        return await self._exchange(operation, headers, fields, None)

    async def _exchange(
        self, operation: str, headers: Mapping[str, str], fields: Fields, send_before: float | None
    ) -> CallResult:
        body = json.dumps(fields).encode()
        request = WireRequest(
            "POST", self._urls[operation], {**_JSON, **headers}, body, self._answer_seconds, send_before
        )
        answer = await self._wire.send(self._far_side, request)
        return self._read(answer) if isinstance(answer, WireAnswer) else answer

    def _read(self, answer: WireAnswer) -> MappedReply | NoUsableAnswer:
        if answer.status == UNAUTHENTICATED:
            return self._map_reply(answer.status, gateway_code(answer.status), {})
        if answer.status != OK and answer.status not in _CLIENT_ERRORS:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = json_object(answer.body)
            return self._map_reply(answer.status, code_of(answer.status, document), document)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))

    def _map_reply(self, status: int, code: str, document: Mapping[str, Any]) -> MappedReply:
        reply = map_reply(self._replies, code, document)
        # Success has one envelope only; the same code in an error envelope is in doubt.
        if reply.means is Means.DONE and (status != OK or "statusCode" not in document):
            return MappedReply(Means.IN_DOUBT, None, code, document)
        return reply
