import re

import pytest
from argon2 import Type

from ekpay_switch.security import pass_keys, passphrases
from ekpay_switch.security.pass_keys import hash_pass_key, new_pass_key, new_shared_secret, pass_key_matches
from ekpay_switch.security.passphrases import WeakPassphraseError, hash_passphrase, passphrase_matches
from tests.passphrase_cost import PRODUCT_HASHER


def test_a_pass_key_matches_its_own_hash_alone() -> None:
    key = new_pass_key()
    assert pass_key_matches(key, hash_pass_key(key))
    assert not pass_key_matches(key + "x", hash_pass_key(key))
    assert not pass_key_matches(new_pass_key(), hash_pass_key(key))


@pytest.mark.parametrize("key", ["", "x", "পাস", "\ud800", "x" * 100_000])
def test_an_unknown_user_never_matches(key: str) -> None:
    assert not pass_key_matches(key, None)


def test_new_keys_have_the_promised_form_and_are_all_different() -> None:
    keys, secrets = {new_pass_key() for _ in range(200)}, {new_shared_secret() for _ in range(200)}
    assert len(keys) == len(secrets) == 200
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", key) for key in keys)
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", secret) for secret in secrets)
    assert set("".join(secrets)) == set(pass_keys._LETTERS_AND_DIGITS)  # noqa: SLF001 - all letters come up


def test_a_guess_costs_64_mib_and_three_passes() -> None:
    assert PRODUCT_HASHER.type is Type.ID
    assert (PRODUCT_HASHER.memory_cost, PRODUCT_HASHER.time_cost) == (64 * 1024, 3)
    assert PRODUCT_HASHER.hash("correct horse battery").startswith("$argon2id$v=19$m=65536,t=3,")


def test_a_passphrase_matches_its_own_hash_alone() -> None:
    stored = hash_passphrase("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert passphrase_matches("correct horse battery", stored)
    assert not passphrase_matches("correct horse batterz", stored)


def test_a_bangla_passphrase_matches_however_its_letters_were_typed() -> None:
    stored = hash_passphrase("আমার সোনার বাংলা \u09cb")
    assert passphrase_matches("আমার সোনার বাংলা \u09c7\u09be", stored)


def test_an_unknown_name_or_a_broken_hash_never_matches() -> None:
    assert not passphrase_matches("correct horse battery", None)
    assert not passphrase_matches("correct horse battery", "not a hash")
    assert not passphrase_matches("x" * 1_000_000, "not a hash")


@pytest.mark.parametrize("length", [0, passphrases.LENGTH_MIN - 1, passphrases.LENGTH_MAX + 1])
def test_a_passphrase_outside_the_bounds_is_refused(length: int) -> None:
    with pytest.raises(WeakPassphraseError, match="12 to 256"):
        hash_passphrase("x" * length)
