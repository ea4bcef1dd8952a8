"""The master key, and the keys derived from it.

One secret of 32 bytes is kept; every use of it gets a key of its own by HKDF-SHA256 (RFC 5869), so that a
token can never be mistaken for a sealed field and a leaked sub-key opens one kind of lock only.
"""

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
KEY_FILE = "master.key"
_SALT = b"ekpay-switch/master/1"


class MasterKeyError(Exception):
    """There is no usable master key; the text says what to do and never shows the key."""


class KeyRing:
    """Derives one 32-byte key for each purpose from the master key; the same purpose gives the same key."""

    __slots__ = ("_master",)

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            raise MasterKeyError(f"the master key must be {KEY_BYTES} bytes long")
        self._master = master

    @classmethod
    def open(cls, folder: Path, configured: str | None = None) -> Self:
        """The ring of the configured base64 key, or of the key file in `home`, made if it is not there.

        Raises:
            MasterKeyError: the text or the file holds no key of 32 bytes, or others may read the file.
        """
        if configured is not None:
            return cls(_decode(configured, "EKPAY_MASTER_KEY"))
        file = folder / KEY_FILE
        try:
            _create_once(file)
            return cls(_read(file))
        except OSError as problem:
            raise MasterKeyError(f"{file}: {problem.strerror}") from problem

    @staticmethod
    def is_weak(configured: str) -> bool:
        """Whether a configured key is one byte repeated, as an example or a mistake makes it.

        Raises:
            MasterKeyError: the text holds no key of 32 bytes.
        """
        return len(set(_decode(configured, "EKPAY_MASTER_KEY"))) == 1

    def sub_key(self, purpose: str) -> bytes:
        """The 32-byte key of one purpose; a purpose that is renamed loses everything it has locked."""
        derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=_SALT, info=purpose.encode())
        return derivation.derive(self._master)


def _decode(text: str, origin: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(f"{origin} must hold {KEY_BYTES} random bytes in base64")
    return key


def _create_once(file: Path) -> None:
    """Make the key file unless it stands; of several processes at once exactly one key survives."""
    if file.exists():
        return
    # As root the embedded database's own user must pass through the folder, though not list it.
    file.parent.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    draft = file.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            opened.flush()
            os.fsync(handle)
        # A link, not a rename: it refuses to replace the key of a process that was faster.
        os.link(draft, file)
        _sync_folder(file.parent)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a new name outlive a power cut: what the lost key had sealed would be lost with it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(file: Path) -> bytes:
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as opened:
        if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
            raise MasterKeyError(
                f"{file} may be read by others: run chmod 600 on it, and treat the key as known"
            )
        return _decode(opened.read(1_024).decode("ascii", "replace"), str(file))
