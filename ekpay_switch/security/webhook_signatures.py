"""Signatures of notifications: Standard Webhooks 1.0.0, Ed25519, marker `v1a`.

Each endpoint has keys of its own, one per generation, derived from the master key: nothing is stored, and a
stolen copy of the database signs nothing. During a rotation each message carries two signatures, the newest
key's first.
"""

import base64
from collections.abc import Sequence
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ekpay_switch.security.keys import KeyRing

PUBLIC_PREFIX = "whpk_"
MARKER = "v1a"
_PURPOSE = "webhook-signatures/1"


class WebhookKeys:
    """The signing keys of every endpoint; the same endpoint and generation give the same key for ever."""

    __slots__ = ("_keys",)

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def public_key(self, endpoint_id: UUID, generation: int) -> str:
        """The public half as receivers configure it: `whpk_` and 32 bytes in base64."""
        raw = self._private_key(endpoint_id, generation).public_key().public_bytes_raw()
        return PUBLIC_PREFIX + base64.b64encode(raw).decode("ascii")

    def headers(
        self, endpoint_id: UUID, generations: Sequence[int], message_id: str, timestamp: int, body: bytes
    ) -> dict[str, str]:
        """The three headers of one try: who, when (seconds since 1970), and a signature per generation."""
        signed = signed_content(message_id, timestamp, body)
        keys = (self._private_key(endpoint_id, generation) for generation in generations)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signature(key, signed) for key in keys),
        }

    def _private_key(self, endpoint_id: UUID, generation: int) -> Ed25519PrivateKey:
        seed = self._keys.sub_key(f"{_PURPOSE}:{endpoint_id}:{generation}")
        return Ed25519PrivateKey.from_private_bytes(seed)


def signed_content(message_id: str, timestamp: int, body: bytes) -> bytes:
    """What is signed: id, time and body, so that none of them can be changed or taken from elsewhere."""
    return f"{message_id}.{timestamp}.".encode() + body


def signature(key: Ed25519PrivateKey, signed: bytes) -> str:
    """One signature as it stands in the header."""
    return f"{MARKER},{base64.b64encode(key.sign(signed)).decode('ascii')}"
