"""Secrets at rest: AES-256-GCM, bound to the row and column they stand in.

A sealed field is one version byte, 12 random bytes of nonce, then ciphertext and tag. Its context, for
example `partners.secret:P7`, is authenticated with it: a value copied into another row does not open there.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12
_OVERHEAD_BYTES = len(_VERSION) + _NONCE_BYTES + 16


class SealBrokenError(Exception):
    """The sealed bytes were not made by this key for this context, or were changed since."""


class Sealer:
    """Seals and unseals short secrets under one key.

    A random nonce bounds one key to some four thousand million seals; secrets and tokens are far below it.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, context: str, plaintext: bytes) -> bytes:
        """The sealed form; sealing the same twice gives different bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plaintext, _VERSION + context.encode())

    def unseal(self, context: str, sealed: bytes) -> bytes:
        """The plaintext that was sealed for this context.

        Raises:
            SealBrokenError: another key, another context, another version, or changed bytes.
        """
        if len(sealed) < _OVERHEAD_BYTES or sealed[:1] != _VERSION:
            raise SealBrokenError
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, _VERSION + context.encode())
        except InvalidTag:
            raise SealBrokenError from None
