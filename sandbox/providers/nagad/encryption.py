"""Nagad's encryption: a text encrypted for its reader and signed by its writer, both over the same bytes.

RSAES-PKCS1-v1_5 and RSASSA-PKCS1-v1_5 with SHA-256, in base64. How the JSON below is spelt is the writer's
affair: spaces and the order of the keys are free.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256


class EncryptionDefect(StrEnum):
    """What can be wrong with an encrypted answer, on demand."""

    BAD_SIGNATURE = "bad_signature"
    """The signature is of other bytes."""
    WRONG_KEY = "wrong_key"
    """It is encrypted with Nagad's own key."""
    UNSEALED = "unsealed"
    """The fields stand in the open."""


class DecryptionError(Exception):
    """The text cannot be decrypted, or is not a JSON object."""


class WrongSignatureError(Exception):
    """It can be read, and the merchant has not signed it."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """Nagad's private key and the merchant's public one."""

    own: RSAPrivateKey
    theirs: RSAPublicKey

    def close(self, fields: Mapping[str, object], wrong: EncryptionDefect | None = None) -> dict[str, object]:
        """Return the members of an encrypted answer."""
        if wrong is EncryptionDefect.UNSEALED:
            return dict(fields)
        plain = orjson.dumps(fields)
        reader = self.own.public_key() if wrong is EncryptionDefect.WRONG_KEY else self.theirs
        signed = plain + b" " if wrong is EncryptionDefect.BAD_SIGNATURE else plain
        encrypted, signature = reader.encrypt(plain, PKCS1v15()), self.own.sign(signed, PKCS1v15(), SHA256())
        return {"sensitiveData": _to_base64(encrypted), "signature": _to_base64(signature)}

    def open(self, sensitive_data: object, signature: object) -> dict[str, object]:
        """Return the fields that a merchant has encrypted.

        Raises:
            BrokenSealError: it was encrypted for another party, or not at all.
            WrongSignatureError: it was signed by another party.
        """
        try:
            plain = self.own.decrypt(_from_base64(sensitive_data), PKCS1v15())
            # OpenSSL answers a wrong padding with bytes drawn at random; those are no JSON.
            fields = orjson.loads(plain)
        except ValueError:
            raise DecryptionError from None
        if not isinstance(fields, dict):
            raise DecryptionError
        try:
            self.theirs.verify(_from_base64(signature), plain, PKCS1v15(), SHA256())
        except (ValueError, InvalidSignature):
            raise WrongSignatureError from None
        return fields


def _to_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _from_base64(written: object) -> bytes:
    if not isinstance(written, str):
        raise ValueError("no text")  # noqa: TRY004 - one error for all that is no base64
    return base64.b64decode(written, validate=True)
