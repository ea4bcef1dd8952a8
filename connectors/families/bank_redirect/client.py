"""The client of a bank's gateway: one JSON POST a call, sent once, and the manifest's meaning of a code."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.call_result import MappedReply, map_reply
from connectors.manifest import Manifest
from ekpay_switch.ports.world import ClientCertificate, NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object

_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_OK = 200

Document = Mapping[str, Any]


class BankRedirectClient:
    """The URLs and codes of one gateway.

    An answer that is no JSON object under HTTP 200 is `NoUsableAnswer`: no gateway documents another status.
    """

    def __init__(
        self, manifest: Manifest, context: FamilyContext, certificate: ClientCertificate | None = None
    ) -> None:
        self._far_side = manifest.id
        self._wire = context.wire
        self._answer_seconds = manifest.timing.answer_seconds / context.divisor
        self._certificate = certificate
        self._replies = manifest.replies
        base = manifest.url(context.environ)
        self._urls = {name: base + operation.path for name, operation in manifest.operations.items()}

    async def call(
        self,
        operation: str,
        fields: Mapping[str, object],
        send_before: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document | NotSent | NoUsableAnswer:
        """One call; `send_before` (monotonic) is its send deadline."""
        request = WireRequest(
            "POST",
            self._urls[operation],
            {**_JSON, **(headers or {})},
            json_text(fields).encode(),
            self._answer_seconds,
            send_before,
            self._certificate,
        )
        answer = await self._wire.send(self._far_side, request)
        return _read_document(answer) if isinstance(answer, WireAnswer) else answer

    def map_reply(self, document: Document, *codes: str) -> MappedReply:
        """The answer with the meaning of the first code that the manifest has; in doubt without any."""
        code = next((code for code in codes if code in self._replies), codes[0])
        return map_reply(self._replies, code, document)


def _read_document(answer: WireAnswer) -> Document | NoUsableAnswer:
    if answer.status != _OK:
        return NoUsableAnswer(f"HTTP {answer.status}")
    try:
        return json_object(answer.body)
    except BrokenReplyError as error:
        return NoUsableAnswer(str(error))


def json_text(value: object) -> str:
    """The value as JSON; a Decimal is written as a number with its exact digits."""
    match value:
        case Decimal():
            return str(value)
        case Mapping():
            return (
                f"{{{', '.join(f'{json.dumps(name)}: {json_text(item)}' for name, item in value.items())}}}"
            )
        case list():
            return f"[{', '.join(json_text(item) for item in value)}]"
        case _:
            return json.dumps(value)


class BankSecrets:
    """The secrets of one connector; a missing one must not stop the other connectors."""

    def __init__(self, manifest: Manifest, environ: Mapping[str, str], names: tuple[str, ...]) -> None:
        if set(names) != manifest.secrets.keys():
            raise ManifestError(f"{manifest.id}: secrets of this dialect are {', '.join(names)}")
        self._settings = manifest.secrets
        self._secrets = {name: environ.get(manifest.secrets[name], "") for name in names}

    def __getitem__(self, name: str) -> str:
        return self._secrets[name]

    def missing(self, *names: str) -> str:
        """That the first missing setting of these is not set, or empty."""
        empty = next((name for name in names if not self._secrets[name]), "")
        return f"{self._settings[empty]} is not set" if empty else ""
