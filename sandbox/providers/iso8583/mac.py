"""The retail MAC: ISO 9797-1 algorithm 3, padding method 1, under a double-length DES key."""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

MAC_LENGTH = 8
KEY_LENGTH = 16

_BLOCK = 8


def mac_of(key: bytes, covered: bytes) -> bytes:
    """Return the MAC of these bytes; the key has sixteen of them, and its parity is not looked at."""
    first_key, right = key[:_BLOCK], key[_BLOCK:KEY_LENGTH]
    padded = covered + bytes(-len(covered) % _BLOCK)
    # The last block goes through all three steps, every block before it through the left half alone.
    chained = bytes(_BLOCK)
    if len(padded) > _BLOCK:
        chained = _encrypt_blocks(first_key * 3, bytes(_BLOCK), padded[:-_BLOCK])[-_BLOCK:]
    return _encrypt_blocks(first_key + right + first_key, chained, padded[-_BLOCK:])


def _encrypt_blocks(key: bytes, start: bytes, blocks: bytes) -> bytes:
    encryptor = Cipher(TripleDES(key), modes.CBC(start)).encryptor()
    return encryptor.update(blocks) + encryptor.finalize()
