"""Receipts that anybody can check: signed texts that bear no change, names that nobody else can make."""

import base64
import json
import re
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.receipt_keys import (
    Flaw,
    ReceiptKeyError,
    ReceiptKeys,
    SignedFacts,
    key_id,
    verify_signed_text,
)

KEYS = ReceiptKeys(KeyRing(bytes(range(32))))
OTHERS = ReceiptKeys(KeyRing(bytes(32)))
FACTS = SignedFacts(UUID(int=7 << 96), "EKP260301A1B2C3D4", "ekShop", 102_075, date(2026, 3, 2))
SIGNED = KEYS.sign(FACTS)
# Whatever a scanner, a keyboard or a forger may put in the place of a letter.
LETTERS = st.characters(codec="utf-8")


def signed_by_hand(told: object) -> tuple[str, str]:
    """A text that a key has really signed, whatever it says, and the key."""
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = "rcpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
    if isinstance(told, dict):
        told = {"k": key_id(public), **told}
    payload = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    signature = private.sign(f"EKP1.{payload}".encode())
    return f"EKP1.{payload}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}", public


def test_a_signed_text_says_what_was_signed_to_whoever_has_the_public_key() -> None:
    assert verify_signed_text(SIGNED, KEYS.public_keys()) == FACTS


def test_the_text_is_short_and_fits_the_path_of_an_address() -> None:
    longest = SignedFacts(UUID(int=2**128 - 1), "E" * 32, "৳" * 100, 10**15, date(2099, 12, 31))
    for text in (SIGNED, KEYS.sign(longest)):
        assert re.fullmatch(r"EKP1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}", text)
        assert len(text) < 400


def test_a_long_name_is_cut_between_characters() -> None:
    read = verify_signed_text(
        KEYS.sign(SignedFacts(FACTS.payment_id, "T", "ক" * 40, 1, FACTS.paid_on)), KEYS.public_keys()
    )
    assert isinstance(read, SignedFacts)
    assert read.payee == "ক" * 20


def test_the_same_facts_give_the_same_text() -> None:
    assert KEYS.sign(FACTS) == SIGNED
    assert ReceiptKeys(KeyRing(bytes(range(32)))).sign(FACTS) == SIGNED


@given(place=st.integers(0, len(SIGNED) - 1), letter=LETTERS)
def test_any_changed_letter_fails(place: int, letter: str) -> None:
    changed = SIGNED[:place] + letter + SIGNED[place + 1 :]
    found = verify_signed_text(changed, KEYS.public_keys())
    assert (found == FACTS) is (changed == SIGNED)
    assert changed == SIGNED or isinstance(found, Flaw)


@given(place=st.integers(0, len(SIGNED) - 1), bit=st.integers(0, 7))
def test_any_changed_bit_fails(place: int, bit: int) -> None:
    raw = bytearray(SIGNED.encode("ascii"))
    raw[place] ^= 1 << bit
    assert isinstance(verify_signed_text(raw.decode("latin-1"), KEYS.public_keys()), Flaw)


@given(st.integers(0, len(SIGNED) - 1))
def test_a_text_that_was_cut_fails(end: int) -> None:
    assert isinstance(verify_signed_text(SIGNED[:end], KEYS.public_keys()), Flaw)
    assert isinstance(verify_signed_text(SIGNED[end + 1 :], KEYS.public_keys()), Flaw)


@pytest.mark.parametrize("extra", ["=", ".", "A", "\n", " ", "%00", "/"])
def test_a_text_with_something_behind_it_is_tampered_with(extra: str) -> None:
    assert verify_signed_text(SIGNED + extra, KEYS.public_keys()) is Flaw.TAMPERED


def test_the_last_letter_of_a_signature_has_one_spelling() -> None:
    """Its lowest four bits belong to no byte: other letters would decode to the same signature."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    taken = [one for one in alphabet if verify_signed_text(SIGNED[:-1] + one, KEYS.public_keys()) == FACTS]
    assert taken == [SIGNED[-1]]


@given(st.text(max_size=600))
def test_any_other_text_is_not_ours_and_raises_nothing(text: str) -> None:
    assert verify_signed_text(text, KEYS.public_keys()) in {Flaw.NOT_OURS, Flaw.TAMPERED}
    assert verify_signed_text(f"EKP1.{text}", KEYS.public_keys()) in {Flaw.NOT_OURS, Flaw.TAMPERED}


def test_another_installations_receipt_is_not_ours() -> None:
    assert verify_signed_text(OTHERS.sign(FACTS), KEYS.public_keys()) is Flaw.NOT_OURS
    assert verify_signed_text(SIGNED, []) is Flaw.NOT_OURS
    assert verify_signed_text(OTHERS.sign(FACTS), [*KEYS.public_keys(), *OTHERS.public_keys()]) == FACTS


def test_a_text_that_claims_our_key_and_was_signed_with_another_is_tampered_with() -> None:
    text, _ = signed_by_hand({"k": key_id(KEYS.public_keys()[0]), "p": "0" * 32})
    assert verify_signed_text(text, KEYS.public_keys()) is Flaw.TAMPERED


@pytest.mark.parametrize(
    "told",
    [
        {"p": "0" * 32, "t": "T", "n": "N", "a": "1", "d": "2026-03-02"},
        {"p": "0" * 31, "t": "T", "n": "N", "a": 1, "d": "2026-03-02"},
        {"p": "0" * 32, "t": "T", "n": "N", "a": 1, "d": "yesterday"},
        {"p": "0" * 32},
        {},
    ],
)
def test_a_signed_text_that_is_no_receipt_proves_nothing(told: dict[str, Any]) -> None:
    text, public = signed_by_hand(told)
    assert verify_signed_text(text, [public]) is Flaw.TAMPERED


@pytest.mark.parametrize("told", [[], 7, None, "k"])
def test_a_payload_that_is_no_object_proves_nothing(told: object) -> None:
    text, public = signed_by_hand(told)
    assert verify_signed_text(text, [public]) is Flaw.TAMPERED


@pytest.mark.parametrize("key", ["", "rcpk_", "rcpk_AAAA", "whpk_" + "A" * 43 + "=", "rcpk_" + "ক" * 44])
def test_what_is_no_public_key_is_refused(key: str) -> None:
    with pytest.raises(ReceiptKeyError):
        verify_signed_text(SIGNED, [key])


# ---- names


@given(st.uuids())
def test_a_name_leads_to_its_payment_alone(payment_id: UUID) -> None:
    name = KEYS.name(payment_id)
    assert re.fullmatch(r"[a-z2-7]{42}", name)
    assert KEYS.path(payment_id) == f"/receipt/{name}"
    assert KEYS.payment_of(name) == payment_id
    assert OTHERS.payment_of(name) is None


@given(place=st.integers(0, 41), letter=LETTERS)
def test_a_changed_name_leads_nowhere(place: int, letter: str) -> None:
    name = KEYS.name(FACTS.payment_id)
    changed = name[:place] + letter + name[place + 1 :]
    assert KEYS.payment_of(changed) == (FACTS.payment_id if changed == name else None)


def test_a_name_has_one_spelling() -> None:
    name = KEYS.name(FACTS.payment_id)
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    assert [one for one in alphabet if KEYS.payment_of(name[:-1] + one)] == [name[-1]]
    assert KEYS.payment_of(name.upper()) is None
    assert KEYS.payment_of(name + "======") is None


def test_a_signed_text_leads_to_its_payment_too() -> None:
    assert KEYS.payment_of(SIGNED) == FACTS.payment_id
    assert KEYS.payment_of(SIGNED[:-1]) is None
    assert KEYS.payment_of(OTHERS.sign(FACTS)) is None


@given(st.text(max_size=60))
def test_any_other_text_leads_nowhere(text: str) -> None:
    assert KEYS.payment_of(text) is None


def test_the_published_example_is_what_we_sign() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "check-a-receipt.md"
    row = re.compile(r"^\| (\w[\w -]*) \| `([^`]+)` \|$", re.MULTILINE)
    published = dict(row.findall(page.read_text(encoding="utf-8")))
    facts = verify_signed_text(published["signed text"], [published["public key"]])
    assert published["key id"] == key_id(published["public key"])
    assert isinstance(facts, SignedFacts)
    assert (facts.payee, facts.paisa) == (published["payee"], int(published["amount"]))
    assert KEYS.public_keys() == (published["public key"],)
    assert KEYS.sign(facts) == published["signed text"]
