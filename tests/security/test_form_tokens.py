from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.security.form_tokens import FormTokens
from ekpay_switch.security.keys import KeyRing

TOKENS = FormTokens(KeyRing(bytes(32)))


def test_a_token_opens_its_own_page_on_every_process() -> None:
    assert FormTokens(KeyRing(bytes(32))).is_of(TOKENS.of("A" * 26), "A" * 26)


def test_a_token_opens_no_other_page_and_none_of_another_key() -> None:
    assert not TOKENS.is_of(TOKENS.of("A" * 26), "B" * 26)
    assert not TOKENS.is_of(FormTokens(KeyRing(bytes([1]) * 32)).of("A" * 26), "A" * 26)


@given(st.text())
def test_whatever_else_is_sent_opens_nothing(token: str) -> None:
    assert not TOKENS.is_of(token, "A" * 26)
