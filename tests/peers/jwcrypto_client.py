"""A partner that seals and opens with the public library jwcrypto, unmodified.

Run by `jose_against_sandbox.py` in an environment that has nothing but that package.
"""

import base64
import importlib
import json
from typing import Any

from sealing import HEADER, exchange  # type: ignore[import-not-found]  # beside us where we run
from telling import versions  # type: ignore[import-not-found]  # beside us where we run

jwe: Any = importlib.import_module("jwcrypto.jwe")
jwk: Any = importlib.import_module("jwcrypto.jwk")


def key_of(secret: bytes) -> Any:  # noqa: ANN401 - the library has no types
    return jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(secret).rstrip(b"=").decode())


def seal(plain: bytes, secret: bytes) -> str:
    envelope = jwe.JWE(plain, protected=json.dumps(HEADER))
    envelope.add_recipient(key_of(secret))
    return str(envelope.serialize(compact=True))


def open_(token: str, secret: bytes) -> bytes:
    envelope = jwe.JWE()
    envelope.deserialize(token, key=key_of(secret))
    return bytes(envelope.payload)


if __name__ == "__main__":
    versions("jwcrypto")
    exchange(seal, open_, Exception)
