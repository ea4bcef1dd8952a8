"""The token of a merchant payment: ekPay's header and claims, and one payment for each."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.merchant_tokens import MerchantTokens

TOKENS = MerchantTokens(KeyRing(bytes(range(32))))
UNTIL = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
PAYMENT, OTHER = UUID(int=1), UUID(int=2)
TOKEN = TOKENS.derive(PAYMENT, "shop_test", UNTIL)


def part(number: int) -> bytes:
    text = TOKEN.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def forged(header: dict[str, str], claims: object, key: bytes = b"k" * 64) -> str:
    """A token as a stranger would make it."""
    text = json.dumps(claims).encode()
    return jws.serialize_compact(header, text, OctKey.import_key(key), algorithms=["HS256", "HS512"])


def test_header_and_claims_are_ekpays_to_the_byte() -> None:
    assert part(0) == b'{"alg":"HS512"}'
    assert part(1) == b'{"sub":"shop_test","auth":"ROLE_MERCHANT","exp":1795608000}'
    assert len(part(2)) == 64
    assert "=" not in TOKEN
    assert "+" not in TOKEN


def test_the_same_payment_gives_the_same_token_in_every_process() -> None:
    again = MerchantTokens(KeyRing(bytes(range(32))))
    assert again.derive(PAYMENT, "shop_test", UNTIL) == TOKEN
    assert again.is_of(TOKEN, PAYMENT, "shop_test", UNTIL)


def test_a_token_opens_its_own_payment_alone() -> None:
    assert not TOKENS.is_of(TOKEN, OTHER, "shop_test", UNTIL)
    assert not TOKENS.is_of(TOKEN, PAYMENT, "other_test", UNTIL)
    assert not TOKENS.is_of(TOKEN, PAYMENT, "shop_test", UNTIL + timedelta(seconds=1))
    assert not MerchantTokens(KeyRing(bytes(32))).is_of(TOKEN, PAYMENT, "shop_test", UNTIL)


def test_each_changed_letter_is_noticed() -> None:
    for place, letter in enumerate(TOKEN):
        for other in ("A" if letter != "A" else "B", chr(ord(letter) ^ 1), ""):
            changed = TOKEN[:place] + other + TOKEN[place + 1 :]
            assert not TOKENS.is_of(changed, PAYMENT, "shop_test", UNTIL)


@pytest.mark.parametrize("alg", ["none", "HS256", "HS512"])
def test_a_strangers_algorithm_and_key_open_nothing(alg: str) -> None:
    claims = {"sub": "shop_test", "auth": "ROLE_MERCHANT", "exp": int(UNTIL.timestamp())}
    if alg == "none":
        header, body, _ = TOKEN.split(".")
        unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        assert not TOKENS.is_of(f"{unsigned}.{body}.", PAYMENT, "shop_test", UNTIL)
        assert not TOKENS.is_of(f"{header}.{body}.", PAYMENT, "shop_test", UNTIL)
    else:
        assert not TOKENS.is_of(forged({"alg": alg}, claims), PAYMENT, "shop_test", UNTIL)


def test_a_naive_expiry_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        TOKENS.derive(PAYMENT, "shop_test", UNTIL.replace(tzinfo=None))


def test_a_token_says_where_to_look() -> None:
    assert TOKENS.claimed_merchant(TOKEN) == "shop_test"
    assert TOKENS.claimed_merchant(forged({"alg": "HS512"}, {"sub": "other_test"})) == "other_test"


@pytest.mark.parametrize("claims", [[], "shop_test", 1, None, {}, {"sub": 1}, {"sub": ["shop_test"]}])
def test_claims_of_another_form_say_nothing(claims: object) -> None:
    assert TOKENS.claimed_merchant(forged({"alg": "HS512"}, claims)) is None


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "টোকেন", "\ud800", "\x00", TOKEN + "." + TOKEN])
def test_what_is_no_token_says_nothing(text: str) -> None:
    assert TOKENS.claimed_merchant(text) is None
    assert not TOKENS.is_of(text, PAYMENT, "shop_test", UNTIL)


def test_claims_nested_without_end_and_tokens_without_end_say_nothing() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 700).decode().rstrip("=")
    assert TOKENS.claimed_merchant(f"{TOKEN.split('.')[0]}.{deep}.AAAA") is None
    assert TOKENS.claimed_merchant("A" * 1_025) is None


@given(st.text(max_size=80))
def test_any_text_is_answered(text: str) -> None:
    TOKENS.claimed_merchant(text)
    TOKENS.claimed_merchant(f"{TOKEN.split('.')[0]}.{text}.{text}")
    assert not TOKENS.is_of(text, PAYMENT, "shop_test", UNTIL)
