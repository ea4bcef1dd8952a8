"""A partner that seals and opens with the public library python-jose, unmodified.

Run by `jose_against_sandbox.py` in an environment that has nothing but that package.
"""

import importlib
from typing import Any

from sealing import HEADER, exchange  # type: ignore[import-not-found]  # beside us where we run
from telling import versions  # type: ignore[import-not-found]  # beside us where we run

jwe: Any = importlib.import_module("jose.jwe")


def seal(plain: bytes, secret: bytes) -> str:
    return bytes(
        jwe.encrypt(plain, secret, encryption=HEADER["enc"], algorithm=HEADER["alg"], cty=HEADER["cty"])
    ).decode()


def open_(token: str, secret: bytes) -> bytes:
    return bytes(jwe.decrypt(token, secret))


if __name__ == "__main__":
    versions("python-jose")
    exchange(seal, open_, Exception)
