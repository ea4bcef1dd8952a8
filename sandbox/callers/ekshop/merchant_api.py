"""The shop's calls to the switch: a payment token, and get-status. Nothing is retried here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self

import aiohttp
import orjson

from sandbox.callers.ekshop.wire import (
    ISSUED,
    Merchant,
    PaymentDocument,
    PaymentRequest,
    UnreadableDocumentError,
    pay_page,
    payment_request,
    read_object,
    read_payment_document,
    status_request,
)

CALL_SECONDS = 10.0
"""The timeout of a call, as long as the longest ones of real shops."""

_CONNECTIONS_MAX = 32
_HTTP_OK = 200


class TokenIssued(NamedTuple):
    """The payment may be made at `url`."""

    url: str


class TokenRefused(NamedTuple):
    """There is no token; the text is the switch's code and message."""

    why: str


class NoUsableAnswer(NamedTuple):
    """There was no usable answer: whether a payment exists is unknown."""

    why: str


class MerchantApi:
    """One merchant's connection; use it as an asynchronous context manager."""

    def __init__(self, merchant: Merchant) -> None:
        """Nothing is sent yet."""
        self.merchant = merchant
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS_MAX),
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
        )
        return self

    async def __aexit__(self, *_raised: object) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()

    async def request_token(
        self, request: PaymentRequest, now: datetime
    ) -> TokenIssued | TokenRefused | NoUsableAnswer:
        """Request the token of a payment."""
        answer = await self._post("merchant-api", payment_request(self.merchant, request, now))
        if isinstance(answer, NoUsableAnswer):
            return answer
        status, body = answer
        try:
            document = read_object(body)
        except UnreadableDocumentError:
            return NoUsableAnswer(f"HTTP {status} without JSON")
        token = document.get("secure_token")
        if status == _HTTP_OK and document.get("msg_code") == ISSUED and isinstance(token, str) and token:
            return TokenIssued(pay_page(self.merchant, token, request.trnx_id))
        if status >= _HTTP_SERVER_ERROR:
            return NoUsableAnswer(f"HTTP {status}")
        return TokenRefused(_refusal_text(status, document))

    async def status(self, trnx_id: str, asked_at: datetime) -> PaymentDocument | NoUsableAnswer:
        """Ask for the status of a payment; `asked_at` is when its token was requested."""
        answer = await self._post("get-status", status_request(self.merchant, trnx_id, asked_at))
        if isinstance(answer, NoUsableAnswer):
            return answer
        status, body = answer
        try:
            return read_payment_document(body) if status == _HTTP_OK else NoUsableAnswer(f"HTTP {status}")
        except UnreadableDocumentError:
            return NoUsableAnswer(f"HTTP {status} without a document")

    async def _post(self, path: str, document: Mapping[str, object]) -> tuple[int, bytes] | NoUsableAnswer:
        if self._session is None:
            raise RuntimeError("the shop is not connected: use `async with`")
        url, headers = f"{self.merchant.base_url}/{path}", {"Content-Type": "application/json"}
        try:
            async with self._session.post(
                url, data=orjson.dumps(document), headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return NoUsableAnswer(type(error).__name__)


def _refusal_text(status: int, document: Mapping[str, Any]) -> str:
    """The code and message of a refusal, from whichever of two pairs of members is there."""
    code = document.get("responseCode") or document.get("msg_code") or f"HTTP {status}"
    text = document.get("responseMessage") or document.get("msg_det") or ""
    return f"{code} {text}".strip()


_HTTP_SERVER_ERROR = 500
