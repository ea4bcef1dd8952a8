"""The client of a provider of this family: every call has our store id and secret (connectors.md 3.1, 5).

A GET has the secret in its URL, since the interface has no other way. So nothing here ever logs, raises or
returns a URL.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from connectors.call_result import CallResult, MappedReply, map_reply
from connectors.families.sslcommerz.replies import OK
from connectors.manifest import Manifest
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

Fields = Mapping[str, str]
ReadAnswer = Callable[[bytes], MappedReply]


@dataclass(frozen=True, slots=True)
class CallFormat:
    """The format of a dialect's calls.

    `credentials` maps the wire names of the secrets to ours. `query_parameters` are sent with every GET.
    """

    credentials: Mapping[str, str]
    query_parameters: Fields
    posts_json: bool


class SslcommerzClient:
    """A provider's URLs, our credentials and the codes of its manifest; nothing is ever sent twice from here.

    `NotSent` also where a secret is not set. An answer that is not HTTP 200, or that the reader refuses, is
    `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, context: FamilyContext, call_format: CallFormat) -> None:
        secret_names = sorted(call_format.credentials.values())
        if secret_names != sorted(manifest.secrets):
            raise ManifestError(f"{manifest.id}: secrets of this family are {', '.join(secret_names)}")
        self._settings = {
            wire_name: manifest.secrets[ours] for wire_name, ours in call_format.credentials.items()
        }
        self._credentials = {
            wire_name: context.environ.get(setting, "") for wire_name, setting in self._settings.items()
        }
        self._call_format = call_format
        self._far_side = manifest.id
        self._wire = context.wire
        self._answer_seconds = manifest.timing.answer_seconds / context.divisor
        self._base = manifest.url(context.environ)
        self._operations = manifest.operations
        self._replies = manifest.replies

    @property
    def missing(self) -> str:
        """The setting of the first missing secret, or empty."""
        return next((self._settings[name] for name, secret in self._credentials.items() if not secret), "")

    def secret(self, wire_name: str) -> str:
        """One of our secrets; empty where it is not set."""
        return self._credentials[wire_name]

    async def call(
        self, operation: str, fields: Fields, read: ReadAnswer, send_before: float | None = None
    ) -> CallResult:
        """One call; `send_before` (monotonic) where it changes something."""
        if self.missing:
            return NotSent(f"{self.missing} is not set")
        answer = await self._wire.send(self._far_side, self._request(operation, fields, send_before))
        if not isinstance(answer, WireAnswer):
            return answer
        if answer.status != OK:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            return read(answer.body)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))

    def map_reply(self, call: str, word: str, document: Mapping[str, Any]) -> MappedReply:
        """The answer with the meaning of a word in the manifest; in doubt where it has none."""
        return map_reply(self._replies, f"{call} {word}", document)

    def _request(self, operation: str, fields: Fields, send_before: float | None) -> WireRequest:
        operation_entry = self._operations[operation]
        url, headers, body = self._base + operation_entry.path, {"Accept": "application/json"}, b""
        if operation_entry.method == "GET":
            url += f"?{urlencode({**self._credentials, **self._call_format.query_parameters, **fields})}"
        elif self._call_format.posts_json:
            headers["Content-Type"] = "application/json"
            body = json.dumps({**self._credentials, **fields}).encode()
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode({**self._credentials, **fields}).encode()
        return WireRequest(operation_entry.method, url, headers, body, self._answer_seconds, send_before)
