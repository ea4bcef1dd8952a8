"""Notifications that bKash sends through Amazon SNS, and the check of their signatures.

The certificate comes from a URL in the message itself. It is fetched only where host, path and topic are
right, and as a far side of its own, so that a forged message cannot open the breaker of bKash. An inner
message has no paymentID; it names the payment by our reference.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from connectors.families.bkash.settings import BkashSettings
from connectors.manifest import Manifest
from connectors.pages import origin_of
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from ekpay_switch.ports.world import WireAnswer, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, json_object, text, text_or_empty

_OK = 200
_BYTES_MAX = 262_144
_URL_LENGTH_MAX = 4_000
_NOTIFICATION, _SUBSCRIPTION = "Notification", "SubscriptionConfirmation"
_SIGNED_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_OPTIONAL = "Subject"
_SIGNED = {
    _NOTIFICATION: _SIGNED_NOTIFICATION,
    _SUBSCRIPTION: _SIGNED_CONFIRMATION,
    "UnsubscribeConfirmation": _SIGNED_CONFIRMATION,
}
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "1": hashes.SHA1(),  # noqa: S303 - the default of SNS
    "2": hashes.SHA256(),
}
_TOPIC = re.compile(r"arn:aws(?:-cn)?:sns:([a-z0-9-]{1,30}):[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
_CERTIFICATE_PATH = re.compile(r"/[A-Za-z0-9_-]{1,200}\.pem")
_LOOPBACK = re.compile(r"https?://(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?::[0-9]{1,5})?/.*")
_CERTIFICATES_MAX = 8
_KEY_BITS_MIN = 2_048


class ForgedError(Exception):
    """The message is not proven to be bKash's; the error's text quotes nothing of it."""


class Notifications:
    """Reads the messages of one topic."""

    def __init__(self, manifest: Manifest, settings: BkashSettings, context: FamilyContext) -> None:
        self._topic_setting = settings.sns_topic_setting
        self._topic = context.environ.get(settings.sns_topic_setting, "")
        self._sandbox_certificate_url = context.environ.get(settings.sns_certificate_setting, "")
        if self._sandbox_certificate_url and not _LOOPBACK.fullmatch(self._sandbox_certificate_url):
            raise ManifestError(
                f"{settings.sns_certificate_setting} is for rehearsals: it must be a loopback address"
            )
        topic = _TOPIC.fullmatch(self._topic)
        hosts = (f"sns.{topic[1]}.amazonaws.com", f"sns.{topic[1]}.amazonaws.com.cn") if topic else ()
        self._origins = frozenset(f"https://{host}" for host in hosts)
        # A far side of its own: a forged message must not open the breaker of bKash.
        self._far_side = f"{manifest.id}_sns"
        self._wire, self._clock = context.wire, context.clock
        self._seconds = manifest.timing.answer_seconds / context.divisor
        self._certificates: dict[str, x509.Certificate] = {}

    async def read(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """A hint where the message is signed and of our topic; also confirms a subscription."""
        if not self._origins:
            return NoHint(f"{self._topic_setting} names no topic")
        if len(body) > _BYTES_MAX:
            return NoHint("a message that is too long")
        try:
            return await self._verified_hint(headers, json_object(body))
        except ForgedError as error:
            return NoHint(str(error), is_forged=True)
        except BrokenReplyError as error:
            return NoHint(str(error))

    async def _verified_hint(
        self, headers: Mapping[str, str], message: Mapping[str, Any]
    ) -> CallbackHint | NoHint:
        """The hint of a verified message; raises ForgedError and BrokenReplyError."""
        kind = text(message, "Type")
        self._require_ours(headers, message, kind)
        certificate = await self._certificate(text(message, "SigningCertURL", _URL_LENGTH_MAX))
        _require_signed(certificate, self._clock.now(), message, kind)
        if kind == _NOTIFICATION:
            return _hint(message)
        return await self._confirm(message) if kind == _SUBSCRIPTION else NoHint("unsubscribed")

    def _require_ours(self, headers: Mapping[str, str], message: Mapping[str, Any], kind: str) -> None:
        """Check type, topic and certificate URL before anything is fetched; raises ForgedError."""
        if kind not in _SIGNED or headers.get("x-amz-sns-message-type", kind) != kind:
            raise ForgedError("another type than its header says")
        if text(message, "TopicArn") != self._topic:
            raise ForgedError("another topic")
        url = text(message, "SigningCertURL", _URL_LENGTH_MAX)
        origin = origin_of(url)
        if origin not in self._origins or not _CERTIFICATE_PATH.fullmatch(url.removeprefix(origin)):
            raise ForgedError("a certificate from elsewhere")

    async def _certificate(self, url: str) -> x509.Certificate:
        """The certificate at a URL, fetched once; raises BrokenReplyError."""
        cached_certificate = self._certificates.get(url)
        if cached_certificate is not None:
            return cached_certificate
        answer = await self._get(self._sandbox_certificate_url or url)
        try:
            certificate = x509.load_pem_x509_certificate(answer)
        except ValueError:
            raise BrokenReplyError("no certificate where one should be") from None
        if len(self._certificates) >= _CERTIFICATES_MAX:
            self._certificates.clear()
        self._certificates[url] = certificate
        return certificate

    async def _confirm(self, message: Mapping[str, Any]) -> NoHint:
        """Confirm a subscription at its URL; a rehearsal uses the sandbox instead of Amazon."""
        url = text(message, "SubscribeURL", _URL_LENGTH_MAX)
        origin = origin_of(url)
        if origin not in self._origins:
            raise ForgedError("a subscription to be confirmed elsewhere")
        sandbox_origin = origin_of(self._sandbox_certificate_url)
        await self._get(sandbox_origin + url.removeprefix(origin) if sandbox_origin else url)
        return NoHint("a subscription was confirmed")

    async def _get(self, url: str) -> bytes:
        answer = await self._wire.send(self._far_side, WireRequest("GET", url, {}, b"", self._seconds))
        if not isinstance(answer, WireAnswer) or answer.status != _OK:
            raise BrokenReplyError("an address of a notification did not answer")
        return answer.body


def _require_signed(
    certificate: x509.Certificate, now: datetime, message: Mapping[str, Any], kind: str
) -> None:
    """Raise ForgedError where the signature, the key or the certificate is not valid."""
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise ForgedError("a certificate that is not valid now")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _KEY_BITS_MIN:
        raise ForgedError("a certificate with another kind of key")
    algorithm = _HASHES.get(text(message, "SignatureVersion"))
    if algorithm is None:
        raise ForgedError("a signature of another version")
    try:
        signature = base64.b64decode(text(message, "Signature", _URL_LENGTH_MAX), validate=True)
        key.verify(signature, _signed_text(message, kind), PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError):
        raise ForgedError("a wrong signature") from None


def _signed_text(message: Mapping[str, Any], kind: str) -> bytes:
    """The signed text: name and value of each signed member, one a line."""
    names = [name for name in _SIGNED[kind] if name != _OPTIONAL or message.get(name) is not None]
    return "".join(f"{name}\n{text(message, name, _BYTES_MAX)}\n" for name in names).encode()


def _hint(message: Mapping[str, Any]) -> CallbackHint:
    inner = json_object(text(message, "Message", _BYTES_MAX).encode())
    return CallbackHint(
        event_id=text(message, "MessageId"),
        provider_reference="",
        claims=text_or_empty(inner, "transactionStatus"),
        reference=text(inner, "merchantInvoiceNumber"),
    )
