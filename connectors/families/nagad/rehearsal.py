"""Nagad's side of a rehearsal: keys made for it, and the encryption of plain-text examples.

So the repository has no key, and an example is readable: its `sensitiveData` is a JSON object. A `signature`
beside it is kept, so that an example may have a wrong one.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from connectors.families.nagad.encryption import MessageEncryption
from connectors.manifest import Manifest

MERCHANT_ID = "100000000000001"
_KEY_BITS = 2_048
_EXPONENT = 65_537


@dataclass(frozen=True, slots=True)
class NagadStaging:
    """The settings of a merchant and the encryption of answers; implements `RehearsalStaging`."""

    environ: Mapping[str, str]
    encryption: MessageEncryption

    def wire_form(self, body: str) -> bytes:
        """The body of an example as Nagad would send it."""
        try:
            document = json.loads(body)
        except ValueError:
            return body.encode()
        plain_members = document.get("sensitiveData") if isinstance(document, dict) else None
        if not isinstance(plain_members, dict):
            return body.encode()
        encrypted = self.encryption.encrypt(json.dumps(plain_members).encode())
        return json.dumps(
            {"signature": encrypted.signature, **document, "sensitiveData": encrypted.sensitive_data}
        ).encode()


def stage_nagad(manifest: Manifest) -> NagadStaging:
    """A merchant's settings and Nagad's encryption with matching keys, made once a process."""
    merchant, gateway = _key_pairs()
    secrets = {
        "merchant_id": MERCHANT_ID,
        "private_key": private_key_text(merchant),
        "gateway_key": public_key_text(gateway),
    }
    environ = {setting: secrets[name] for name, setting in manifest.secrets.items()}
    return NagadStaging(environ, MessageEncryption(gateway, merchant.public_key()))


def private_key_text(key: RSAPrivateKey) -> str:
    """A private key as the setting holds it: PKCS#8, DER, base64."""
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(der).decode()


def public_key_text(key: RSAPrivateKey) -> str:
    """The public half of a key as the setting holds it: SubjectPublicKeyInfo, DER, base64."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@cache
def _key_pairs() -> tuple[RSAPrivateKey, RSAPrivateKey]:
    return generate_private_key(_EXPONENT, _KEY_BITS), generate_private_key(_EXPONENT, _KEY_BITS)
