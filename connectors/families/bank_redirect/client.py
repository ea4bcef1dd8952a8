"""The line to such a gateway: one POST of JSON a call, sent once, and what the manifest says of a code."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.call_result import Meant
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch.ports.world import ClientCertificate, NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object

_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_OK = 200

Document = Mapping[str, Any]


class Line:
    """The URLs and codes of one gateway.

    Only a JSON object under HTTP 200 is a document; none of the three says what another status would mean.
    """

    def __init__(
        self, manifest: Manifest, around: Surroundings, certificate: ClientCertificate | None = None
    ) -> None:
        self._far_side = manifest.id
        self._wire = around.wire
        self._answer_seconds = manifest.timing.answer_seconds / around.divisor
        self._certificate = certificate
        self._replies = manifest.replies
        base = manifest.url(around.environ)
        self._urls = {name: base + operation.path for name, operation in manifest.operations.items()}

    async def ask(
        self,
        operation: str,
        fields: Mapping[str, object],
        send_before: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document | NotSent | NoUsableAnswer:
        """One call; `send_before` (monotonic) where nothing may leave any more after it."""
        request = WireRequest(
            "POST",
            self._urls[operation],
            {**_JSON, **(headers or {})},
            written(fields).encode(),
            self._answer_seconds,
            send_before,
            self._certificate,
        )
        answer = await self._wire.send(self._far_side, request)
        return _read(answer) if isinstance(answer, WireAnswer) else answer

    def meant(self, document: Document, *codes: str) -> Meant:
        """What the manifest says of the first code that stands in it; in doubt where none does."""
        for code in codes:
            reply = self._replies.get(code)
            if reply is not None:
                return Meant(reply.means, reply.reason, code, document)
        return Meant(Means.IN_DOUBT, None, codes[0], document)


def _read(answer: WireAnswer) -> Document | NoUsableAnswer:
    if answer.status != _OK:
        return NoUsableAnswer(f"HTTP {answer.status}")
    try:
        return json_object(answer.body)
    except BrokenReplyError as error:
        return NoUsableAnswer(str(error))


def written(value: object) -> str:
    """JSON, with a Decimal as the number that it is, digit by digit."""
    match value:
        case Decimal():
            return str(value)
        case Mapping():
            return f"{{{', '.join(f'{json.dumps(name)}: {written(one)}' for name, one in value.items())}}}"
        case list():
            return f"[{', '.join(written(one) for one in value)}]"
        case _:
            return json.dumps(value)


class Secrets:
    """The secrets of one connector; one that is missing must not stop the others."""

    def __init__(self, manifest: Manifest, environ: Mapping[str, str], names: tuple[str, ...]) -> None:
        if set(names) != manifest.secrets.keys():
            raise ManifestError(f"{manifest.id}: secrets of this dialect are {', '.join(names)}")
        self._settings = manifest.secrets
        self._held = {name: environ.get(manifest.secrets[name], "") for name in names}

    def __getitem__(self, name: str) -> str:
        return self._held[name]

    def missing(self, *names: str) -> str:
        """That a setting of these is not set, or nothing."""
        empty = next((name for name in names if not self._held[name]), "")
        return f"{self._settings[empty]} is not set" if empty else ""
