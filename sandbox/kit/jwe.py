"""JWE in compact form, direct encryption with A256GCM, as partners of ekPay write it.

Every body of the syndicate API is one such text (ekpay-syndicate-api.md, "Transport"). The content
key is the partner's secret of 32 characters taken as 32 ASCII bytes. The codec is written on bare
AES-GCM, so that it shares nothing with the one it talks to.
"""

import base64
import binascii
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PROTECTED_HEADER = b'{"cty":"JWT","enc":"A256GCM","alg":"dir"}'

_SECRET_LENGTH = 32
_IV_LENGTH = 12
_TAG_LENGTH = 16
_PARTS = 5


class EnvelopeError(Exception):
    """The text is no envelope of ours: malformed, another algorithm, another key, or changed."""


def seal(plain: bytes, secret: str) -> str:
    """Return the message as a JWE under the partner's secret, with a fresh random IV.

    Raises:
        EnvelopeError: the secret is not 32 ASCII characters.
    """
    header = _encode(PROTECTED_HEADER)
    iv = os.urandom(_IV_LENGTH)
    sealed = AESGCM(_content_key(secret)).encrypt(iv, plain, header.encode("ascii"))
    cipher_text, tag = sealed[:-_TAG_LENGTH], sealed[-_TAG_LENGTH:]
    return ".".join((header, "", _encode(iv), _encode(cipher_text), _encode(tag)))


def unseal(text: str, secret: str) -> bytes:
    """Return the message inside a JWE.

    Raises:
        EnvelopeError: the text is malformed, does not say dir and A256GCM, was sealed with
            another key, or was changed in any part.
    """
    parts = text.split(".")
    if len(parts) != _PARTS:
        raise EnvelopeError("an envelope has five parts")
    header, encrypted_key, iv, cipher_text, tag = (_decode(part) for part in parts)
    _check_header(header)
    if encrypted_key or len(iv) != _IV_LENGTH or len(tag) != _TAG_LENGTH:
        raise EnvelopeError("a part has the wrong length")
    try:
        return AESGCM(_content_key(secret)).decrypt(iv, cipher_text + tag, parts[0].encode("ascii"))
    except InvalidTag:
        raise EnvelopeError("another key, or changed on the way") from None


def _check_header(header: bytes) -> None:
    try:
        values = json.loads(header)
    except ValueError:
        raise EnvelopeError("the protected header is no JSON") from None
    if not isinstance(values, dict) or (values.get("alg"), values.get("enc")) != ("dir", "A256GCM"):
        raise EnvelopeError("the protected header names another algorithm")


def _content_key(secret: str) -> bytes:
    if len(secret) != _SECRET_LENGTH or not secret.isascii():
        raise EnvelopeError(f"the secret must be {_SECRET_LENGTH} ASCII characters")
    return secret.encode("ascii")


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode("ascii")


def _decode(part: str) -> bytes:
    try:
        decoded = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise EnvelopeError("a part is not base64url") from None
    if _encode(decoded) != part:
        # Spare bits or padding: the same bytes could be written in a second way.
        raise EnvelopeError("a part is not base64url as it must be written")
    return decoded
