"""SSLCommerz's `verify_sign`: MD5 over the posted fields that `verify_key` names, and the store's password.

The values are joined as they are before the form is encoded, in the order of their names. `verify_sign_sha2`
is the same with SHA-256 around the MD5 of the password, one of the two documented ways.
"""

import hashlib
from collections.abc import Mapping


def sign_fields(fields: Mapping[str, str], store_password: str) -> dict[str, str]:
    """Return all fields with `verify_key` and both signatures."""
    plain = plain_text(fields, store_password)
    return {
        **fields,
        "verify_key": ",".join(fields),
        "verify_sign": _md5(plain),
        "verify_sign_sha2": hashlib.sha256(plain.encode()).hexdigest(),
    }


def plain_text(fields: Mapping[str, str], store_password: str) -> str:
    """Return the text that a sign is made of."""
    named = {**fields, "store_passwd": _md5(store_password)}
    return "&".join(f"{name}={named[name]}" for name in sorted(named))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
