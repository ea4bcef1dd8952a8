"""The `secure_token` of a merchant payment: a JWT that opens one payment's page and nothing else.

Header and claims are ekPay's (ekpay-merchant-api.md 2.1) and name no payment, so the key does: it is derived
from the master key and the payment's id. Nothing is stored; the same payment gives the same token again.
"""

import hashlib
import hmac
import json
from datetime import datetime
from uuid import UUID

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from ekpay_switch.security.keys import KeyRing

_PURPOSE = "merchant-tokens/1"
_ALGORITHM = "HS512"
_ROLE = "ROLE_MERCHANT"
_LENGTH_MAX = 1_024


class MerchantTokens:
    """Derives the token of a payment and tells whether a text is that token."""

    __slots__ = ("_key",)

    def __init__(self, keys: KeyRing) -> None:
        self._key = keys.sub_key(_PURPOSE)

    def derive(self, payment_id: UUID, mer_reg_id: str, expires_at: datetime) -> str:
        """The token of this payment; `expires_at` is aware and counts in whole seconds.

        Raises:
            ValueError: `expires_at` is naive.
        """
        if expires_at.tzinfo is None:
            raise ValueError("a naive datetime is no instant")
        claims = {"sub": mer_reg_id, "auth": _ROLE, "exp": int(expires_at.timestamp())}
        key = OctKey.import_key(hmac.digest(self._key, payment_id.bytes, hashlib.sha512))
        text = json.dumps(claims, separators=(",", ":")).encode()
        return jws.serialize_compact({"alg": _ALGORITHM}, text, key, algorithms=[_ALGORITHM])

    def is_of(self, token: str, payment_id: UUID, mer_reg_id: str, expires_at: datetime) -> bool:
        """Whether this is the token of this payment, expired or not.

        The whole text is compared, so that no header and no claim of a stranger's is believed, and one token
        has one spelling.
        """
        right = self.derive(payment_id, mer_reg_id, expires_at)
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), right.encode())

    @staticmethod
    def claimed_merchant(token: str) -> str | None:
        """The mer_reg_id that the text claims, unproven: it says where to look and nothing more."""
        if len(token) > _LENGTH_MAX:
            return None
        try:
            claims = json.loads(jws.extract_compact(token.encode("utf-8", "surrogatepass")).payload)
        except (JoseError, ValueError, RecursionError):
            return None
        mer_reg_id = claims.get("sub") if isinstance(claims, dict) else None
        return mer_reg_id if isinstance(mer_reg_id, str) else None
