"""The client of the gateway: every call has the merchant's name and password, and none is ever sent twice.

HTTP 401 has the same error object as a missing order, so a refused login is recognised by the status alone
and never read as "no such order".
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.call_result import CallResult, MappedReply, map_reply
from connectors.families.mpgs.replies import NOT_FOUND_STATUS, SUCCESS_STATUSES, UNAUTHORISED, error_of, word
from connectors.families.mpgs.settings import MpgsSecrets, MpgsSettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Reply
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object

_OWN_PARAMETERS = frozenset({"rest_version", "merchant_id"})
PATH_PARAMETERS: Mapping[str, frozenset[str]] = {
    "create": _OWN_PARAMETERS,
    "order": _OWN_PARAMETERS | {"order_id"},
    "refund": _OWN_PARAMETERS | {"order_id", "refund_id"},
    "refund_status": _OWN_PARAMETERS | {"order_id"},
}
_PATH_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_CLIENT_ERRORS = range(400, 500)

Fields = Mapping[str, object]


class MpgsClient:
    """The gateway's URLs, credentials and codes.

    An answer that is neither HTTP 200, 201 nor 4xx, no JSON object or in no known envelope is
    `NoUsableAnswer`; `NotSent` also where a setting is missing.

    Raises:
        ManifestError: a path of the manifest has other parameters than its operation.
    """

    def __init__(
        self, manifest: Manifest, settings: MpgsSettings, secrets: MpgsSecrets, context: FamilyContext
    ) -> None:
        self._far_side = manifest.id
        self._wire = context.wire
        self._missing = secrets.missing
        self._answer_seconds = manifest.timing.answer_seconds / context.divisor
        self._base = manifest.url(context.environ)
        self._operations = {name: manifest.operations[name] for name in PATH_PARAMETERS}
        for name, operation in self._operations.items():
            if set(_PATH_PARAMETER.findall(operation.path)) != PATH_PARAMETERS[name]:
                raise ManifestError(
                    f"{manifest.id}: the path of {name} needs {', '.join(sorted(PATH_PARAMETERS[name]))}"
                )
        self._own_parameters = {"rest_version": settings.rest_version, "merchant_id": secrets.merchant_id}
        self._headers = {"Accept": "application/json", "Authorization": secrets.authorization}
        self._replies = manifest.replies

    def reply(self, kind: str, code: str) -> Reply | None:
        """The manifest's entry of a code of the kind `result`, `status` or `gateway`."""
        return self._replies.get(f"{kind} {code}")

    async def call(
        self,
        operation: str,
        path_parameters: Mapping[str, str],
        fields: Fields | None = None,
        send_before: float | None = None,
    ) -> CallResult:
        """One call; `path_parameters` fill its path, `send_before` (monotonic) where it changes something."""
        if self._missing:
            return NotSent(f"{self._missing} is not set")
        filled = {
            name: quote(value, safe="") for name, value in {**self._own_parameters, **path_parameters}.items()
        }
        operation_entry = self._operations[operation]
        url = self._base + operation_entry.path.format_map(filled)
        body, headers = b"", self._headers
        if fields is not None:
            body, headers = json.dumps(fields).encode(), {**headers, "Content-Type": "application/json"}
        request = WireRequest(operation_entry.method, url, headers, body, self._answer_seconds, send_before)
        answer = await self._wire.send(self._far_side, request)
        return self._read(answer) if isinstance(answer, WireAnswer) else answer

    def _read(self, answer: WireAnswer) -> MappedReply | NoUsableAnswer:
        if answer.status in UNAUTHORISED:
            return map_reply(self._replies, f"HTTP {answer.status}", {})
        if answer.status not in SUCCESS_STATUSES and answer.status not in _CLIENT_ERRORS:
            return NoUsableAnswer(f"HTTP {answer.status}")
        try:
            document = json_object(answer.body)
            return map_reply(self._replies, self._code(answer.status, document), document)
        except BrokenReplyError as error:
            return NoUsableAnswer(str(error))

    def _code(self, status: int, document: Mapping[str, Any]) -> str:
        """The code of an answer as the manifest writes it; raises BrokenReplyError."""
        if status in SUCCESS_STATUSES:
            if "error" in document:
                raise BrokenReplyError("an error under a status that is none")
            return f"result {word(document, 'result')}"
        cause, field = error_of(document)
        if status == NOT_FOUND_STATUS:
            return f"HTTP {status}"
        about_field = f"error {cause} {field}"
        return about_field if about_field in self._replies else f"error {cause}"
