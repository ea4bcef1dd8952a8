"""The line to the gateway: every call with the merchant's name and password, none ever sent twice.

What may surprise: HTTP 401 carries the same error object as an order that is not there. So whoever is turned
away is told so by the status alone, and never that there is no order.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.call_result import Asked, Meant
from connectors.families.mpgs.replies import FINE, NOT_THERE, TURNED_AWAY, error_of, word
from connectors.families.mpgs.settings import FamilySettings, Secrets
from connectors.manifest import Manifest
from connectors.manifest_parts import Means, Reply
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object

_OURS = frozenset({"rest_version", "merchant_id"})
PLACES: Mapping[str, frozenset[str]] = {
    "create": _OURS,
    "order": _OURS | {"order_id"},
    "refund": _OURS | {"order_id", "refund_id"},
    "refund_status": _OURS | {"order_id"},
}
_PLACE = re.compile(r"\{([a-z_]+)\}")
_CODED = range(400, 500)

Fields = Mapping[str, object]


class MpgsLine:
    """The gateway's URLs, credentials and codes.

    An answer that is neither fine nor an error of a caller (HTTP 4xx), no JSON object or in no known envelope
    is `NoUsableAnswer`; `NotSent` also where a setting is missing.

    Raises:
        ManifestError: a path of the manifest has other places than its operation fills.
    """

    def __init__(
        self, manifest: Manifest, settings: FamilySettings, secrets: Secrets, around: Surroundings
    ) -> None:
        self._far_side = manifest.id
        self._wire = around.wire
        self._missing = secrets.missing
        self._answer_seconds = manifest.timing.answer_seconds / around.divisor
        self._base = manifest.url(around.environ)
        self._operations = {name: manifest.operations[name] for name in PLACES}
        for name, operation in self._operations.items():
            if set(_PLACE.findall(operation.path)) != PLACES[name]:
                raise ManifestError(
                    f"{manifest.id}: the path of {name} needs {', '.join(sorted(PLACES[name]))}"
                )
        self._ours = {"rest_version": settings.rest_version, "merchant_id": secrets.merchant_id}
        self._headers = {"Accept": "application/json", "Authorization": secrets.authorization}
        self._replies = manifest.replies

    def reply(self, kind: str, code: str) -> Reply | None:
        """What the manifest says of a word of the gateway, of the kind `result`, `status` or `gateway`."""
        return self._replies.get(f"{kind} {code}")

    async def ask(
        self,
        operation: str,
        places: Mapping[str, str],
        fields: Fields | None = None,
        send_before: float | None = None,
    ) -> Asked:
        """One call about what `places` names; `send_before` (monotonic) where it changes something."""
        if self._missing:
            return NotSent(f"{self._missing} is not set")
        filled = {name: quote(value, safe="") for name, value in {**self._ours, **places}.items()}
        told = self._operations[operation]
        url = self._base + told.path.format_map(filled)
        body, headers = b"", self._headers
        if fields is not None:
            body, headers = json.dumps(fields).encode(), {**headers, "Content-Type": "application/json"}
        request = WireRequest(told.method, url, headers, body, self._answer_seconds, send_before)
        answer = await self._wire.send(self._far_side, request)
        return self._read(answer) if isinstance(answer, WireAnswer) else answer

    def _read(self, answer: WireAnswer) -> Meant | NoUsableAnswer:
        if answer.status in TURNED_AWAY:
            return self._meant(f"HTTP {answer.status}", {})
        if answer.status not in FINE and answer.status not in _CODED:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = json_object(answer.body)
            return self._meant(self._code(answer.status, document), document)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))

    def _code(self, status: int, document: Mapping[str, Any]) -> str:
        """The code of an answer as the manifest writes it; raises BrokenReplyError."""
        if status in FINE:
            if "error" in document:
                raise BrokenReplyError("an error under a status that is none")
            return f"result {word(document, 'result')}"
        cause, field = error_of(document)
        if status == NOT_THERE:
            return f"HTTP {status}"
        about_field = f"error {cause} {field}"
        return about_field if about_field in self._replies else f"error {cause}"

    def _meant(self, code: str, document: Mapping[str, Any]) -> Meant:
        reply = self._replies.get(code)
        if reply is None:
            return Meant(Means.IN_DOUBT, None, code, document)
        return Meant(reply.means, reply.reason, code, document)
