"""The line to one biller: calls under a token, each answered with a code that the manifest knows or not.

Shared by families, which differ in their `Dialect`. Outside a biller's hours nothing is sent, a question
neither: that is `NotSent` like any far side that cannot be reached. What may surprise: where the far side
does not take the token (HTTP 401, or a code mapped to `not_authenticated`), nothing was done, so the call is
sent once more under another one (billers.md 2.3, 2.4); nothing else is ever sent twice from here. The one in
our memory and the one that another process has stored may both have died, so a call may meet two dead tokens
before it has a new one.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from biller_adapters.call_result import Asked, Meant, ShutOut
from biller_adapters.dialect import Dialect, Fields
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means
from biller_adapters.sign_in import SignIn, StandingKey
from ekpay_switch import telemetry
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, reply_code
from ekpay_switch.wing_kit.token_keeper import KeeperTimes, NoToken, TokenKeeper, ask_under_token

_OK = 200
_UNAUTHENTICATED = 401


class BillerLine:
    """One biller's URLs, token and codes.

    `NotSent` also where there was no token to send with, and `ShutOut` where the biller takes none. An answer
    that is no HTTP 200 or 401, no JSON object or has no code where the dialect wants it is `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, around: Surroundings, dialect: Dialect) -> None:
        self._far_side = manifest.id
        self._wire = around.wire
        self._clock = around.clock
        self._dialect = dialect
        self._answer_seconds = manifest.timing.answer_seconds / around.divisor
        base = around.environ.get(manifest.endpoint.url_setting, manifest.endpoint.url_default).rstrip("/")
        self._urls = {name: base + operation.path for name, operation in manifest.operations.items()}
        self._replies = {name: operation.replies for name, operation in manifest.operations.items()}
        self._opening = manifest.opening
        self._keeper = self._keeper_of(manifest, around)

    def _keeper_of(self, manifest: Manifest, around: Surroundings) -> TokenKeeper | StandingKey:
        if self._dialect.log_in is None:
            return StandingKey(manifest, self._dialect, around.environ)
        sign_in = SignIn(manifest, self._dialect, around.environ, self._ask_without_token)
        times = KeeperTimes(
            lease_seconds=self._answer_seconds * sign_in.calls_max,
            wait_seconds=self._answer_seconds,
            pause_seconds=self._answer_seconds,
        )
        return TokenKeeper(manifest.id, around.tokens, around.clock, sign_in, times)

    async def ask(self, operation: str, fields: Fields, send_before: float | None = None) -> Asked:
        """One call; `send_before` (monotonic) where it moves money. Repeated where its token had died."""
        closed = self._opening.closed_because(self._clock.now())
        if closed:
            return NotSent(closed)
        once = partial(self._ask_once, operation, fields, send_before)
        asked = await ask_under_token(self._keeper, once, self._is_refused)
        if self._is_refused(asked):
            telemetry.log_warning("login_not_taken", biller_id=self._far_side, operation=operation)
        return asked

    @staticmethod
    def _is_refused(asked: Asked) -> bool | None:
        return asked.refuses_token if isinstance(asked, Meant) else None

    async def _ask_once(self, operation: str, fields: Fields, send_before: float | None) -> tuple[Asked, str]:
        token = self._keeper.held or await self._keeper.token(self._patience(send_before))
        if isinstance(token, NoToken):
            return ShutOut(token.why) if token.is_shut_out else NotSent(token.why), ""
        return await self._exchange(operation, fields, token, send_before), token

    async def _ask_without_token(self, operation: str, fields: Fields) -> Asked:
        return await self._exchange(operation, fields, "", None)

    def _patience(self, send_before: float | None) -> float:
        """How long to wait for a token, in seconds: a payment has no use for one after its last moment."""
        if send_before is None:
            return self._answer_seconds
        return send_before - self._clock.monotonic()

    async def _exchange(self, operation: str, fields: Fields, token: str, send_before: float | None) -> Asked:
        headers, body = self._dialect.write(fields, token)
        request = WireRequest("POST", self._urls[operation], headers, body, self._answer_seconds, send_before)
        answer = await self._wire.send(self._far_side, request)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return answer
        if answer.status == _UNAUTHENTICATED:
            return self._meant(operation, str(_UNAUTHENTICATED), {})
        if answer.status != _OK:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = self._dialect.read(answer.body)
            return self._meant(operation, reply_code(document, self._dialect.code_member), document)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))

    def _meant(self, operation: str, code: str, document: Mapping[str, Any]) -> Meant:
        reply = self._replies[operation].get(code)
        if reply is None:
            return Meant(Means.IN_DOUBT, None, code, document)
        return Meant(reply.means, reply.reason, code, document, reply.next_step)
