"""Getting a token from a biller: by renewing the last one where that can be done, else with the password.

What may surprise: a renewal is tried once per token. Its answer may be lost after the old token has died,
so whatever came of it, the next try starts from scratch.
"""

from collections.abc import Awaitable, Callable, Mapping

from biller_adapters.call_result import Asked, Meant
from biller_adapters.dialect import Credentials, Dialect, Fields
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Means, Role
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from ekpay_switch.wing_kit.token_keeper import Grant, NoToken

# One call without a token: the name of its operation and its fields.
AskWithoutToken = Callable[[str, Fields], Awaitable[Asked]]


class SignIn:
    """How one biller lets us in; a missing password must not stop the other billers."""

    def __init__(
        self, manifest: Manifest, dialect: Dialect, environ: Mapping[str, str], ask: AskWithoutToken
    ) -> None:
        self._dialect = dialect
        self._ask = ask
        self._log_in = _operation(manifest, Role.LOG_IN)
        self._renew = _operation(manifest, Role.RENEW)
        self._credentials = credentials_of(manifest, environ)
        self._renewed = ""
        if not self._log_in or dialect.log_in is None:
            raise ManifestError(f"{manifest.id}: no operation has the role {Role.LOG_IN}")
        self._login_fields = dialect.log_in

    @property
    def calls_max(self) -> int:
        """How many calls one sign-in may take."""
        return 2 if self._renew else 1

    async def __call__(self, last: str) -> Grant | NoToken:
        """A new token in place of the last one, which was refused or has ended, or is empty."""
        fields = self._dialect.renew(last) if self._renew and last and last != self._renewed else None
        if fields is not None:
            self._renewed = last
            asked = await self._ask(self._renew, fields)
            if not isinstance(asked, Meant) or asked.means is Means.APPROVED:
                return self._granted(asked)
        if isinstance(self._credentials, NoToken):
            return self._credentials
        login = self._login_fields(self._credentials.user, self._credentials.password)
        return self._granted(await self._ask(self._log_in, login))

    def _granted(self, asked: Asked) -> Grant | NoToken:
        if isinstance(asked, NotSent | NoUsableAnswer):
            return NoToken(f"login: {asked.why}")
        if asked.means is not Means.APPROVED:
            return NoToken(f"login: reply code {asked.code}")
        try:
            return self._dialect.read_grant(asked.document)
        except BrokenReplyError as error:
            return NoToken(f"login: {error}")


def _operation(manifest: Manifest, role: Role) -> str:
    return next((name for name, operation in manifest.operations.items() if operation.role is role), "")


class StandingKey:
    """What stands in the token's place at a far side that gives out none; it never ends."""

    def __init__(self, manifest: Manifest, dialect: Dialect, environ: Mapping[str, str]) -> None:
        credentials = credentials_of(manifest, environ)
        self._key = credentials if isinstance(credentials, NoToken) else dialect.key(credentials)

    @property
    def held(self) -> str:
        """Nothing is held beforehand; see `token`."""
        return ""

    async def token(self, within_seconds: float) -> str | NoToken:
        """The key, or which setting is missing."""
        del within_seconds
        return self._key

    def accept(self, token: str) -> None:
        """Nothing depends on whether it was ever taken."""

    def is_sent_again(self, token: str, sends: int) -> bool:
        """Another key would have to be set by a person."""
        del token, sends
        return False


def credentials_of(manifest: Manifest, environ: Mapping[str, str]) -> Credentials | NoToken:
    """What the settings that the manifest names hold, or which of them is missing."""
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
