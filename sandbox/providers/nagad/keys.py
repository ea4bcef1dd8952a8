"""The two key pairs of a rehearsal: Nagad's own, and the merchant's, which a real one would make itself.

They are made once a home (mode 0600, beside the book) and stored nowhere else.
So the simulator and a switch in another process have the same ones if they have the same home, or if the
switch's settings are read at the admin API.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from sandbox.providers.nagad.encryption import Encryption

_FILE = "gateway_nagad_keys.json"
_BITS, _EXPONENT = 2_048, 65_537
_OWNER_ONLY = 0o600


class UnreadableKeysError(Exception):
    """The file of keys in a home cannot be read; once it is deleted, new keys are made."""


@dataclass(frozen=True, slots=True)
class KeyPairs:
    """Both pairs."""

    gateway: RSAPrivateKey
    merchant: RSAPrivateKey

    @property
    def seal(self) -> Encryption:
        """What Nagad writes and reads with."""
        return Encryption(self.gateway, self.merchant.public_key())

    def for_switch(self) -> Mapping[str, str]:
        """Return the settings of a switch with what the merchant holds, in base64 of DER.

        These are the merchant's private key and Nagad's public one.
        """
        public = self.gateway.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {
            "EKPAY_NAGAD_PRIVATE_KEY": _private_key_text(self.merchant),
            "EKPAY_NAGAD_GATEWAY_KEY": base64.b64encode(public).decode(),
        }


def load_or_make_keys(folder: Path) -> KeyPairs:
    """Return the keys of a home, made now if it has none; also right if two processes ask at once.

    Raises:
        UnreadableKeysError: there is a file, and it holds no keys.
        OSError: the home cannot be read or written.
    """
    path = folder / _FILE
    if not path.exists():
        made = [generate_private_key(_EXPONENT, _BITS) for _ in range(2)]
        _keep(path, json.dumps(dict(zip(("gateway", "merchant"), map(_private_key_text, made), strict=True))))
    try:
        stored = json.loads(path.read_text(encoding="ascii"))
        return KeyPairs(_read(stored["gateway"]), _read(stored["merchant"]))
    except (ValueError, KeyError, TypeError):
        raise UnreadableKeysError(str(path)) from None


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    # A process that comes second uses the keys of the first.
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def _private_key_text(key: RSAPrivateKey) -> str:
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(der).decode()


# Loading a key proves its primes, which takes a tenth of a second; simulators of one home share their keys.
@cache
def _read(written: str) -> RSAPrivateKey:
    key = load_der_private_key(base64.b64decode(written), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError
    return key
