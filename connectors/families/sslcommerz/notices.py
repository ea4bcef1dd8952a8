"""Callbacks: a form from the provider's server, and the same as a form or a query from a browser.

SSLCommerz signs it (connectors.md 3.3). The signature proves only that SSLCommerz once wrote these fields, so
it is a hint (law 6).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint

# Latin-1 decodes any bytes without loss; the signature is made over bytes.
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
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else NoHint("a field that stands twice")


def expected_sign(fields: Fields, store_password: str) -> str:
    """The `verify_sign` that these fields must have: MD5 in hexadecimal over those that `verify_key` names.

    SHA-2 has a field of its own and is not checked: no document says which hash of the password it uses.
    """
    signed = {name: fields[name] for name in fields["verify_key"].split(",") if name in fields}
    signed["store_passwd"] = _md5(store_password.encode())
    return _md5("&".join(f"{name}={signed[name]}" for name in sorted(signed)).encode(_BYTES))


def signed_hint(fields: Fields, store_password: str) -> CallbackHint | NoHint:
    """The hint of an SSLCommerz form, where its signature is right."""
    if not {"verify_sign", "verify_key"} <= fields.keys():
        return NoHint("no sign")
    if not _SIGNED_AT_LEAST.issubset(fields["verify_key"].split(",")):
        return NoHint("a sign over something else", is_forged=True)
    expected = expected_sign(fields, store_password)
    if not hmac.compare_digest(expected.encode(), fields["verify_sign"].encode(_BYTES)):
        return NoHint("a wrong sign", is_forged=True)
    return hint(expected, fields.get("tran_id", ""), fields.get("status", ""))


def hint(event_id: str, reference: str, claims: str) -> CallbackHint | NoHint:
    """A hint by our reference, where reference and claim are well-formed."""
    if not _REFERENCE.fullmatch(reference) or not _WORD.fullmatch(claims):
        return NoHint("no payment and status")
    return CallbackHint(event_id, "", claims, reference)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
