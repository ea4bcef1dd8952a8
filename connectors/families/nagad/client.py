"""The line to Nagad: its headers, its paths, and what its errors mean.

An error is a document with a `reason`, under whichever HTTP status (connectors.md 2.5). A reason or a status
that nobody mapped is never repeated in what is said of it: nobody knows what stands in it.
"""

import json
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any
from urllib.parse import quote, urlencode

from connectors.call_result import Asked, Meant
from connectors.families.nagad.credentials import Credentials, read_credentials
from connectors.families.nagad.replies import is_there, opened
from connectors.families.nagad.settings import FamilySettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object, text

_OK = 200
_CALLERS_FAULT = range(400, 500)
_ERROR_MEMBERS = ("reason", "devMessage")

Places = Mapping[str, str]
Fields = Mapping[str, object]


class NagadLine:
    """Nagad's URLs, headers and words.

    `NotSent` also where a secret is missing. An answer that is neither HTTP 200 nor an error of a caller
    (HTTP 4xx), or no JSON object, is `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, settings: FamilySettings, around: Surroundings) -> None:
        self._far_side = manifest.id
        self._wire = around.wire
        self._answer_seconds = manifest.timing.answer_seconds / around.divisor
        self._base = manifest.url(around.environ)
        self._operations = manifest.operations
        self._replies = manifest.replies
        address = around.environ.get(settings.client_address_setting, settings.client_address)
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-KM-Api-Version": settings.api_version,
            "X-KM-IP-V4": address,
            "X-KM-Client-Type": settings.client_type,
        }
        self._us = read_credentials(manifest, around.environ)
        if not _is_address(address):
            self._us = NotSent(f"{settings.client_address_setting} holds no IPv4 address")

    @property
    def us(self) -> Credentials | NotSent:
        """Who we are, or why nothing can be sent."""
        return self._us

    async def ask(
        self,
        operation: str,
        places: Places,
        fields: Fields | None = None,
        *,
        query: Places | None = None,
        send_before: float | None = None,
    ) -> Asked:
        """One call, never repeated; `places` fill the path, `send_before` (monotonic) where it does anything.

        What is no error is `Means.DONE` without a code: what stands in it is for the caller to read.
        """
        if isinstance(self._us, NotSent):
            return self._us
        method = self._operations[operation].method
        quoted = {name: quote(value, safe="") for name, value in places.items()}
        url = self._base + self._operations[operation].path.format_map(quoted)
        if query:
            url = f"{url}?{urlencode(query)}"
        body = b"" if fields is None else json.dumps(fields).encode()
        request = WireRequest(method, url, self._headers, body, self._answer_seconds, send_before)
        answer = await self._wire.send(self._far_side, request)
        return self._read(answer) if isinstance(answer, WireAnswer) else answer

    def means(self, document: Mapping[str, Any]) -> tuple[str, Means]:
        """The status in a document, and what the manifest says that it means; raises BrokenReplyError."""
        status = text(document, "status")
        reply = self._replies.get(status)
        if reply is None:
            raise BrokenReplyError("a status that nobody mapped")
        return status, reply.means

    def opened(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """What stands under the seal of an answer; raises BrokenReplyError."""
        assert isinstance(self._us, Credentials), "nobody answers who was not asked"
        return opened(self._us.seal, document)

    def _read(self, answer: WireAnswer) -> Meant | NoUsableAnswer:
        if answer.status != _OK and answer.status not in _CALLERS_FAULT:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = json_object(answer.body)
            if any(is_there(document, name) for name in _ERROR_MEMBERS):
                return self._refused(text(document, "reason"), document)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))
        if answer.status != _OK:
            return NoUsableAnswer(f"HTTP {answer.status} without a reason")
        return Meant(Means.DONE, None, "", document)

    def _refused(self, reason: str, document: Mapping[str, Any]) -> Meant | NoUsableAnswer:
        """What a reason means: a no where the manifest says so, else it is in doubt, whatever word it is."""
        reply = self._replies.get(reason)
        if reply is None:
            return NoUsableAnswer("a reason that nobody mapped")
        if reply.means is Means.DECLINED:
            return Meant(reply.means, reply.reason, reason, document)
        return Meant(Means.IN_DOUBT, None, reason, document)


def _is_address(written: str) -> bool:
    try:
        IPv4Address(written)
    except AddressValueError:
        return False
    return True
