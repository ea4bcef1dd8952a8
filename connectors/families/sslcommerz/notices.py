"""What comes unasked: the same form from the provider's server and, as a form or a query, from a browser.

SSLCommerz signs it (connectors.md 3.3). The sign says that SSLCommerz once wrote these fields, and no more:
it is a hint like any other (law 6).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint

# Whatever bytes a form holds, as text and back without loss: a sign is made over bytes.
_BYTES = "latin-1"
_FORM_BYTES_MAX = 16_384
_FIELDS_MAX = 100
_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,32}")
_WORD = re.compile(r"[A-Za-z0-9_]{1,24}")
_SIGNED_AT_LEAST = frozenset({"tran_id", "status"})

Fields = Mapping[str, str]


def form_fields(body: bytes) -> Fields | NoHint:
    """The fields of a form or a query, each at most once, its bytes as Latin-1."""
    if len(body) > _FORM_BYTES_MAX:
        return NoHint("a form that is too long")
    try:
        pairs = parse_qsl(
            body.decode(_BYTES), keep_blank_values=True, encoding=_BYTES, max_num_fields=_FIELDS_MAX
        )
    except ValueError:
        return NoHint("a form of too many fields")
    told = dict(pairs)
    return told if len(told) == len(pairs) else NoHint("a field that stands twice")


def sign_of(fields: Fields, store_password: str) -> str:
    """The `verify_sign` that these fields must have: MD5 in hexadecimal over those that `verify_key` names.

    SHA-2 has a field of its own and is not looked at: nobody has published which hash of the password goes
    into it.
    """
    signed = {name: fields[name] for name in fields["verify_key"].split(",") if name in fields}
    signed["store_passwd"] = _md5(store_password.encode())
    return _md5("&".join(f"{name}={signed[name]}" for name in sorted(signed)).encode(_BYTES))


def signed_hint(fields: Fields, store_password: str) -> CallbackHint | NoHint:
    """What a form of SSLCommerz says, once its sign is right."""
    if not {"verify_sign", "verify_key"} <= fields.keys():
        return NoHint("no sign")
    if not _SIGNED_AT_LEAST.issubset(fields["verify_key"].split(",")):
        return NoHint("a sign over something else", is_forged=True)
    right = sign_of(fields, store_password)
    if not hmac.compare_digest(right.encode(), fields["verify_sign"].encode(_BYTES)):
        return NoHint("a wrong sign", is_forged=True)
    return hint(right, fields.get("tran_id", ""), fields.get("status", ""))


def hint(event_id: str, reference: str, claims: str) -> CallbackHint | NoHint:
    """A hint by our reference, where both words can be what they should be."""
    if not _REFERENCE.fullmatch(reference) or not _WORD.fullmatch(claims):
        return NoHint("no payment and status")
    return CallbackHint(event_id, "", claims, reference)


def _md5(told: bytes) -> str:
    return hashlib.md5(told, usedforsecurity=False).hexdigest()
