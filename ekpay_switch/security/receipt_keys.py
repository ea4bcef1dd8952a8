"""Receipts that anybody can check: a compact signed text, and the unguessable name of a receipt's page.

The text is `EKP1.<payload>.<signature>`, both parts in base64url without padding: ASCII, short enough for a
QR code, and the last part of the receipt's own address. Ed25519 signs `EKP1.<payload>` as it stands, so a
checker needs the published key and nothing else: no network, no books, no rule of how JSON is written.
It says what was paid once; whether it has been given back since, only the page can say (docs/adr/0049).

The name is the payment's id with a keyed code behind it: made from the id alone, and by nobody but us.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ekpay_switch.security.keys import KeyRing

VERSION = "EKP1"
PUBLIC_PREFIX = "rcpk_"
PAGE = "/receipt"
# The key that signs now; those before it are published as long as their receipts are checked.
GENERATION = 1
PAYEE_BYTES_MAX = 60
_PURPOSE, _NAME_PURPOSE = "receipt-signatures/1", "receipt-names/1"
_TEXT = re.compile(rf"{VERSION}\.([A-Za-z0-9_-]{{1,700}})\.([A-Za-z0-9_-]{{86}})", re.ASCII)
_NAME = re.compile(r"[a-z2-7]{42}", re.ASCII)
_ID_BYTES, _CODE_BYTES, _KEY_BYTES = 16, 10, 32
_KEY_ID_LENGTH = 8


class ReceiptKeyError(Exception):
    """This is no public key of receipts: `rcpk_` and 32 bytes in base64."""


@dataclass(frozen=True, slots=True)
class SignedFacts:
    """What a receipt's text says: nothing of the payer, and nothing that can change.

    `transaction` is our name of the movement of money, `payee` who was paid, in English; `paisa` is all that
    the payer gave, charges included; `paid_on` is the day in Dhaka.
    """

    payment_id: UUID
    transaction: str
    payee: str
    paisa: int
    paid_on: date


class Flaw(StrEnum):
    """Why a text proves nothing."""

    NOT_OURS = "not_ours"  # no receipt of this kind, or signed with a key that was not given
    TAMPERED = "tampered"  # it claims one of the keys, and the key says otherwise; or a part is missing


class ReceiptKeys:
    """The keys of receipts, derived from the master key: a stolen copy of the database signs nothing."""

    __slots__ = ("_keys",)

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def public_keys(self) -> tuple[str, ...]:
        """The public halves, the newest first: `rcpk_` and 32 bytes in base64."""
        generations = range(GENERATION, 0, -1)
        return tuple(_public(self._private_key(generation)) for generation in generations)

    def sign(self, facts: SignedFacts) -> str:
        """The signed text; the same facts give the same text (RFC 8032 has no random part)."""
        key = self._private_key(GENERATION)
        members = {
            "k": key_id(_public(key)),
            "p": facts.payment_id.hex,
            "t": facts.transaction,
            "n": _shorten(facts.payee),
            "a": facts.paisa,
            "d": facts.paid_on.isoformat(),
        }
        payload = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
        signed = f"{VERSION}.{_encode_base64url(payload)}"
        return f"{signed}.{_encode_base64url(key.sign(signed.encode('ascii')))}"

    def name(self, payment_id: UUID) -> str:
        """The name of a payment's receipt: 42 small letters and digits, 80 bits of them a keyed code."""
        return base64.b32encode(payment_id.bytes + self._code(payment_id)).decode("ascii").rstrip("=").lower()

    def path(self, payment_id: UUID) -> str:
        """Where a payment's receipt is, below our public address."""
        return f"{PAGE}/{self.name(payment_id)}"

    def payment_of(self, token: str) -> UUID | None:
        """The payment of a receipt's name or signed text; None where we did not make it."""
        if token.startswith(f"{VERSION}."):
            facts = verify_signed_text(token, self.public_keys())
            return facts.payment_id if isinstance(facts, SignedFacts) else None
        if not _NAME.fullmatch(token):
            return None
        payment_id = UUID(bytes=base64.b32decode(token.upper() + "======")[:_ID_BYTES])
        # The whole text is compared, so that a name has one spelling.
        return payment_id if hmac.compare_digest(self.name(payment_id), token) else None

    def _code(self, payment_id: UUID) -> bytes:
        key = self._keys.sub_key(_NAME_PURPOSE)
        return hmac.digest(key, payment_id.bytes, "sha256")[:_CODE_BYTES]

    def _private_key(self, generation: int) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._keys.sub_key(f"{_PURPOSE}:{generation}"))


def verify_signed_text(text: str, public_keys: Iterable[str]) -> SignedFacts | Flaw:
    """What a signed text says, if one of these keys has signed it exactly as it stands.

    Raises:
        ReceiptKeyError: one of the keys is none.
    """
    known = {key_id(key): _public_key(key) for key in public_keys}
    if not text.startswith(f"{VERSION}."):
        return Flaw.NOT_OURS
    match = _TEXT.fullmatch(text)
    payload, signature = (_decode_base64url(part) for part in match.groups()) if match else (None, None)
    members = _parse_members(payload)
    if members is None or signature is None:
        return Flaw.TAMPERED
    key = known.get(str(members.get("k")))
    if key is None:
        return Flaw.NOT_OURS
    try:
        key.verify(signature, text.rpartition(".")[0].encode("ascii"))
        return _facts_of(members)
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return Flaw.TAMPERED


def key_id(public_key: str) -> str:
    """The short name of a public key: the first 8 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(_raw_key(public_key)).hexdigest()[:_KEY_ID_LENGTH]


def _facts_of(members: dict[str, object]) -> SignedFacts:
    paisa = members["a"]
    if not isinstance(paisa, int):
        raise TypeError
    transaction, payee, paid_on = (str(members[name]) for name in ("t", "n", "d"))
    return SignedFacts(UUID(hex=str(members["p"])), transaction, payee, paisa, date.fromisoformat(paid_on))


def _parse_members(payload: bytes | None) -> dict[str, object] | None:
    try:
        members = json.loads(payload or b"")
    except ValueError:
        return None
    return members if isinstance(members, dict) else None


def _public(key: Ed25519PrivateKey) -> str:
    return PUBLIC_PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode("ascii")


def _public_key(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(_raw_key(text))


def _raw_key(public_key: str) -> bytes:
    try:
        raw = base64.b64decode(public_key.removeprefix(PUBLIC_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not public_key.startswith(PUBLIC_PREFIX) or len(raw) != _KEY_BYTES:
        raise ReceiptKeyError
    return raw


def _encode_base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _decode_base64url(text: str) -> bytes | None:
    """The bytes of a base64url text, if it is written as we write it: the last letter may hide two bits."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return raw if _encode_base64url(raw) == text else None


def _shorten(payee: str) -> str:
    """At most so many bytes of the name, whole characters only: the QR code must stay readable."""
    return payee.encode()[:PAYEE_BYTES_MAX].decode("utf-8", "ignore")
