"""The MAC of a host link: ISO 9797-1 algorithm 3 (retail MAC) over DES, padding method 1."""

import hmac
import re

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

MAC_BYTES = 8
_BLOCK = 8
_HALF = 8
_KEY = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)


class MacKey:
    """A double-length DES key of 32 hexadecimal digits, of any parity."""

    def __init__(self, hexadecimal: str) -> None:
        """Read the key; raises ValueError, without quoting it, where it is malformed."""
        if not _KEY.fullmatch(hexadecimal):
            raise ValueError("a MAC key has 32 hexadecimal digits")
        key = bytes.fromhex(hexadecimal)
        self._first, self._both = key[:_HALF], key

    def __repr__(self) -> str:
        return "MacKey(…)"

    def mac_of(self, message: bytes) -> bytes:
        """The MAC over these bytes, padded with zeros to whole blocks."""
        padded = message.ljust(max(-(-len(message) // _BLOCK), 1) * _BLOCK, b"\0")
        chained = bytes(_BLOCK)
        if len(padded) > _BLOCK:
            chained = _single(self._first, padded[:-_BLOCK])
        last = bytes(a ^ b for a, b in zip(chained, padded[-_BLOCK:], strict=True))
        # The last block: encrypted, decrypted and encrypted again, which is one step of triple DES.
        step = Cipher(TripleDES(self._both + self._first), ECB()).encryptor()  # noqa: S305 - one block, as the MAC is defined
        return step.update(last) + step.finalize()

    def is_right(self, message: bytes, mac: bytes) -> bool:
        """Whether this is the MAC of these bytes, compared in constant time."""
        return hmac.compare_digest(self.mac_of(message), mac)


def _single(key: bytes, blocks: bytes) -> bytes:
    """The last block of DES in CBC mode: triple DES with one key three times is single DES."""
    chain = Cipher(TripleDES(key * 3), CBC(bytes(_BLOCK))).encryptor()
    return (chain.update(blocks) + chain.finalize())[-_BLOCK:]
