"""The envelope of every partner message: a compact JWE, direct AES-256-GCM, keyed by the shared secret.

ekpay-syndicate-api.md, "Transport": the protected header is `{"cty":"JWT","enc":"A256GCM","alg":"dir"}` and
the content key is the partner's 32-character secret taken as 32 bytes. Nothing else is opened: no other
algorithm, no compression, no critical extension, no key that the message brings along.

Which headers are opened, the library alone decides, once for each; what is left to do for a message is one
authenticated decryption (docs/adr/0063-the-library-judges-headers-once.md).
"""

import base64
import contextlib
import os
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.registry import HeaderParameter

SECRET_BYTES = 32
_ALGORITHM, _ENCRYPTION, _CONTENT_TYPE = "dir", "A256GCM", "JWT"


class EnvelopeError(Exception):
    """No secret of the partner opens this body as an envelope; never says which part was wrong."""


def _must_be(expected: str) -> HeaderParameter:
    def check(value: object) -> None:
        if value != expected:
            raise ValueError(expected)

    return HeaderParameter(f"must be {expected}", check)


def _must_be_text(value: object) -> None:
    if not isinstance(value, str):
        raise TypeError


def _strict_registry() -> jwe.JWERegistry:
    registry = jwe.JWERegistry(algorithms=(_ALGORITHM, _ENCRYPTION))
    # The library's own list allows zip, crit, jku and jwk. Ours is complete: what it lacks is refused.
    registry.header_registry = {
        "alg": _must_be(_ALGORITHM),
        "enc": _must_be(_ENCRYPTION),
        "cty": _must_be(_CONTENT_TYPE),
        "typ": HeaderParameter("tolerated", _must_be_text),
        "kid": HeaderParameter("tolerated", _must_be_text),
    }
    return registry


_REGISTRY = _strict_registry()

# What the library throws at bodies made to hurt it, besides its own errors: a header that is no object, an
# algorithm that is a list, a nesting deeper than the interpreter's stack.
_REFUSALS = (JoseError, ValueError, TypeError, KeyError, AttributeError, AssertionError, RecursionError)


_PARTS, _NONCE_BYTES, _TAG_BYTES = 5, 12, 16
# In letters of base64, as the library has them for what it opens itself.
_HEADER_MAX, _CIPHERTEXT_MAX = _REGISTRY.max_protected_header_length, _REGISTRY.max_ciphertext_length
_NO_SECRET = bytes(SECRET_BYTES)


def _to_text(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _from_text(text: bytes) -> bytes:
    raw = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    # One envelope has one text: the spare bits of the last letter are not free.
    if _to_text(raw) != text:
        raise ValueError("base64 that its bytes are not spelled as")
    return raw


_OUR_HEADER = _to_text(f'{{"cty":"{_CONTENT_TYPE}","enc":"{_ENCRYPTION}","alg":"{_ALGORITHM}"}}'.encode())


@lru_cache(maxsize=4_096)
def _key(secret: bytes) -> AESGCM:
    """The key object of a secret; making one costs more than opening a message with it."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a shared secret is {SECRET_BYTES} bytes long")
    return AESGCM(secret)


@lru_cache(maxsize=1_024)
def _is_allowed(header: bytes) -> bool:
    """Whether the library opens envelopes under this header: it is given one, and its answer remembered."""
    probe = _sealed(b"", AESGCM(_NO_SECRET), header)
    try:
        jwe.decrypt_compact(probe, OctKey.import_key(_NO_SECRET), registry=_REGISTRY)
    except _REFUSALS:
        return False
    return True


def open_envelope(body: bytes, secrets: Sequence[bytes]) -> bytes:
    """The plaintext of a partner's message.

    Secrets are tried in order: the current one, then during an overlap the previous one.

    Raises:
        EnvelopeError: no secret opens it, or its header asks for anything but the one algorithm.
        ValueError: one of the secrets is not 32 bytes long.
    """
    keys = [_key(secret) for secret in secrets]
    parts = body.strip().split(b".")
    if len(parts) != _PARTS:
        raise EnvelopeError
    header, wrapped_key, *texts = parts
    if wrapped_key or len(header) > _HEADER_MAX or len(texts[1]) > _CIPHERTEXT_MAX:
        raise EnvelopeError
    try:
        nonce, sealed, tag = map(_from_text, texts)
    except ValueError:
        raise EnvelopeError from None
    if len(nonce) != _NONCE_BYTES or len(tag) != _TAG_BYTES or not _is_allowed(header):
        raise EnvelopeError
    for key in keys:
        with contextlib.suppress(InvalidTag):
            return key.decrypt(nonce, sealed + tag, header)
    raise EnvelopeError


def close_envelope(plain: bytes, secret: bytes) -> bytes:
    """The envelope around an answer, as it travels.

    Raises:
        ValueError: the secret is not 32 bytes long.
    """
    return _sealed(plain, _key(secret), _OUR_HEADER)


def _sealed(plain: bytes, key: AESGCM, header: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    sealed = key.encrypt(nonce, plain, header)
    text, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    return b".".join((header, b"", *map(_to_text, (nonce, text, tag))))
