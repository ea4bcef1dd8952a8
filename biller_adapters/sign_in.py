"""Getting a token from a biller: by renewing the last one where possible, else by a login.

A renewal is tried once per token: its answer may be lost after the old token became invalid, so the next try
is a login.
"""

from collections.abc import Awaitable, Callable, Mapping

from biller_adapters.call_result import CallResult, MappedReply
from biller_adapters.dialect import Credentials, Dialect, Fields
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means, Role
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from ekpay_switch.wing_kit.token_keeper import Grant, NoToken

# Sends one call without a token: the name of its operation and its fields.
CallWithoutToken = Callable[[str, Fields], Awaitable[CallResult]]


class SignIn:
    """Logs in at one biller; a missing password must not stop the other billers."""

    def __init__(
        self, manifest: Manifest, dialect: Dialect, environ: Mapping[str, str], call: CallWithoutToken
    ) -> None:
        self._dialect = dialect
        self._call = call
        self._log_in = _operation_with_role(manifest, Role.LOG_IN)
        self._renew = _operation_with_role(manifest, Role.RENEW)
        self._credentials = credentials_of(manifest, environ)
        self._last_renewed = ""
        if not self._log_in or dialect.log_in is None:
            raise ManifestError(f"{manifest.id}: no operation has the role {Role.LOG_IN}")
        self._login_fields = dialect.log_in

    @property
    def calls_max(self) -> int:
        """How many calls one sign-in may take."""
        return 2 if self._renew else 1

    async def __call__(self, last_token: str) -> Grant | NoToken:
        """A new token; `last_token` was refused or has expired, or is empty."""
        fields = (
            self._dialect.renew(last_token)
            if self._renew and last_token and last_token != self._last_renewed
            else None
        )
        if fields is not None:
            self._last_renewed = last_token
            result = await self._call(self._renew, fields)
            if not isinstance(result, MappedReply) or result.means is Means.APPROVED:
                return self._read_grant(result)
        if isinstance(self._credentials, NoToken):
            return self._credentials
        login = self._login_fields(self._credentials.user, self._credentials.password)
        return self._read_grant(await self._call(self._log_in, login))

    def _read_grant(self, result: CallResult) -> Grant | NoToken:
        if isinstance(result, NotSent | NoUsableAnswer):
            return NoToken(f"login: {result.why}")
        if result.means is not Means.APPROVED:
            return NoToken(f"login: reply code {result.code}")
        try:
            return self._dialect.read_grant(result.document)
        except BrokenReplyError as error:
            return NoToken(f"login: {error}")


def _operation_with_role(manifest: Manifest, role: Role) -> str:
    return next((name for name, operation in manifest.operations.items() if operation.role is role), "")


class StandingKey:
    """The key that takes the token's place at a far side that issues none; it never expires."""

    def __init__(self, manifest: Manifest, dialect: Dialect, environ: Mapping[str, str]) -> None:
        credentials = credentials_of(manifest, environ)
        self._key = credentials if isinstance(credentials, NoToken) else dialect.key(credentials)

    @property
    def cached_token(self) -> str:
        """Always empty: the key comes from `token`."""
        return ""

    async def token(self, within_seconds: float) -> str | NoToken:
        """The key, or the setting that is missing."""
        del within_seconds
        return self._key

    def accept(self, token: str) -> None:
        """Nothing: a standing key has no state."""

    def may_resend(self, token: str, sends: int) -> bool:
        """False: only a person can set another key."""
        del token, sends
        return False


def credentials_of(manifest: Manifest, environ: Mapping[str, str]) -> Credentials | NoToken:
    """The credentials in the settings that the manifest names, or the setting that is missing."""
    names = manifest.secrets
    user = environ.get(names.user_setting, names.user_default)
    password = environ.get(names.password_setting, "")
    more = {name: environ.get(setting, "") for name, setting in names.more.items()}
    missing = [names.more[name] for name, secret in more.items() if not secret]
    if not password:
        missing.insert(0, names.password_setting)
    if not user:
        missing.insert(0, names.user_setting)
    return NoToken(f"{missing[0]} is not set") if missing else Credentials(user, password, more)
