"""The line to a provider of this family: our store and its secret stand in every call (connectors.md 3.1, 5).

What may surprise: a question carries the secret in its URL, because there is no other way. So nothing here
ever logs, raises or returns a URL.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from connectors.call_result import Asked, Meant
from connectors.families.sslcommerz.replies import OK
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

Fields = Mapping[str, str]
Read = Callable[[bytes], Meant]


@dataclass(frozen=True, slots=True)
class Writing:
    """How a dialect writes a call.

    `credentials` are the wire's names of our secrets, with ours. `with_questions` goes out with every GET.
    """

    credentials: Mapping[str, str]
    with_questions: Fields
    posts_json: bool


class Line:
    """A provider's URLs, our credentials and the codes of its manifest; nothing is ever sent twice from here.

    `NotSent` also where a secret is not set. An answer that is not HTTP 200, or that the reader refuses, is
    `NoUsableAnswer`.
    """

    def __init__(self, manifest: Manifest, around: Surroundings, writing: Writing) -> None:
        wanted = sorted(writing.credentials.values())
        if wanted != sorted(manifest.secrets):
            raise ManifestError(f"{manifest.id}: secrets of this family are {', '.join(wanted)}")
        self._settings = {
            wire_name: manifest.secrets[ours] for wire_name, ours in writing.credentials.items()
        }
        self._credentials = {
            wire_name: around.environ.get(setting, "") for wire_name, setting in self._settings.items()
        }
        self._writing = writing
        self._far_side = manifest.id
        self._wire = around.wire
        self._answer_seconds = manifest.timing.answer_seconds / around.divisor
        self._base = manifest.url(around.environ)
        self._operations = manifest.operations
        self._replies = manifest.replies

    @property
    def missing(self) -> str:
        """The first setting of a secret that is not set, or nothing."""
        return next((self._settings[name] for name, secret in self._credentials.items() if not secret), "")

    def secret(self, wire_name: str) -> str:
        """One of our secrets; empty where it is not set."""
        return self._credentials[wire_name]

    async def ask(
        self, operation: str, fields: Fields, read: Read, send_before: float | None = None
    ) -> Asked:
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

    def meant(self, call: str, word: str, document: Mapping[str, Any]) -> Meant:
        """What the manifest says that a word means in an answer; in doubt where it says nothing."""
        code = f"{call} {word}"
        reply = self._replies.get(code)
        if reply is None:
            return Meant(Means.IN_DOUBT, None, code, document)
        return Meant(reply.means, reply.reason, code, document)

    def _request(self, operation: str, fields: Fields, send_before: float | None) -> WireRequest:
        one = self._operations[operation]
        url, headers, body = self._base + one.path, {"Accept": "application/json"}, b""
        if one.method == "GET":
            url += f"?{urlencode({**self._credentials, **self._writing.with_questions, **fields})}"
        elif self._writing.posts_json:
            headers["Content-Type"] = "application/json"
            body = json.dumps({**self._credentials, **fields}).encode()
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode({**self._credentials, **fields}).encode()
        return WireRequest(one.method, url, headers, body, self._answer_seconds, send_before)
