"""Credentials of a partner's machine: a pass key for get-token, a shared secret for envelopes.

We make both, so a pass key holds 142 random bits or more and a plain SHA-256 of it is safe at rest: there is
nothing to guess. Argon2 would guard against guessing alone, and its 64 MiB for each call would let anybody
empty our memory at get-token. People's passphrases are another matter, see `passphrases`.
"""

import hashlib
import hmac
import secrets
import string

from ekpay_switch.security.identifiers import random_text

SHARED_SECRET_LENGTH, MERCHANT_PASS_KEY_LENGTH = 32, 24
_PASS_KEY_BYTES = 32
_LETTERS_AND_DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits


def new_pass_key() -> str:
    """A pass key of 256 random bits in URL-safe text; shown to the partner once and never stored."""
    return secrets.token_urlsafe(_PASS_KEY_BYTES)


def new_shared_secret() -> str:
    """A shared secret: 32 of A-Za-z0-9, since partners' clients take its characters as the 32 key bytes."""
    return random_text(_LETTERS_AND_DIGITS, SHARED_SECRET_LENGTH)


def hash_pass_key(pass_key: str) -> bytes:
    """The 32 bytes that are stored of a pass key."""
    return hashlib.sha256(pass_key.encode("utf-8", "surrogatepass")).digest()


def new_merchant_pass_key() -> str:
    """A merchant's pass key: 24 of A-Za-z0-9, 142 random bits; shown once and never stored.

    Shops keep it in configuration fields and spreadsheets, so it is short and has no sign that one of them
    would read as a formula or an escape (ekpay-merchant-api.md 1.2, 3.7).
    """
    return random_text(_LETTERS_AND_DIGITS, MERCHANT_PASS_KEY_LENGTH)


# What an unknown user is compared with; nobody can know a pass key that hashes to it.
_UNKNOWN_USER_HASH = secrets.token_bytes(32)


def pass_key_matches(pass_key: str, stored: bytes | None) -> bool:
    """Whether this is the pass key behind the stored hash.

    `stored` is None for an unknown user: the same work is done, so that time does not tell users apart.
    """
    is_equal = hmac.compare_digest(hash_pass_key(pass_key), _UNKNOWN_USER_HASH if stored is None else stored)
    return is_equal and stored is not None
