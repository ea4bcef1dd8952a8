"""The client of Nagad: headers, paths and the mapping of errors.

An error is a document with a `reason`, under any HTTP status (connectors.md 2.5). A reason or status without
a mapping is never quoted in a message, since its content is unknown.
"""

import json
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any
from urllib.parse import quote, urlencode

from connectors.call_result import CallResult, MappedReply
from connectors.families.nagad.credentials import Credentials, read_credentials
from connectors.families.nagad.replies import decrypt_document, is_there
from connectors.families.nagad.settings import NagadSettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object, text

_OK = 200
_CLIENT_ERRORS = range(400, 500)
_ERROR_MEMBERS = ("reason", "devMessage")

PathParameters = Mapping[str, str]
Fields = Mapping[str, object]


class NagadClient:
    """Nagad's URLs, headers and codes.

    `NotSent` also where a secret is missing. An answer that is neither HTTP 200 nor an error of a caller
    (HTTP 4xx), or no JSON object, is `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, settings: NagadSettings, context: FamilyContext) -> None:
        self._far_side = manifest.id
        self._wire = context.wire
        self._answer_seconds = manifest.timing.answer_seconds / context.divisor
        self._base = manifest.url(context.environ)
        self._operations = manifest.operations
        self._replies = manifest.replies
        address = context.environ.get(settings.client_address_setting, settings.client_address)
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-KM-Api-Version": settings.api_version,
            "X-KM-IP-V4": address,
            "X-KM-Client-Type": settings.client_type,
        }
        self._credentials = read_credentials(manifest, context.environ)
        if not _is_address(address):
            self._credentials = NotSent(f"{settings.client_address_setting} holds no IPv4 address")

    @property
    def credentials(self) -> Credentials | NotSent:
        """Our credentials, or why nothing can be sent."""
        return self._credentials

    async def call(
        self,
        operation: str,
        path_parameters: PathParameters,
        fields: Fields | None = None,
        *,
        query: PathParameters | None = None,
        send_before: float | None = None,
    ) -> CallResult:
        """One call, never repeated; `send_before` (monotonic) where it changes something.

        An answer without an error is `Means.DONE` without a code, and its caller reads the document.
        """
        if isinstance(self._credentials, NotSent):
            return self._credentials
        method = self._operations[operation].method
        quoted = {name: quote(value, safe="") for name, value in path_parameters.items()}
        url = self._base + self._operations[operation].path.format_map(quoted)
        if query:
            url = f"{url}?{urlencode(query)}"
        body = b"" if fields is None else json.dumps(fields).encode()
        request = WireRequest(method, url, self._headers, body, self._answer_seconds, send_before)
        answer = await self._wire.send(self._far_side, request)
        return self._read(answer) if isinstance(answer, WireAnswer) else answer

    def means(self, document: Mapping[str, Any]) -> tuple[str, Means]:
        """The status in a document and its meaning in the manifest; raises BrokenReplyError."""
        status = text(document, "status")
        reply = self._replies.get(status)
        if reply is None:
            raise BrokenReplyError("a status without a mapping")
        return status, reply.means

    def decrypt(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """The decrypted document of an answer; raises BrokenReplyError."""
        assert isinstance(self._credentials, Credentials), "there are credentials where a call was made"
        return decrypt_document(self._credentials.encryption, document)

    def _read(self, answer: WireAnswer) -> MappedReply | NoUsableAnswer:
        if answer.status != _OK and answer.status not in _CLIENT_ERRORS:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = json_object(answer.body)
            if any(is_there(document, name) for name in _ERROR_MEMBERS):
                return self._map_reason(text(document, "reason"), document)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))
        if answer.status != _OK:
            return NoUsableAnswer(f"HTTP {answer.status} without a reason")
        return MappedReply(Means.DONE, None, "", document)

    def _map_reason(self, reason: str, document: Mapping[str, Any]) -> MappedReply | NoUsableAnswer:
        """The meaning of a reason: declined where the manifest says so, else in doubt."""
        reply = self._replies.get(reason)
        if reply is None:
            return NoUsableAnswer("a reason without a mapping")
        if reply.means is Means.DECLINED:
            return MappedReply(reply.means, reply.reason, reason, document)
        return MappedReply(Means.IN_DOUBT, None, reason, document)


def _is_address(written: str) -> bool:
    try:
        IPv4Address(written)
    except AddressValueError:
        return False
    return True
