"""The envelope of every partner message: a compact JWE, direct AES-256-GCM, keyed by the shared secret.

ekpay-syndicate-api.md, "Transport": the protected header is `{"cty":"JWT","enc":"A256GCM","alg":"dir"}` and
the content key is the partner's 32-character secret taken as 32 bytes. Nothing else is opened: no other
algorithm, no compression, no critical extension, no key that the message brings along.
"""

from collections.abc import Sequence
from functools import lru_cache

from joserfc import jwe
from joserfc.errors import DecodeError, JoseError
from joserfc.jwk import OctKey
from joserfc.registry import HeaderParameter

SECRET_BYTES = 32
_ALGORITHM, _ENCRYPTION, _CONTENT_TYPE = "dir", "A256GCM", "JWT"


class EnvelopeError(Exception):
    """No secret of the partner opens this body as an envelope; never says which part was wrong."""


def _only(expected: str) -> HeaderParameter:
    def check(value: object) -> None:
        if value != expected:
            raise ValueError(expected)

    return HeaderParameter(f"must be {expected}", check)


def _text(value: object) -> None:
    if not isinstance(value, str):
        raise TypeError


def _strict_registry() -> jwe.JWERegistry:
    registry = jwe.JWERegistry(algorithms=(_ALGORITHM, _ENCRYPTION))
    # The library's own list allows zip, crit, jku and jwk. Ours is complete: what it lacks is refused.
    registry.header_registry = {
        "alg": _only(_ALGORITHM),
        "enc": _only(_ENCRYPTION),
        "cty": _only(_CONTENT_TYPE),
        "typ": HeaderParameter("tolerated", _text),
        "kid": HeaderParameter("tolerated", _text),
    }
    return registry


_REGISTRY = _strict_registry()

# What the library throws at bodies made to hurt it, besides its own errors: a header that is no object, an
# algorithm that is a list, a nesting deeper than the interpreter's stack.
_REFUSALS = (JoseError, ValueError, TypeError, KeyError, AttributeError, AssertionError, RecursionError)


@lru_cache(maxsize=4_096)
def _key(secret: bytes) -> OctKey:
    """The key object of a secret; making one costs ten times as much as opening a message with it."""
    if len(secret) != SECRET_BYTES:
        message = f"a shared secret is {SECRET_BYTES} bytes long"
        raise ValueError(message)
    return OctKey.import_key(secret)


def open_envelope(body: bytes, secrets: Sequence[bytes]) -> bytes:
    """The plaintext of a partner's message.

    Secrets are tried in order: the current one, then during an overlap the previous one.

    Raises:
        EnvelopeError: no secret opens it, or its header asks for anything but the one algorithm.
        ValueError: one of the secrets is not 32 bytes long.
    """
    text = body.strip()
    for key in map(_key, secrets):
        try:
            opened = jwe.decrypt_compact(text, key, registry=_REGISTRY)
        except DecodeError:
            continue
        except _REFUSALS:
            raise EnvelopeError from None
        if opened.plaintext is not None:
            return opened.plaintext
    raise EnvelopeError


def close_envelope(plain: bytes, secret: bytes) -> bytes:
    """The envelope around an answer, as it travels.

    Raises:
        ValueError: the secret is not 32 bytes long.
    """
    header = {"cty": _CONTENT_TYPE, "enc": _ENCRYPTION, "alg": _ALGORITHM}
    return jwe.encrypt_compact(header, plain, _key(secret), registry=_REGISTRY).encode("ascii")
