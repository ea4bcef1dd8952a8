"""The `security_token` of get-token: sealed, so nothing is stored and any process can read it.

It names a partner and the generation of its secret. A rotation raises the generation, which invalidates every
older token (ekpay-syndicate-api.md, "What we do better").
"""

import base64
import binascii
import struct
from datetime import UTC, datetime
from typing import NamedTuple

from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

_PURPOSE = "access-tokens/1"
_CONTEXT = "security_token"
_HEAD = struct.Struct(">IQ")
_TOKEN_LENGTH_MAX = 512


class AccessGrant(NamedTuple):
    """The content of an authentic token; expiry and generation are for the caller to compare."""

    partner_id: str
    generation: int
    expires_at: datetime


class AccessTokens:
    """Issues and reads bearer tokens under a key of their own; those of one purpose open no other."""

    __slots__ = ("_sealer",)

    def __init__(self, keys: KeyRing, purpose: str = _PURPOSE) -> None:
        self._sealer = Sealer(keys.sub_key(purpose))

    def issue(self, partner_id: str, generation: int, expires_at: datetime) -> str:
        """A token in URL-safe text; `expires_at` is aware and counts in whole seconds.

        Raises:
            ValueError: `expires_at` is naive.
        """
        if expires_at.tzinfo is None:
            raise ValueError("a naive datetime is no instant")
        plain = _HEAD.pack(generation, int(expires_at.timestamp())) + partner_id.encode()
        return _to_text(self._sealer.seal(_CONTEXT, plain))

    def read(self, token: str) -> AccessGrant | None:
        """What an authentic token says, or None for anything that we did not issue."""
        sealed = _from_text(token)
        if sealed is None:
            return None
        try:
            plain = self._sealer.unseal(_CONTEXT, sealed)
        except SealBrokenError:
            return None
        generation, expires = _HEAD.unpack_from(plain)
        return AccessGrant(plain[_HEAD.size :].decode(), generation, datetime.fromtimestamp(expires, UTC))


def _to_text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def _from_text(token: str) -> bytes | None:
    if len(token) > _TOKEN_LENGTH_MAX:
        return None
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # One token has one spelling: the spare bits of the last letter are not free.
    return sealed if _to_text(sealed) == token else None
