"""Nagad's side of a rehearsal: keys made for it, and the sealing of what its examples show in the open.

So no key stands in the repository, and an example can be read: its `sensitiveData` is a JSON object there. A
`signature` that stands beside it stays as it is, so that an example may show a wrong one.
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

from connectors.families.nagad.encryption import Seal
from connectors.manifest import Manifest

MERCHANT_ID = "100000000000001"
_KEY_BITS = 2_048
_EXPONENT = 65_537


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What `connectors.rehearsal` needs of Nagad: the settings of a merchant, and sealed answers."""

    environ: Mapping[str, str]
    seal: Seal

    def wire_form(self, body: str) -> bytes:
        """The body of an example as Nagad would send it."""
        try:
            document = json.loads(body)
        except ValueError:
            return body.encode()
        shown = document.get("sensitiveData") if isinstance(document, dict) else None
        if not isinstance(shown, dict):
            return body.encode()
        sealed = self.seal.close(json.dumps(shown).encode())
        return json.dumps(
            {"signature": sealed.signature, **document, "sensitiveData": sealed.sensitive_data}
        ).encode()


def rehearsed(manifest: Manifest) -> Rehearsed:
    """A merchant's settings and Nagad's seal that fit together, made once for this process."""
    merchant, gateway = _key_pairs()
    held = {
        "merchant_id": MERCHANT_ID,
        "private_key": written_private(merchant),
        "gateway_key": written_public(gateway),
    }
    environ = {setting: held[name] for name, setting in manifest.secrets.items()}
    return Rehearsed(environ, Seal(gateway, merchant.public_key()))


def written_private(key: RSAPrivateKey) -> str:
    """A private key as the setting holds it: PKCS#8, DER, base64."""
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(der).decode()


def written_public(key: RSAPrivateKey) -> str:
    """The public half of a key as the setting holds it: SubjectPublicKeyInfo, DER, base64."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@cache
def _key_pairs() -> tuple[RSAPrivateKey, RSAPrivateKey]:
    return generate_private_key(_EXPONENT, _KEY_BITS), generate_private_key(_EXPONENT, _KEY_BITS)
