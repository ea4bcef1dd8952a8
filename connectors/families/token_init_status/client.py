"""The client of a provider: calls under the cluster's token, whose reply codes are mapped by the manifest.

Where the provider refuses the token nothing was done, so the call is sent once more under another token;
nothing else is ever sent twice from here. The token in memory and the one that another process stored may
both be dead, so a call may be refused twice before a new login.
"""

from collections.abc import Mapping
from functools import partial

from connectors.call_result import CallResult, MappedReply, map_reply
from connectors.families.token_init_status.dialect import Dialect, Sends
from connectors.families.token_init_status.reading import Document, Reader, text_at
from connectors.families.token_init_status.sign_in import EARLY_SECONDS, LoginSession, TokenInitStatusSignIn
from connectors.families.token_init_status.writing import Values, Writer, fill_path
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.pages import origin_of
from ekpay_switch import telemetry
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, reply_code
from ekpay_switch.wing_kit.token_keeper import KeeperTimes, NoToken, TokenKeeper, call_with_token

_OK = 200
_CLIENT_ERRORS = range(400, 500)
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_NOT_LOGGED_IN = LoginSession("", {})


class TokenInitStatusClient:
    """A provider's URLs, token and codes.

    `NotSent` also where there was no token to send with. An answer that is neither HTTP 200 nor an error of
    a caller (HTTP 4xx), not the dialect's JSON or without a code is `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, dialect: Dialect, context: FamilyContext) -> None:
        self._far_side = manifest.id
        self._wire, self._clock = context.wire, context.clock
        self._answer_seconds = manifest.timing.answer_seconds / context.divisor
        self._base = manifest.url(context.environ)
        self._operations, self._replies = manifest.operations, manifest.replies
        self._dialect, self._reader = dialect, Reader(dialect)
        self._refused_codes = frozenset(_gateway_code(status) for status in dialect.refused_http)
        self._sends: Mapping[str, Sends] = dict(dialect.sends())
        secrets = {name: context.environ.get(setting, "") for name, setting in manifest.secrets.items()}
        missing = next((manifest.secrets[name] for name, secret in secrets.items() if not secret), "")
        self._writer = Writer(dialect, secrets)
        times = KeeperTimes(
            lease_seconds=self._answer_seconds * 2,
            wait_seconds=self._answer_seconds,
            pause_seconds=self._answer_seconds,
            early_seconds=EARLY_SECONDS,
            logins_per_hour=dialect.login.per_hour,
        )
        sign_in = TokenInitStatusSignIn(dialect, missing, self._log_in)
        self._keeper = TokenKeeper(manifest.id, context.tokens, context.clock, sign_in, times)

    async def call(self, operation: str, values: Values, send_before: float | None = None) -> CallResult:
        """One call; `send_before` (monotonic) where it changes state. Sent again if the token was dead."""
        send_once = partial(self._send_once, operation, values, send_before)
        result = await call_with_token(self._keeper, send_once, self._is_refused)
        if self._is_refused(result):
            telemetry.log_warning("login_not_taken", connector_id=self._far_side, operation=operation)
        return result

    def _is_refused(self, result: CallResult) -> bool | None:
        return result.code in self._refused_codes if isinstance(result, MappedReply) else None

    async def _send_once(
        self, operation: str, values: Values, send_before: float | None
    ) -> tuple[CallResult, str]:
        token = await self._token(send_before)
        if isinstance(token, NoToken):
            return NotSent(token.why), ""
        login = LoginSession.of(token)
        url = self._url(operation, values, login)
        if not url:
            # Another login may return a right URL; nothing is sent to this one.
            self._keeper.refuse(token)
            return NotSent("the login returned a URL on another host"), token
        answer = await self._send(operation, url, values, login, send_before)
        return self._read(operation, answer) if isinstance(answer, WireAnswer) else answer, token

    async def _token(self, send_before: float | None) -> str | NoToken:
        """A token with the kept values that calls need; one stored by an older manifest is replaced."""
        for _ in range(2):
            token = self._keeper.cached_token or await self._keeper.token(
                self._token_wait_seconds(send_before)
            )
            if (
                isinstance(token, NoToken)
                or self._dialect.login.reads.keeps.keys() <= LoginSession.of(token).kept_values.keys()
            ):
                return token
            self._keeper.refuse(token)
        return NoToken("another process keeps tokens of an older manifest")

    def _token_wait_seconds(self, send_before: float | None) -> float:
        """How long to wait for a token, in seconds: a payment cannot use one after its send deadline."""
        if send_before is None:
            return self._answer_seconds
        return send_before - self._clock.monotonic()

    def _url(self, operation: str, values: Values, login: LoginSession) -> str:
        """The URL of this call; empty where the login returned one on another origin."""
        url_name = self._dialect.init.url_from_login
        if operation != "init" or not url_name:
            return self._base + fill_path(self._operations[operation].path, values)
        url = str(login.kept_values.get(url_name, ""))
        return url if origin_of(url) == origin_of(self._base) else ""

    async def _log_in(self) -> CallResult:
        url = self._base + self._operations["login"].path
        answer = await self._send("login", url, {}, _NOT_LOGGED_IN, None)
        return self._read("login", answer) if isinstance(answer, WireAnswer) else answer

    async def _send(
        self, operation: str, url: str, values: Values, login: LoginSession, send_before: float | None
    ) -> WireAnswer | NotSent | NoUsableAnswer:
        method = self._operations[operation].method
        headers = dict(_JSON)
        if login.token:
            headers[self._dialect.token_header] = f"{self._dialect.token_prefix} {login.token}".lstrip()
        call_values = {"token": login.token, "today": self._writer.day(self._clock.now())}
        body = self._writer.body(self._sends[operation], {**values, **call_values}, login.kept_values)
        if operation == "refund" and self._dialect.refund and self._dialect.refund.sends_as == "list":
            body = f"[{body}]"
        content = b"" if method == "GET" else body.encode()
        request = WireRequest(method, url, headers, content, self._answer_seconds, send_before)
        return await self._wire.send(self._far_side, request)

    def _read(self, operation: str, answer: WireAnswer) -> MappedReply | NoUsableAnswer:
        if operation != "login" and answer.status in self._dialect.refused_http:
            return self._map_reply(answer.status, _gateway_code(answer.status), {})
        if answer.status != _OK and answer.status not in _CLIENT_ERRORS:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = self._reader.document(operation, answer.body)
            paths = self._dialect.code_of(operation)
            code = reply_code({paths: text_at(document, paths)}, paths)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))
        if code in self._refused_codes:
            # Only an HTTP status proves that nothing was done, so that a call may be sent again.
            return NoUsableAnswer("an HTTP code in the body")
        return self._map_reply(answer.status, code, document)

    def _map_reply(self, status: int, code: str, document: Document) -> MappedReply:
        reply = map_reply(self._replies, code, document)
        # Success under the HTTP status of an error is in doubt.
        if reply.means is Means.DONE and status != _OK:
            return MappedReply(Means.IN_DOUBT, None, code, document)
        return reply


def _gateway_code(status: int) -> str:
    """The manifest's code of an answer that refuses the token, whatever its body."""
    return f"HTTP {status}"
