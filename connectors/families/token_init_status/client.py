"""The line to a provider: calls under the cluster's token, each answered with a code of the manifest, or not.

What may surprise: where the provider does not take the token nothing was done, so the call is sent once more
under another one; nothing else is ever sent twice from here. The token in our memory and the one that another
process has stored may both have died, so a call may meet two of them before its own login.
"""

from collections.abc import Mapping
from functools import partial

from connectors.call_result import Asked, Meant
from connectors.families.token_init_status.dialect import Dialect, Sends
from connectors.families.token_init_status.reading import Document, Reader, text_at
from connectors.families.token_init_status.sign_in import EARLY_SECONDS, LoggedIn, SignIn
from connectors.families.token_init_status.writing import Values, Writer, filled
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.pages import origin_of
from ekpay_switch import telemetry
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, reply_code
from ekpay_switch.wing_kit.token_keeper import KeeperTimes, NoToken, TokenKeeper, ask_under_token

_OK = 200
_CODED = range(400, 500)
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_NOBODY = LoggedIn("", {})


class Line:
    """A provider's URLs, token and codes.

    `NotSent` also where there was no token to send with. An answer that is neither HTTP 200 nor an error of
    a caller (HTTP 4xx), no JSON as the dialect says or without a code is `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, dialect: Dialect, around: Surroundings) -> None:
        self._far_side = manifest.id
        self._wire, self._clock = around.wire, around.clock
        self._answer_seconds = manifest.timing.answer_seconds / around.divisor
        self._base = manifest.url(around.environ)
        self._operations, self._replies = manifest.operations, manifest.replies
        self._dialect, self._reader = dialect, Reader(dialect)
        self._turned_away = frozenset(_gateway_code(status) for status in dialect.refused_http)
        self._sends: Mapping[str, Sends] = dict(dialect.sends())
        secrets = {name: around.environ.get(setting, "") for name, setting in manifest.secrets.items()}
        missing = next((manifest.secrets[name] for name, secret in secrets.items() if not secret), "")
        self._writer = Writer(dialect, secrets)
        times = KeeperTimes(
            lease_seconds=self._answer_seconds * 2,
            wait_seconds=self._answer_seconds,
            pause_seconds=self._answer_seconds,
            early_seconds=EARLY_SECONDS,
            logins_per_hour=dialect.login.per_hour,
        )
        sign_in = SignIn(dialect, missing, self._log_in)
        self._keeper = TokenKeeper(manifest.id, around.tokens, around.clock, sign_in, times)

    async def ask(self, operation: str, values: Values, send_before: float | None = None) -> Asked:
        """One call; `send_before` (monotonic) where it changes something. Repeated if its token had died."""
        once = partial(self._ask_once, operation, values, send_before)
        asked = await ask_under_token(self._keeper, once, self._is_refused)
        if self._is_refused(asked):
            telemetry.log_warning("login_not_taken", connector_id=self._far_side, operation=operation)
        return asked

    def _is_refused(self, asked: Asked) -> bool | None:
        return asked.code in self._turned_away if isinstance(asked, Meant) else None

    async def _ask_once(self, operation: str, values: Values, send_before: float | None) -> tuple[Asked, str]:
        token = await self._token(send_before)
        if isinstance(token, NoToken):
            return NotSent(token.why), ""
        login = LoggedIn.of(token)
        url = self._url(operation, values, login)
        if not url:
            # Another login may tell a right one; under this one nothing is ever sent there.
            self._keeper.refuse(token)
            return NotSent("the login told an address on another host"), token
        answer = await self._send(operation, url, values, login, send_before)
        return self._read(operation, answer) if isinstance(answer, WireAnswer) else answer, token

    async def _token(self, send_before: float | None) -> str | NoToken:
        """A token with all that calls repeat of its login; one that an older manifest kept is replaced."""
        for _ in range(2):
            token = self._keeper.held or await self._keeper.token(self._patience(send_before))
            if (
                isinstance(token, NoToken)
                or self._dialect.login.reads.keeps.keys() <= LoggedIn.of(token).told.keys()
            ):
                return token
            self._keeper.refuse(token)
        return NoToken("another process keeps tokens of an older manifest")

    def _patience(self, send_before: float | None) -> float:
        """How long to wait for a token, in seconds: a payment has no use for one after its last moment."""
        if send_before is None:
            return self._answer_seconds
        return send_before - self._clock.monotonic()

    def _url(self, operation: str, values: Values, login: LoggedIn) -> str:
        """Where this call goes; empty where the login told an address that is not the provider's own."""
        kept = self._dialect.init.url_from_login
        if operation != "init" or not kept:
            return self._base + filled(self._operations[operation].path, values)
        told = str(login.told.get(kept, ""))
        return told if origin_of(told) == origin_of(self._base) else ""

    async def _log_in(self) -> Asked:
        url = self._base + self._operations["login"].path
        answer = await self._send("login", url, {}, _NOBODY, None)
        return self._read("login", answer) if isinstance(answer, WireAnswer) else answer

    async def _send(
        self, operation: str, url: str, values: Values, login: LoggedIn, send_before: float | None
    ) -> WireAnswer | NotSent | NoUsableAnswer:
        method = self._operations[operation].method
        headers = dict(_JSON)
        if login.token:
            headers[self._dialect.token_header] = f"{self._dialect.token_prefix} {login.token}".lstrip()
        more = {"token": login.token, "today": self._writer.day(self._clock.now())}
        body = self._writer.body(self._sends[operation], {**values, **more}, login.told)
        if operation == "refund" and self._dialect.refund and self._dialect.refund.sends_as == "list":
            body = f"[{body}]"
        sent = b"" if method == "GET" else body.encode()
        request = WireRequest(method, url, headers, sent, self._answer_seconds, send_before)
        return await self._wire.send(self._far_side, request)

    def _read(self, operation: str, answer: WireAnswer) -> Meant | NoUsableAnswer:
        if operation != "login" and answer.status in self._dialect.refused_http:
            return self._meant(answer.status, _gateway_code(answer.status), {})
        if answer.status != _OK and answer.status not in _CODED:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = self._reader.document(operation, answer.body)
            paths = self._dialect.code_of(operation)
            code = reply_code({paths: text_at(document, paths)}, paths)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))
        if code in self._turned_away:
            # Only an HTTP status proves that nothing was done, and lets a call be sent again.
            return NoUsableAnswer("a code that no provider has")
        return self._meant(answer.status, code, document)

    def _meant(self, status: int, code: str, document: Document) -> Meant:
        reply = self._replies.get(code)
        # Success under an error's HTTP status is nothing that we know.
        if reply is None or (reply.means is Means.DONE and status != _OK):
            return Meant(Means.IN_DOUBT, None, code, document)
        return Meant(reply.means, reply.reason, code, document)


def _gateway_code(status: int) -> str:
    """What a manifest calls an answer that does not take the token, whatever stands in it."""
    return f"HTTP {status}"
