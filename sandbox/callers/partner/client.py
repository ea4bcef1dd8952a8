"""A partner's client: it logs in, encrypts each message, sends it, and decrypts the answer.

It retries a call in one case only: an HTTP 401, which says that nothing was read, is followed by one new
token and one retry with the same bytes. Anything else is for the caller.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import aiohttp

from sandbox.callers.partner.messages import Message, MessageWriter, Payout
from sandbox.kit.jwe import EnvelopeError, seal, unseal

BASE_PATH = "/syndicate/api"

_TOKEN_MEMBERS = {"security_token", "token_exp_time", "token_type", "resp_cd", "resp_msg", "ack_timestamp"}
_LIFETIME = re.compile(r"([0-9]{1,9})([smh])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600}
_RENEW_BEFORE_SECONDS = 30
_CALL_SECONDS = 60
_HTTP_OK = 200
_HTTP_UNAUTHORISED = 401
_SUCCESS = "0000"


class TokenRefusedError(Exception):
    """get-token gave no usable token; `answer` is its answer, which is not part of the error's text."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(f"no token: {answer.get('resp_cd')} {answer.get('resp_msg')}")
        self.answer = dict(answer)


class UnreadableAnswerError(Exception):
    """The answer is neither a JWE of ours nor a JSON object; the call is in doubt."""


class RawAnswer(NamedTuple):
    """An answer as it came."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Partner:
    """A partner's credentials: two identities, a login and the shared secret of 32 characters."""

    node_id: str
    syndicate_id: str
    user_id: str
    pass_key: str = field(repr=False)
    secret: str = field(repr=False)


class PartnerClient:
    """One partner's connection to the switch; use it as an asynchronous context manager.

    Answers are plain dicts. Refusals before decryption come as plain JSON with `resp_cd`; the HTTP status is
    added to them as `http_status`.
    """

    def __init__(
        self,
        base_url: str,
        partner: Partner,
        *,
        connections_max: int = 100,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url.rstrip("/") + BASE_PATH
        self._partner = partner
        self._connections_max = connections_max
        self._monotonic = monotonic
        self._session: aiohttp.ClientSession | None = None
        self._token = ""
        self._renew_at = 0.0
        self._renewal = asyncio.Lock()
        self.write = MessageWriter(partner.node_id, partner.syndicate_id)

    async def __aenter__(self) -> Self:
        """Open the connection pool; nothing is sent yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections_max),
            timeout=aiohttp.ClientTimeout(total=_CALL_SECONDS),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get_token(self, *, instead_of: str | None = None) -> str:
        """Return a valid token, requesting a new one only when needed.

        Concurrent callers share one request. A caller whose token was refused names it in `instead_of`, so
        that a hundred refusals of one token cause one new token.

        Raises:
            TokenRefusedError: the answer is no success with exactly six members.
        """
        async with self._renewal:
            is_alive = self._token and self._monotonic() < self._renew_at
            if not is_alive or self._token == instead_of:
                await self._renew()
            return self._token

    async def fetch_bill(self, biller_id: str, **bill: str) -> Message:
        """Fetch a bill by members of `bll_inf`, such as `bll_no` or `bllr_accno`."""
        return await self.exchange("fetch-bill", self.write.fetch(biller_id, **bill))

    async def pay(self, fetched: Mapping[str, Any], payout: Payout, *, is_whole: bool = True) -> Message:
        """Pay a fetched bill; the same payout again is a repeat, never a second payment."""
        return await self.exchange(
            "update-billPayment", self.write.payment(fetched, payout, is_whole=is_whole)
        )

    async def status(self, ref_id: str, biller_id: str) -> Message:
        """Ask for the payment status of the bill fetched under `ref_id`."""
        return await self.exchange("check-bill-status", self.write.status(ref_id, biller_id))

    async def balance(self) -> Message:
        """Ask for the balance of the prefund."""
        return await self.exchange("check-bbalance", self.write.balance())

    async def master_data(self) -> Message:
        """Fetch the list of billers, with what names a bill of each."""
        return await self.exchange("fetch-MDMbillers", self.write.master_data())

    async def exchange(self, path: str, message: Mapping[str, Any]) -> Message:
        """Encrypt a message, send it with a valid token and decrypt the answer.

        Raises:
            UnreadableAnswerError: the answer cannot be decrypted; the call is in doubt.
            TokenRefusedError: there is no token; nothing was sent.
            aiohttp.ClientError: no answer came; the call is in doubt.
        """
        body = seal(json.dumps(message, ensure_ascii=False).encode(), self._partner.secret).encode("ascii")
        token = await self.get_token()
        answer = await self.send(path, body, token=token)
        if answer.status == _HTTP_UNAUTHORISED:
            token = await self.get_token(instead_of=token)
            answer = await self.send(path, body, token=token)
        return self._read(answer)

    async def send(self, path: str, body: bytes, *, token: str | None = None) -> RawAnswer:
        """Send these bytes as they are, once, and return the answer; for malformed requests.

        Raises:
            aiohttp.ClientError: no answer came.
        """
        if self._session is None:
            raise RuntimeError("the client is not open: use `async with`")
        headers = {"Content-Type": "text/plain"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = f"{self._base_url}/{path}"
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            return RawAnswer(answer.status, await answer.read(), answer.headers)

    async def _renew(self) -> None:
        login = {"user_id": self._partner.user_id, "pass_key": self._partner.pass_key}
        answer = await self.send("get-token", json.dumps(login).encode())
        members = json_object(answer.body)
        # Real clients count the members and treat anything but six as a failure.
        if answer.status != _HTTP_OK or members.keys() != _TOKEN_MEMBERS or members["resp_cd"] != _SUCCESS:
            raise TokenRefusedError(members)
        life = _LIFETIME.fullmatch(str(members["token_exp_time"]))
        if life is None:
            raise TokenRefusedError(members)
        self._token = str(members["security_token"])
        seconds = int(life[1]) * _UNIT_SECONDS[life[2]]
        self._renew_at = self._monotonic() + max(seconds - _RENEW_BEFORE_SECONDS, seconds / 2)

    def _read(self, answer: RawAnswer) -> Message:
        if answer.status != _HTTP_OK:
            return json_object(answer.body) | {"http_status": answer.status}
        try:
            return json_object(unseal(answer.body.decode("ascii"), self._partner.secret))
        except (EnvelopeError, UnicodeDecodeError) as error:
            raise UnreadableAnswerError(str(error)) from error


def result_code(answer: Mapping[str, Any]) -> str:
    """Return the `rsp_cd` of a decrypted answer, or the `resp_cd` of a plain one."""
    status = answer.get("resp_status")
    code = status.get("rsp_cd") if isinstance(status, dict) else answer.get("resp_cd")
    return str(code)


def json_object(body: bytes) -> Message:
    """The JSON object in these bytes.

    Raises:
        UnreadableAnswerError: there is none.
    """
    try:
        value = json.loads(body)
    except ValueError as error:
        raise UnreadableAnswerError("no JSON") from error
    if not isinstance(value, dict):
        raise UnreadableAnswerError("no JSON object")
    return value
