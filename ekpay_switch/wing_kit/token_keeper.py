"""One bearer token for the whole cluster, fetched by one process at a time and cached here.

The hot path costs nothing: the token is kept in memory until the far side refuses it or its life ends. Only
then is the database read, by one task of this process for all callers that wait.

What may surprise: a refused token is replaced at once, and so is a new one that was refused before it was
ever accepted. After two such in a row another login would not help, and a login for every call would soon
lock us out: this process does not log in for `pause_seconds`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Protocol, TypeVar

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.ports.world import Clock, Tokens

Reply = TypeVar("Reply")

# A token may go into a header: anything but visible ASCII is somebody's mistake, or worse.
_USABLE = re.compile(r"[\x21-\x7e]{1,8192}")
_REFUSED_LOGINS_MAX = 2
_SENDS_MAX = 3
_LOCKED_OUT = "the far side refuses the tokens that it gives"


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that the far side has just given, and for how many seconds."""

    token: str = field(repr=False)
    life_seconds: float


@dataclass(frozen=True, slots=True)
class NoToken:
    """There is no token; nothing that needs one was sent.

    `has_another_way` says that another kind of login may bring one at once; `was_sent` is false where not a
    byte of the login left us. `is_shut_out` says that the far side refuses the tokens that it gives.
    """

    why: str
    can_retry_at_once: bool = False
    was_sent: bool = True
    is_locked_out: bool = False


@dataclass(frozen=True, slots=True)
class KeeperTimes:
    """How long a login may take, how long to wait for another process's, and how often to poll, in seconds.

    A token counts as ended `early_seconds` before its time, so that it does not end on its way. All processes
    together log in at most `logins_per_hour` times within an hour; None is no limit. A token is new for
    `pause_seconds`, or until the far side accepts it; where only new ones are refused, this process does not
    log in again for as long.
    """

    lease_seconds: float
    wait_seconds: float
    poll_seconds: float = 0.1
    early_seconds: float = 30.0
    pause_seconds: float = 15.0
    logins_per_hour: int | None = None


# Gets a new token in place of the one that was refused or has ended, or of none ("").
LogIn = Callable[[str], Awaitable[Grant | NoToken]]


class TokenSource(Protocol):
    """A source of tokens that is told whether the far side accepted them."""

    def accept(self, token: str) -> None:
        """The far side accepted this token."""
        ...

    def may_resend(self, token: str, sends: int) -> bool:
        """The far side refused this token: whether its call, sent so often, is sent once more."""
        ...


async def call_with_token(
    keeper: TokenSource,
    send_once: Callable[[], Awaitable[tuple[Reply, str]]],
    is_refused: Callable[[Reply], bool | None],
) -> Reply:
    """One call, sent again where its token was refused: such a call has done nothing.

    `send_once` sends it under the current token and returns the reply with that token; `is_refused` says
    whether the token was refused, or None where a reply tells nothing about it.
    """
    sends, (reply, token) = 1, await send_once()
    while is_refused(reply) and keeper.may_resend(token, sends):
        sends, (reply, token) = sends + 1, await send_once()
    if is_refused(reply) is False:
        keeper.accept(token)
    return reply


class TokenKeeper:
    """Keeps the token of one far side: current, else lease, log in and store (single flight)."""

    def __init__(
        self, far_side: str, tokens: Tokens, clock: Clock, log_in: LogIn, times: KeeperTimes
    ) -> None:
        self._far_side = far_side
        self._tokens = tokens
        self._clock = clock
        self._log_in = log_in
        self._times = times
        self._token = ""
        self._good_until = -inf
        self._refused = ""
        self._new_until = -inf
        self._refused_logins = 0
        self._no_login_before = -inf
        self._login_task: asyncio.Task[str | NoToken] | None = None

    @property
    def cached_token(self) -> str:
        """The token in memory, or empty; makes no call."""
        return self._token if self._clock.monotonic() < self._good_until else ""

    async def token(self, within_seconds: float) -> str | NoToken:
        """A token that was good when last seen, or why there is none after at most that long."""
        if self.cached_token:
            return self._token
        if self._login_task is None or self._login_task.done():
            self._login_task = asyncio.create_task(self._obtain())
        flight = self._login_task
        # A caller that gives up must not take the login away from the others, so nothing is cancelled here.
        await asyncio.wait({flight}, timeout=max(within_seconds, 0.0))
        return flight.result() if flight.done() else NoToken("no token in time")

    def accept(self, token: str) -> None:
        """The far side accepted this token: it is not new any more."""
        if token == self._token:
            self._new_until = -inf
            self._refused_logins = 0

    def refuse(self, token: str) -> bool:
        """The far side refused this token: never use it again. Returns whether it was new.

        A late refusal of an older one changes nothing, so that it cannot bring a newer refused one back, nor
        cost a login while a newer one is cached.
        """
        if token != self._token:
            return False
        self._token = ""
        self._refused = token
        now = self._clock.monotonic()
        if now >= self._new_until:
            return False
        self._refused_logins += 1
        if self._refused_logins >= _REFUSED_LOGINS_MAX:
            self._no_login_before = now + self._times.pause_seconds
        return True

    def may_resend(self, token: str, sends: int) -> bool:
        """The far side refused this token: drop it, and say whether its call is sent once more.

        `sends` is how often it was sent. A call is sent twice in any case. The token in our memory and the
        one that another process has stored may both have ended, so it is sent a third time if the second
        token was no new one either.
        """
        was_new = self.refuse(token)
        return sends == 1 or (sends < _SENDS_MAX and not was_new)

    async def _obtain(self) -> str | NoToken:
        try:
            return await self._read_or_renew()
        except SwitchError as error:
            return NoToken(str(error))

    async def _read_or_renew(self) -> str | NoToken:
        give_up_at = self._clock.monotonic() + self._times.wait_seconds
        while True:
            stored = await self._read_stored()
            if stored:
                return stored
            if self._clock.monotonic() < self._no_login_before:
                return NoToken(_LOCKED_OUT, is_locked_out=True)
            epoch = await self._tokens.lease(self._far_side, self._times.lease_seconds)
            if epoch is not None:
                return await self._log_in_under_lease(epoch)
            if self._clock.monotonic() >= give_up_at:
                return NoToken("somebody else is logging in")
            await self._clock.sleep(self._times.poll_seconds)

    async def _read_stored(self) -> str:
        stored = await self._tokens.current(self._far_side)
        if stored is None:
            return ""
        if stored == self._refused:
            await self._tokens.drop(self._far_side, stored)
            return ""
        # The database knows when it ends; here it is good until it is refused.
        self._keep(stored, inf)
        return stored

    async def _log_in_under_lease(self, epoch: int) -> str | NoToken:
        # Another process may have stored one between our read and our lease.
        token = await self._read_stored() or await self._renew(epoch)
        if isinstance(token, NoToken):
            await self._tokens.release(self._far_side, epoch)
        return token

    async def _renew(self, epoch: int) -> str | NoToken:
        grant = await self._request_grant(epoch)
        if isinstance(grant, NoToken):
            return grant
        if not _USABLE.fullmatch(grant.token):
            return NoToken("the far side gave an unusable token")
        life = max(grant.life_seconds - self._times.early_seconds, grant.life_seconds / 2)
        await self._tokens.store(self._far_side, epoch, grant.token, life)
        now = self._clock.monotonic()
        self._keep(grant.token, now + life)
        self._new_until = now + self._times.pause_seconds
        return grant.token

    async def _request_grant(self, epoch: int) -> Grant | NoToken:
        while True:
            per_hour = self._times.logins_per_hour
            # Counted before the login: the far side counts one whose answer is lost as well.
            if per_hour is not None and not await self._tokens.count_login(self._far_side, epoch, per_hour):
                return NoToken("no login is left within this hour")
            grant = await self._log_in(self._token or self._refused)
            if isinstance(grant, NoToken) and per_hour is not None and not grant.was_sent:
                await self._tokens.uncount_login(self._far_side, epoch)
            if isinstance(grant, Grant) or not grant.can_retry_at_once:
                return grant

    def _keep(self, token: str, good_until: float) -> None:
        self._token = token
        self._good_until = good_until
        self._new_until = -inf
