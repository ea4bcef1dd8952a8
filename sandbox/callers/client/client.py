"""A shop's client of REST v1. It never retries a call: whether that is safe is for the caller.

A call without an answer may have taken effect. Sending the same order with the same idempotency key returns
the same answer, so that is how a caller finds out.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple, Self

import aiohttp

from sandbox.callers.client.messages import (
    ApiOrder,
    ApiPayment,
    ApiRefund,
    Problem,
    RefundOrder,
    UnreadableReplyError,
    payment_of,
    problem_of,
    refund_of,
)

BASE_PATH = "/v1/payments"

_CALL_SECONDS = 60
_HTTP_OK, _HTTP_CREATED, _HTTP_ACCEPTED = 200, 201, 202
_FIRST_REFUSAL = 400
_JSON, _PROBLEM_JSON = "application/json", "application/problem+json"
_REPLAYED = "Idempotent-Replayed"


class RefusedError(Exception):
    """The switch refused the call; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.code}")
        self.problem = problem


class RawResponse(NamedTuple):
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class CreatedPayment(NamedTuple):
    """A payment, and whether the switch reports that it answers a repeated order."""

    payment: ApiPayment
    is_repeat: bool


class CreatedRefund(NamedTuple):
    """A refund, and whether the switch reports that it answers a repeated order."""

    refund: ApiRefund
    is_repeat: bool


class ApiClient:
    """One shop's connection to the switch; use it as an asynchronous context manager.

    Every call raises `RefusedError` if the switch refuses it, `UnreadableReplyError` if the answer is not
    as documented, and `aiohttp.ClientError` or `TimeoutError` if none came; after the latter two the call is
    in doubt.
    """

    def __init__(self, base_url: str, key: str, *, connections_max: int = 20) -> None:
        """Nothing is sent yet; `key` is one of the shop's API keys."""
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._connections_max = connections_max
        self._session: aiohttp.ClientSession | None = None

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

    async def create(self, order: ApiOrder, idempotency_key: str) -> CreatedPayment:
        """Create a payment, or get the one that this key has created already; it may have no page yet."""
        answer = await self._post(BASE_PATH, order.document(), idempotency_key)
        is_repeat = _is_repeat(answer)
        expected = (_HTTP_OK,) if is_repeat else (_HTTP_CREATED, _HTTP_ACCEPTED)
        return CreatedPayment(payment_of(_expect_document(answer, *expected)), is_repeat)

    async def get(self, payment_id: str) -> ApiPayment:
        """Return a payment as it is in the switch's books."""
        answer = await self.send("GET", f"{BASE_PATH}/{payment_id}")
        return payment_of(_expect_document(answer, _HTTP_OK))

    async def try_again(self, payment_id: str, instrument: str = "bkash") -> ApiPayment:
        """Open a new page for a payment, if there is time left; the page before it is void."""
        answer = await self._post(f"{BASE_PATH}/{payment_id}/tries", {"instrument": instrument})
        return payment_of(_expect_document(answer, _HTTP_CREATED, _HTTP_ACCEPTED))

    async def cancel(self, payment_id: str) -> ApiPayment:
        """End a payment before its money is collected."""
        answer = await self.send("POST", f"{BASE_PATH}/{payment_id}/cancel")
        return payment_of(_expect_document(answer, _HTTP_OK))

    async def refund(self, payment_id: str, order: RefundOrder, idempotency_key: str) -> CreatedRefund:
        """Refund a paid payment, whole or in part, or get the refund that this key has created already."""
        path = f"{BASE_PATH}/{payment_id}/refunds"
        answer = await self._post(path, order.document(), idempotency_key)
        is_repeat = _is_repeat(answer)
        return CreatedRefund(
            refund_of(_expect_document(answer, _HTTP_OK if is_repeat else _HTTP_CREATED)), is_repeat
        )

    async def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> RawResponse:
        """Send these bytes as they are, once, and return the answer; for malformed requests.

        Raises:
            aiohttp.ClientError: no answer came.
        """
        if self._session is None:
            raise RuntimeError("the client is not open: use `async with`")
        sent = {"Authorization": f"Bearer {self._key}", **(headers or {})}
        async with self._session.request(
            method, self._base_url + path, data=body or None, headers=sent, allow_redirects=False
        ) as answer:
            return RawResponse(answer.status, answer.headers, await answer.read())

    async def _post(self, path: str, document: Mapping[str, object], key: str | None = None) -> RawResponse:
        headers = {"Content-Type": _JSON}
        if key is not None:
            headers["Idempotency-Key"] = f'"{key}"'
        return await self.send("POST", path, json.dumps(document, ensure_ascii=False).encode(), headers)


def _is_repeat(answer: RawResponse) -> bool:
    return answer.headers.get(_REPLAYED) == "true"


def _expect_document(answer: RawResponse, *expected: int) -> object:
    """The JSON of an answer with one of the expected statuses; raises a refusal otherwise."""
    content_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    try:
        document: object = json.loads(answer.body)
    except ValueError:
        raise UnreadableReplyError(f"HTTP {answer.status} without JSON") from None
    if answer.status >= _FIRST_REFUSAL and content_type == _PROBLEM_JSON:
        raise RefusedError(problem_of(document, answer.status))
    if answer.status not in expected or content_type != _JSON:
        raise UnreadableReplyError(f"HTTP {answer.status} with {content_type or 'no content type'}")
    return document
