import base64
import json
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from ekpay_switch.security.envelope import EnvelopeError, close_envelope, open_envelope

SECRET = b"0123456789abcdefABCDEF0123456789"
OTHER = b"another secret, as long as it is"
HEADER = {"cty": "JWT", "enc": "A256GCM", "alg": "dir"}


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _envelope(
    header: object, plain: bytes = b"{}", secret: bytes = SECRET, encrypted_key: bytes = b""
) -> bytes:
    """An envelope made by hand, so that one library's mistake cannot hide on both sides."""
    raw = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    head, nonce = _b64(raw), os.urandom(12)
    sealed = AESGCM(secret).encrypt(nonce, plain, head)
    return b".".join((head, _b64(encrypted_key), _b64(nonce), _b64(sealed[:-16]), _b64(sealed[-16:])))


@given(plain=st.binary(max_size=500))
def test_what_is_closed_opens_again(plain: bytes) -> None:
    assert open_envelope(close_envelope(plain, SECRET), [SECRET]) == plain


def test_an_envelope_made_by_other_hands_opens() -> None:
    assert open_envelope(_envelope(HEADER, b'{"a":1}'), [SECRET]) == b'{"a":1}'
    assert open_envelope(b" " + _envelope(HEADER, b"x") + b"\r\n", [SECRET]) == b"x"


def test_ours_has_the_header_that_partners_know_and_opens_by_other_hands() -> None:
    head, key, nonce, ciphertext, tag = close_envelope(b"answer", SECRET).split(b".")
    padded = [part + b"=" * (-len(part) % 4) for part in (head, nonce, ciphertext, tag)]
    raw_head, raw_nonce, raw_text, raw_tag = map(base64.urlsafe_b64decode, padded)
    assert raw_head == b'{"cty":"JWT","enc":"A256GCM","alg":"dir"}'
    assert key == b""
    assert AESGCM(SECRET).decrypt(raw_nonce, raw_text + raw_tag, head) == b"answer"


def test_the_previous_secret_opens_too_and_an_unknown_one_does_not() -> None:
    body = _envelope(HEADER, b"x", secret=OTHER)
    assert open_envelope(body, [SECRET, OTHER]) == b"x"
    with pytest.raises(EnvelopeError):
        open_envelope(body, [SECRET])
    with pytest.raises(EnvelopeError):
        open_envelope(body, [])


@pytest.mark.parametrize(
    "header",
    [
        HEADER | {"alg": "none"},
        HEADER | {"alg": "A256KW"},
        HEADER | {"alg": ["dir"]},
        HEADER | {"enc": "A128GCM"},
        HEADER | {"enc": "A256CBC-HS512"},
        HEADER | {"enc": {"A256GCM": 1}},
        HEADER | {"cty": "JSON"},
        HEADER | {"zip": "DEF"},
        HEADER | {"zip": None},
        HEADER | {"crit": ["exp"], "exp": 1},
        HEADER | {"crit": []},
        HEADER | {"crit": 5},
        HEADER | {"jku": "https://example.org/keys"},
        HEADER | {"jwk": {"kty": "oct", "k": "AAAA"}},
        HEADER | {"x5u": "https://example.org/keys"},
        HEADER | {"kid": 7},
        {"alg": "dir"},
        {"enc": "A256GCM"},
        {},
        [],
        ["alg", "enc"],
        "alg enc",
        5,
        None,
        b"\xff\xfe",
        b"{",
        b'{"alg":"dir","enc":"A256GCM","x":NaN}',
        b'{"alg":' + b"[" * 700 + b"]" * 10,
    ],
)
def test_any_other_header_is_refused(header: object) -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(_envelope(header), [SECRET])


def test_a_wrapped_key_beside_direct_encryption_is_refused() -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(_envelope(HEADER, encrypted_key=SECRET), [SECRET])


GOOD = _envelope(HEADER, b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b".",
        b"....",
        b"{}",
        b'{"hdrs":{}}',
        b"\x00" * 100,
        "বিল".encode(),
        GOOD[:-1],
        GOOD + b".",
        GOOD + b"=",
        GOOD.replace(b".", b"..", 1),
        GOOD.rsplit(b".", 1)[0] + b".AAAA",
        b"A" * 100_000,
        b"." * 100_000,
    ],
    ids=lambda body: f"{len(body)} bytes",  # each envelope is fresh, so its text names no test
)
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(body, [SECRET])


@given(body=st.binary(max_size=300))
def test_rubbish_is_refused_and_never_anything_else(body: bytes) -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(body, [SECRET])


@given(st.data())
def test_a_changed_byte_is_refused(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(GOOD) - 1))
    changed = bytearray(GOOD)
    changed[place] = data.draw(st.integers(33, 126).filter(lambda byte: byte != GOOD[place]))
    with pytest.raises(EnvelopeError):
        open_envelope(bytes(changed), [SECRET])


@given(data=st.data())
def test_opens_what_the_library_opens(data: st.DataObject) -> None:
    parts = GOOD.split(b".")
    letters = st.text("AEIMQUYcgkosw048Zz-_+/=", max_size=24).map(str.encode)
    place = data.draw(st.integers(0, 4))
    text = data.draw(st.sampled_from(parts[2:]) | letters)
    body = b".".join([*parts[:place], text, *parts[place + 1 :]])
    try:
        theirs = jwe.decrypt_compact(body, OctKey.import_key(SECRET), algorithms=["dir", "A256GCM"]).plaintext
    except (JoseError, ValueError, TypeError):
        theirs = None
    try:
        ours = open_envelope(body, [SECRET])
    except EnvelopeError:
        ours = None
    assert ours == theirs


def test_the_library_opens_what_we_close() -> None:
    closed = close_envelope(b"answer", SECRET)
    opened = jwe.decrypt_compact(closed, OctKey.import_key(SECRET), algorithms=["dir", "A256GCM"])
    assert opened.plaintext == b"answer"


def test_a_secret_of_another_length_is_a_mistake_of_ours_not_of_the_partner() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        open_envelope(GOOD, [b"short"])
    with pytest.raises(ValueError, match="32 bytes"):
        close_envelope(b"", b"short")
