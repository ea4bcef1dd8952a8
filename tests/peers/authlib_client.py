"""A partner that seals and opens with the public library Authlib, unmodified.

Run by `jose_against_sandbox.py` in an environment that has nothing but that package.
"""

import importlib
from typing import Any

from sealing import HEADER, exchange  # type: ignore[import-not-found]  # beside us where we run
from telling import versions  # type: ignore[import-not-found]  # beside us where we run

jose: Any = importlib.import_module("authlib.jose")
codec = jose.JsonWebEncryption()


def seal(plain: bytes, secret: bytes) -> str:
    return bytes(codec.serialize_compact(HEADER, plain, secret)).decode()


def open_(token: str, secret: bytes) -> bytes:
    return bytes(codec.deserialize_compact(token, secret)["payload"])


if __name__ == "__main__":
    versions("authlib")
    exchange(seal, open_, Exception)
