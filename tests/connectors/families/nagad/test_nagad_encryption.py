"""Nagad's seal: whole or refused, with one refusal for whatever is wrong."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.nagad.encryption import MessageEncryption, private_key, public_key
from connectors.families.nagad.rehearsal import private_key_text, public_key_text, stage_nagad
from connectors.families.nagad.replies import decrypt_document
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError
from tests.connectors.conftest import the_manifest
from tests.connectors.families.nagad.nagad_stage import a_key, private_text, public_text, read, sealed

OURS = MessageEncryption(a_key("merchant"), a_key("nagad").public_key())
THEIRS = MessageEncryption(a_key("nagad"), a_key("merchant").public_key())
REFUSAL = "the answer cannot be decrypted or its signature is wrong"
PLAINTEXTS = st.binary(max_size=245)
OBJECTS = st.dictionaries(st.text(max_size=8), st.text(max_size=12) | st.none() | st.integers(), max_size=3)


def refusal_of(sensitive_data: object, signature: object) -> str:
    with pytest.raises(BrokenReplyError) as refused:
        OURS.decrypt(sensitive_data, signature)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    return str(refused.value)


@given(PLAINTEXTS)
def test_what_is_sealed_is_opened_by_its_receiver_unchanged(plaintext: bytes) -> None:
    closed = THEIRS.encrypt(plaintext)
    assert OURS.decrypt(closed.sensitive_data, closed.signature) == plaintext


@given(PLAINTEXTS)
def test_what_a_codec_of_somebody_else_has_sealed_is_opened(plaintext: bytes) -> None:
    told = sealed(plaintext)
    assert OURS.decrypt(told["sensitiveData"], told["signature"]) == plaintext


@given(OBJECTS)
def test_what_we_seal_is_read_by_a_codec_of_somebody_else(document: dict[str, object]) -> None:
    spelt = json.dumps(document).encode()
    if len(spelt) <= OURS.plaintext_bytes_max:
        closed = OURS.encrypt(spelt)
        assert read(closed.sensitive_data, closed.signature) == document


@given(OBJECTS, st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\n: ")]))
def test_every_spelling_of_a_text_is_read_alike(
    document: dict[str, object], indent: int | None, separators: tuple[str, str]
) -> None:
    spelt = json.dumps(document, indent=indent, separators=separators).encode()
    if len(spelt) <= 245:
        assert decrypt_document(OURS, sealed(spelt)) == document


def test_no_more_is_sealed_than_fits() -> None:
    assert OURS.plaintext_bytes_max == 245
    with pytest.raises(ValueError, match=r"too long|Encryption"):
        OURS.encrypt(b"x" * 246)


@given(st.integers(0, 255), st.integers(1, 255), st.sampled_from(["sensitiveData", "signature"]))
def test_one_changed_byte_anywhere_is_refused_in_the_same_words(at: int, by: int, member: str) -> None:
    told = sealed(b'{"challenge": "a"}')
    raw = bytearray(base64.b64decode(told[member]))
    raw[at] ^= by
    told[member] = base64.b64encode(raw).decode()
    assert refusal_of(told["sensitiveData"], told["signature"]) == REFUSAL


WRONG = {
    "for somebody else": sealed(b"{}", reader="stranger"),
    "by somebody else": sealed(b"{}", signer="stranger"),
    "by ourselves": sealed(b"{}", signer="merchant"),
    "of another text": sealed(b"{}") | {"signature": sealed(b"[]")["signature"]},
    "not in base64": sealed(b"{}") | {"sensitiveData": "??"},
    "not signed in base64": sealed(b"{}") | {"signature": "??"},
    "too short": sealed(b"{}") | {"sensitiveData": "QUJD"},
    "empty": {"sensitiveData": "", "signature": ""},
    "missing": {"sensitiveData": None, "signature": None},
    "no text": {"sensitiveData": {"a": 1}, "signature": 5},
    "beyond ASCII": {"sensitiveData": "\u09e7", "signature": "\ud800"},
    "without end": {"sensitiveData": "A" * 100_000, "signature": "A" * 100_000},
}


@pytest.mark.parametrize("told", list(WRONG.values()), ids=list(WRONG))
def test_whatever_is_wrong_is_refused_in_the_same_words(told: dict[str, object]) -> None:
    assert refusal_of(told["sensitiveData"], told["signature"]) == REFUSAL


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_nothing_else_is_ever_raised(sensitive_data: bytes, signature: bytes) -> None:
    texts = (base64.b64encode(part).decode() for part in (sensitive_data, signature))
    assert refusal_of(*texts) == REFUSAL


@pytest.mark.parametrize("plaintext", [b"[]", b"null", b"{", b"", b"\xff", b'{"a": NaN}'])
def test_what_is_signed_and_no_object_is_refused_without_a_word_of_it(plaintext: bytes) -> None:
    with pytest.raises(BrokenReplyError, match=r"^(not JSON|no JSON object)$"):
        decrypt_document(OURS, sealed(plaintext))


def with_password() -> str:
    der = a_key("merchant").private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open sesame"),
    )
    return base64.b64encode(der).decode()


def elliptic(*, is_public: bool) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    if is_public:
        public = key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return base64.b64encode(der).decode()


def test_a_key_is_read_as_its_setting_holds_it() -> None:
    own, theirs = (
        private_key(f" {private_text(a_key('merchant'))}\n"),
        public_key(public_text(a_key("nagad"))),
    )
    assert own is not None
    assert theirs is not None
    closed = MessageEncryption(own, theirs).encrypt(b"{}")
    assert read(closed.sensitive_data, closed.signature) == {}


@pytest.mark.parametrize(
    "written",
    [
        "",
        "rehearsed",
        "QUJD",
        private_text(a_key("short", 1_024)),
        with_password(),
        elliptic(is_public=False),
        public_text(a_key("merchant")),
        f"-----BEGIN PRIVATE KEY-----\n{private_text(a_key('merchant'))}\n-----END PRIVATE KEY-----",
        "A" * 5_000,
    ],
)
def test_a_private_key_that_is_none_is_not_taken(written: str) -> None:
    assert private_key(written) is None


@pytest.mark.parametrize(
    "written",
    [
        "",
        "QUJD",
        public_text(a_key("short", 1_024)),
        elliptic(is_public=True),
        private_text(a_key("nagad")),
        "A" * 5_000,
    ],
)
def test_a_public_key_that_is_none_is_not_taken(written: str) -> None:
    assert public_key(written) is None


def test_a_rehearsal_seals_what_its_example_shows_in_the_open() -> None:
    staged = stage_nagad(the_manifest("nagad"))
    own = private_key(staged.environ["EKPAY_NAGAD_PRIVATE_KEY"])
    theirs = public_key(staged.environ["EKPAY_NAGAD_GATEWAY_KEY"])
    assert own is not None
    assert theirs is not None
    told = json.loads(staged.wire_form('{"sensitiveData": {"challenge": "a"}}'))
    assert decrypt_document(MessageEncryption(own, theirs), told) == {"challenge": "a"}
    assert b"challenge" not in staged.wire_form('{"sensitiveData": {"challenge": "a"}}')
    wrong = json.loads(staged.wire_form('{"sensitiveData": {}, "signature": "QUJD"}'))
    assert wrong["signature"] == "QUJD"


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"status": "Success"}', '{"sensitiveData": "QUJD"}'])
def test_a_rehearsal_leaves_alone_what_is_not_sealed(body: str) -> None:
    assert stage_nagad(the_manifest("nagad")).wire_form(body) == body.encode()


def test_keys_of_a_rehearsal_are_written_as_settings_hold_them() -> None:
    key = a_key("merchant")
    assert private_key_text(key) == private_text(key)
    assert public_key_text(key) == public_text(key)


def test_the_codec_of_the_tests_can_fail() -> None:
    """Otherwise what it reads of ours would prove nothing."""
    told = sealed(b"{}", reader="nagad", signer="stranger")
    with pytest.raises(InvalidSignature):
        read(told["sensitiveData"], told["signature"])
