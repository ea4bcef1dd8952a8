"""The line to bKash: calls under the cluster's token, each answered with a code that may be in the manifest.

What may surprise: where the gateway does not take the token (HTTP 401) nothing was done, so the call is sent
once more under another one; nothing else is ever sent twice from here. The token in our memory and the one
that another process has stored may both have died, so a call may meet two of them before its own login.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from connectors.call_result import Asked, Meant
from connectors.families.bkash.replies import OK, UNAUTHENTICATED, code_of, gateway_code
from connectors.families.bkash.sign_in import EARLY_SECONDS, LOGINS_PER_HOUR, SignIn
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch import telemetry
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object
from ekpay_switch.wing_kit.token_keeper import KeeperTimes, NoToken, TokenKeeper, ask_under_token
from ekpay_switch.wing_kit.token_pair import TokenPair

_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_CODED = range(400, 500)

Fields = Mapping[str, object]


class BkashLine:
    """bKash's URLs, token and codes.

    `NotSent` also where there was no token to send with. An answer that is neither HTTP 200 nor an error of
    a caller (HTTP 4xx), no JSON object or in no known envelope is `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._far_side = manifest.id
        self._wire = around.wire
        self._clock = around.clock
        self._answer_seconds = manifest.timing.answer_seconds / around.divisor
        base = manifest.url(around.environ)
        self._urls = {name: base + operation.path for name, operation in manifest.operations.items()}
        self._replies = manifest.replies
        self._sign_in = SignIn(manifest, around.environ, self._exchange_without_token)
        times = KeeperTimes(
            lease_seconds=self._answer_seconds * LOGINS_PER_HOUR,
            wait_seconds=self._answer_seconds,
            pause_seconds=self._answer_seconds,
            early_seconds=EARLY_SECONDS,
            logins_per_hour=LOGINS_PER_HOUR,
        )
        self._keeper = TokenKeeper(manifest.id, around.tokens, around.clock, self._sign_in, times)

    async def ask(self, operation: str, fields: Fields, send_before: float | None = None) -> Asked:
        """One call; `send_before` (monotonic) where it changes something. Repeated if its token had died."""
        once = partial(self._ask_once, operation, fields, send_before)
        asked = await ask_under_token(self._keeper, once, self._is_refused)
        if self._is_refused(asked):
            telemetry.log_warning("login_not_taken", connector_id=self._far_side, operation=operation)
        return asked

    @staticmethod
    def _is_refused(asked: Asked) -> bool | None:
        return asked.code == gateway_code(UNAUTHENTICATED) if isinstance(asked, Meant) else None

    async def _ask_once(self, operation: str, fields: Fields, send_before: float | None) -> tuple[Asked, str]:
        token = self._keeper.held or await self._keeper.token(self._patience(send_before))
        if isinstance(token, NoToken):
            return NotSent(token.why), ""
        headers = {"Authorization": TokenPair.of(token).access, "X-APP-Key": self._sign_in.app_key}
        return await self._exchange(operation, headers, fields, send_before), token

    def _patience(self, send_before: float | None) -> float:
        """How long to wait for a token, in seconds: a payment has no use for one after its last moment."""
        if send_before is None:
            return self._answer_seconds
        return send_before - self._clock.monotonic()

    async def _exchange_without_token(
        self, operation: str, headers: Mapping[str, str], fields: Fields
    ) -> Asked:
        return await self._exchange(operation, headers, fields, None)

    async def _exchange(
        self, operation: str, headers: Mapping[str, str], fields: Fields, send_before: float | None
    ) -> Asked:
        body = json.dumps(fields).encode()
        request = WireRequest(
            "POST", self._urls[operation], {**_JSON, **headers}, body, self._answer_seconds, send_before
        )
        answer = await self._wire.send(self._far_side, request)
        return self._read(answer) if isinstance(answer, WireAnswer) else answer

    def _read(self, answer: WireAnswer) -> Meant | NoUsableAnswer:
        if answer.status == UNAUTHENTICATED:
            return self._meant(answer.status, gateway_code(answer.status), {})
        if answer.status != OK and answer.status not in _CODED:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = json_object(answer.body)
            return self._meant(answer.status, code_of(answer.status, document), document)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))

    def _meant(self, status: int, code: str, document: Mapping[str, Any]) -> Meant:
        reply = self._replies.get(code)
        if reply is None:
            return Meant(Means.IN_DOUBT, None, code, document)
        # Success has one envelope; the same code in an error's is nothing that we know.
        if reply.means is Means.DONE and (status != OK or "statusCode" not in document):
            return Meant(Means.IN_DOUBT, None, code, document)
        return Meant(reply.means, reply.reason, code, document)
