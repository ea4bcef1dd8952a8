import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey

from sandbox.kit.jwe import PROTECTED_HEADER, EnvelopeError, seal, unseal

SECRET = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
OTHER_SECRET = "V0123456789ABCDEFGHIJKLMNOPQRSTU"
KEY = OctKey.import_key(SECRET.encode())


@given(st.binary(max_size=2_000))
def test_what_was_sealed_can_be_opened(plain: bytes) -> None:
    assert unseal(seal(plain, SECRET), SECRET) == plain


def test_the_header_is_the_one_seen_in_the_recorded_body() -> None:
    header, key, iv, _, tag = seal(b"x", SECRET).split(".")
    assert header == "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiZGlyIn0"
    assert urlsafe_b64decode(header + "=") == PROTECTED_HEADER
    assert key == ""
    assert (len(iv), len(tag)) == (16, 22)


def test_no_two_envelopes_share_an_iv() -> None:
    assert len({seal(b"x", SECRET).split(".")[2] for _ in range(200)}) == 200


def test_another_codec_opens_ours_and_we_open_its() -> None:
    sealed = seal(b'{"a":1}', SECRET)
    assert jwe.decrypt_compact(sealed, KEY, algorithms=["dir", "A256GCM"]).plaintext == b'{"a":1}'
    theirs = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, b"theirs", KEY)
    assert unseal(theirs, SECRET) == b"theirs"


@pytest.mark.parametrize("part", range(5))
def test_a_change_in_any_part_is_refused(part: int) -> None:
    parts = seal(b"a message long enough", SECRET).split(".")
    spoiled = parts[part]
    parts[part] = ("B" if spoiled[:1] == "A" else "A") + spoiled[1:]
    with pytest.raises(EnvelopeError):
        unseal(".".join(parts), SECRET)


def test_another_header_of_the_same_meaning_is_refused() -> None:
    parts = seal(b"message", SECRET).split(".")
    parts[0] = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0"
    with pytest.raises(EnvelopeError):
        unseal(".".join(parts), SECRET)


def test_another_key_is_refused() -> None:
    with pytest.raises(EnvelopeError):
        unseal(seal(b"message", SECRET), OTHER_SECRET)


@pytest.mark.parametrize("header", [{"alg": "none", "enc": "A256GCM"}, {"alg": "dir", "enc": "A128GCM"}, []])
def test_a_header_with_another_algorithm_is_refused(header: object) -> None:
    parts = seal(b"message", SECRET).split(".")
    parts[0] = _encoded(json.dumps(header).encode())
    with pytest.raises(EnvelopeError, match="algorithm"):
        unseal(".".join(parts), SECRET)


@pytest.mark.parametrize("text", ["", "a.b.c.d", "a.b.c.d.e.f", "....", "{}", "é.a.a.a.a", "+/==.a.a.a.a"])
def test_what_is_no_envelope_is_refused(text: str) -> None:
    with pytest.raises(EnvelopeError):
        unseal(text, SECRET)


def test_padding_is_refused() -> None:
    parts = seal(b"message", SECRET).split(".")
    parts[4] += "=="
    with pytest.raises(EnvelopeError):
        unseal(".".join(parts), SECRET)


@pytest.mark.parametrize("secret", ["", "short", "x" * 33, "é" * 32])
def test_a_secret_of_another_form_is_refused(secret: str) -> None:
    with pytest.raises(EnvelopeError):
        seal(b"message", secret)


def _encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()
