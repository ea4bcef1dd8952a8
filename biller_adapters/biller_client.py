"""The client of one biller: calls under a token, whose reply codes are mapped by the manifest.

Shared by families, which differ in their `Dialect`. Outside a biller's opening hours nothing is sent, not
even an inquiry: `NotSent`, as for a far side that cannot be reached. Where the far side refuses the token
(HTTP 401, or a code mapped to `not_authenticated`), nothing was done, so the call is sent once more under
another token (billers.md 2.3, 2.4); nothing else is ever sent twice from here. The token in memory and the
one that another process stored may both be dead, so a call may be refused twice before it has a new token.
"""

from functools import partial

from biller_adapters.call_result import CallResult, MappedReply, TokensRefused, map_reply
from biller_adapters.dialect import Dialect, Fields
from biller_adapters.manifest import Manifest
from biller_adapters.sign_in import SignIn, StandingKey
from ekpay_switch import telemetry
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, reply_code
from ekpay_switch.wing_kit.token_keeper import KeeperTimes, NoToken, TokenKeeper, call_with_token

_OK = 200
_UNAUTHENTICATED = 401


class BillerClient:
    """One biller's URLs, token and codes.

    `NotSent` also where there was no token to send with, and `TokensRefused` where the biller refuses all. An
    answer that is no HTTP 200 or 401, no JSON object or has no code where the dialect wants it is
    `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, context: FamilyContext, dialect: Dialect) -> None:
        self._far_side = manifest.id
        self._wire = context.wire
        self._clock = context.clock
        self._dialect = dialect
        self._answer_seconds = manifest.timing.answer_seconds / context.divisor
        base = context.environ.get(manifest.endpoint.url_setting, manifest.endpoint.url_default).rstrip("/")
        self._urls = {name: base + operation.path for name, operation in manifest.operations.items()}
        self._replies = {name: operation.replies for name, operation in manifest.operations.items()}
        self._opening = manifest.opening
        self._keeper = self._build_keeper(manifest, context)

    def _build_keeper(self, manifest: Manifest, context: FamilyContext) -> TokenKeeper | StandingKey:
        if self._dialect.log_in is None:
            return StandingKey(manifest, self._dialect, context.environ)
        sign_in = SignIn(manifest, self._dialect, context.environ, self._send_without_token)
        times = KeeperTimes(
            lease_seconds=self._answer_seconds * sign_in.calls_max,
            wait_seconds=self._answer_seconds,
            pause_seconds=self._answer_seconds,
        )
        return TokenKeeper(manifest.id, context.tokens, context.clock, sign_in, times)

    async def call(self, operation: str, fields: Fields, send_before: float | None = None) -> CallResult:
        """One call; `send_before` (monotonic) where it moves money. Sent again where its token was dead."""
        closed_because = self._opening.closure_reason(self._clock.now())
        if closed_because:
            return NotSent(closed_because)
        send_once = partial(self._send_once, operation, fields, send_before)
        result = await call_with_token(self._keeper, send_once, self._is_refused)
        if self._is_refused(result):
            telemetry.log_warning("login_not_taken", biller_id=self._far_side, operation=operation)
        return result

    @staticmethod
    def _is_refused(result: CallResult) -> bool | None:
        return result.refuses_token if isinstance(result, MappedReply) else None

    async def _send_once(
        self, operation: str, fields: Fields, send_before: float | None
    ) -> tuple[CallResult, str]:
        token = self._keeper.cached_token or await self._keeper.token(self._token_wait_seconds(send_before))
        if isinstance(token, NoToken):
            return TokensRefused(token.why) if token.is_locked_out else NotSent(token.why), ""
        return await self._exchange(operation, fields, token, send_before), token

    async def _send_without_token(self, operation: str, fields: Fields) -> CallResult:
        return await self._exchange(operation, fields, "", None)

    def _token_wait_seconds(self, send_before: float | None) -> float:
        """How long to wait for a token, in seconds: a payment cannot use one after its send deadline."""
        if send_before is None:
            return self._answer_seconds
        return send_before - self._clock.monotonic()

    async def _exchange(
        self, operation: str, fields: Fields, token: str, send_before: float | None
    ) -> CallResult:
        headers, body = self._dialect.write(fields, token)
        request = WireRequest("POST", self._urls[operation], headers, body, self._answer_seconds, send_before)
        answer = await self._wire.send(self._far_side, request)
        if isinstance(answer, NotSent | NoUsableAnswer):
            return answer
        if answer.status == _UNAUTHENTICATED:
            return map_reply(self._replies[operation], str(_UNAUTHENTICATED), {})
        if answer.status != _OK:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = self._dialect.read(answer.body)
            code = reply_code(document, self._dialect.code_member)
            return map_reply(self._replies[operation], code, document)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))
