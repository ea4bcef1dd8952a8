"""Staff passphrases: chosen by people, so slow to guess by Argon2id.

A check takes 64 MiB and some 160 ms of a core. At most two run at once in a process, so that a flood of
logins waits instead of taking the memory (api-conventions-and-security.md 2.5). Never call it on an event
loop; use a thread.
"""

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN, LENGTH_MAX = 12, 256
_HASHER = PasswordHasher()
_HASHING_SLOTS = threading.BoundedSemaphore(2)


class WeakPassphraseError(Exception):
    """The passphrase is shorter or longer than we take; the text gives the bounds."""


def hash_passphrase(passphrase: str) -> str:
    """The text that is stored: algorithm, parameters, salt and hash.

    Raises:
        WeakPassphraseError: fewer than 12 or more than 256 characters.
    """
    if not LENGTH_MIN <= len(passphrase) <= LENGTH_MAX:
        raise WeakPassphraseError(f"a passphrase has {LENGTH_MIN} to {LENGTH_MAX} characters")
    with _HASHING_SLOTS:
        return _HASHER.hash(_normalised(passphrase))


def passphrase_matches(passphrase: str, stored: str | None) -> bool:
    """Whether this is the passphrase behind the stored text.

    `stored` is None for an unknown name: the same work is done, so that time does not tell names apart.
    """
    if len(passphrase) > LENGTH_MAX:
        return False
    with _HASHING_SLOTS:
        if stored is None:
            _HASHER.hash(_normalised(passphrase))
            return False
        try:
            return _HASHER.verify(stored, _normalised(passphrase))
        except (VerificationError, InvalidHashError):
            return False


def _normalised(passphrase: str) -> bytes:
    """One spelling for one sight: keyboards write the same Bangla letter in more than one way (NFKC)."""
    return unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
