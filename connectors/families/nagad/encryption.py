"""Encryption of requests to Nagad and decryption of its answers (connectors.md 2.2).

A text is encrypted with the receiver's public key and signed with the sender's private key, both over the
same bytes. Every failure of a decryption raises the same error: telling a wrong padding from a wrong
signature would allow a padding oracle attack on this encryption (PKCS#1 v1.5).
"""

import base64
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_KEY_BITS = range(2_048, 4_096 + 1)
_PADDING_BYTES = 11
# The private key of 4,096 bits is the longest text of all.
_TEXT_LENGTH_MAX = 4_000


@dataclass(frozen=True, slots=True)
class EncryptedText:
    """One encrypted text and its signature, both in base64."""

    sensitive_data: str
    signature: str


class MessageEncryption:
    """One side's private key and the other side's public one."""

    def __init__(self, own: RSAPrivateKey, theirs: RSAPublicKey) -> None:
        self._own = own
        self._theirs = theirs

    @property
    def plaintext_bytes_max(self) -> int:
        """How many bytes can be encrypted: 245 with a key of 2,048 bits."""
        return self._theirs.key_size // 8 - _PADDING_BYTES

    def encrypt(self, plaintext: bytes) -> EncryptedText:
        """Encrypt and sign.

        Raises:
            ValueError: more than `plaintext_bytes_max`.
        """
        encrypted = self._theirs.encrypt(plaintext, PKCS1v15())
        signature = self._own.sign(plaintext, PKCS1v15(), SHA256())
        return EncryptedText(base64.b64encode(encrypted).decode(), base64.b64encode(signature).decode())

    def decrypt(self, sensitive_data: object, signature: object) -> bytes:
        """Decrypt and verify the signature.

        Raises:
            BrokenReplyError: either fails; always with the same text.
        """
        try:
            plaintext = self._own.decrypt(_decode_base64(sensitive_data), PKCS1v15())
            self._theirs.verify(_decode_base64(signature), plaintext, PKCS1v15(), SHA256())
        except (ValueError, InvalidSignature):
            raise BrokenReplyError("the answer cannot be decrypted or its signature is wrong") from None
        return plaintext


def private_key(written: str) -> RSAPrivateKey | None:
    """The RSA key of a base64 text (PKCS#8, DER), or None where it has none of 2,048 to 4,096 bits."""
    try:
        key = load_der_private_key(_decode_base64(written), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPrivateKey) and key.key_size in _KEY_BITS else None


def public_key(written: str) -> RSAPublicKey | None:
    """The RSA key of a base64 text (SubjectPublicKeyInfo, DER), or None like `private_key`."""
    try:
        key = load_der_public_key(_decode_base64(written))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size in _KEY_BITS else None


def _decode_base64(written: object) -> bytes:
    """The bytes of a base64 text; raises ValueError."""
    if not isinstance(written, str) or len(written) > _TEXT_LENGTH_MAX:
        raise ValueError("no base64")
    return base64.b64decode(written.strip(), validate=True)
