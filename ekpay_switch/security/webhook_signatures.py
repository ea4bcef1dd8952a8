"""Signatures of notifications: Standard Webhooks 1.0.0, Ed25519 (`v1a`) and HMAC-SHA256 (`v1`).

Each endpoint has keys of its own, one per generation, derived from the master key: nothing is stored, and a
stolen copy of the database signs nothing. During a rotation each message carries the signatures of both
generations, the newest first. Most libraries of receivers know `v1` alone, so an endpoint may have a shared
secret beside its public key; whoever holds the secret can sign as well, which the public key does not allow.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ekpay_switch.security.keys import KeyRing

PUBLIC_PREFIX = "whpk_"
SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins
MARKER, SHARED_MARKER = "v1a", "v1"
_PURPOSE, _SHARED_PURPOSE = "webhook-signatures/1", "webhook-secrets/1"


class WebhookKeys:
    """The signing keys of every endpoint; the same endpoint and generation give the same key for ever."""

    __slots__ = ("_keys",)

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def public_key(self, endpoint_id: UUID, generation: int) -> str:
        """The public half as receivers configure it: `whpk_` and 32 bytes in base64."""
        raw = self._private_key(endpoint_id, generation).public_key().public_bytes_raw()
        return PUBLIC_PREFIX + base64.b64encode(raw).decode("ascii")

    def shared_secret(self, endpoint_id: UUID, generation: int) -> str:
        """The secret as receivers' libraries take it: `whsec_` and 32 bytes in base64."""
        return SECRET_PREFIX + base64.b64encode(self._shared_key(endpoint_id, generation)).decode("ascii")

    def headers(
        self,
        endpoint_id: UUID,
        generations: Sequence[int],
        message_id: str,
        timestamp: int,
        body: bytes,
        *,
        has_shared_secret: bool = False,
    ) -> dict[str, str]:
        """The three headers of one try: who, when (seconds since 1970), and a signature per generation.

        With a shared secret each generation signs once more.
        """
        signed = signed_content(message_id, timestamp, body)
        signatures = [signature(self._private_key(endpoint_id, number), signed) for number in generations]
        if has_shared_secret:
            keys = (self._shared_key(endpoint_id, number) for number in generations)
            signatures += [shared_signature(key, signed) for key in keys]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signatures),
        }

    def _private_key(self, endpoint_id: UUID, generation: int) -> Ed25519PrivateKey:
        seed = self._keys.sub_key(f"{_PURPOSE}:{endpoint_id}:{generation}")
        return Ed25519PrivateKey.from_private_bytes(seed)

    def _shared_key(self, endpoint_id: UUID, generation: int) -> bytes:
        return self._keys.sub_key(f"{_SHARED_PURPOSE}:{endpoint_id}:{generation}")


def signed_content(message_id: str, timestamp: int, body: bytes) -> bytes:
    """What is signed: id, time and body, so that none of them can be changed or taken from elsewhere."""
    return f"{message_id}.{timestamp}.".encode() + body


def signature(key: Ed25519PrivateKey, signed: bytes) -> str:
    """One signature as it stands in the header."""
    return f"{MARKER},{base64.b64encode(key.sign(signed)).decode('ascii')}"


def shared_signature(key: bytes, signed: bytes) -> str:
    """The same under a shared secret."""
    mark = hmac.new(key, signed, hashlib.sha256).digest()
    return f"{SHARED_MARKER},{base64.b64encode(mark).decode('ascii')}"
