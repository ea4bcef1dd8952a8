import re
from datetime import UTC, datetime, timedelta

import pytest

from ekpay_switch.security.access_tokens import AccessTokens
from ekpay_switch.security.keys import KeyRing

TOKENS = AccessTokens(KeyRing(bytes(range(32))))
UNTIL = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def test_a_token_says_what_it_was_issued_for() -> None:
    assert TOKENS.read(TOKENS.issue("P7", 3, UNTIL)) == ("P7", 3, UNTIL)


def test_another_process_with_the_same_master_key_reads_it() -> None:
    assert AccessTokens(KeyRing(bytes(range(32)))).read(TOKENS.issue("P7", 3, UNTIL)) == ("P7", 3, UNTIL)


def test_another_master_key_does_not() -> None:
    assert AccessTokens(KeyRing(bytes(32))).read(TOKENS.issue("P7", 3, UNTIL)) is None


def test_a_token_fits_a_header_and_a_url_and_hides_its_partner() -> None:
    token = TOKENS.issue("PARTNER-SEVEN", 1, UNTIL)
    assert re.fullmatch(r"[A-Za-z0-9_-]{40,200}", token)
    assert TOKENS.issue("PARTNER-SEVEN", 1, UNTIL) != token


def test_each_changed_letter_is_noticed() -> None:
    for partner in ("P", "P1", "P12"):
        token = TOKENS.issue(partner, 1, UNTIL)
        for place, letter in enumerate(token):
            for other in ("A" if letter != "A" else "B", chr(ord(letter) ^ 1), "."):
                assert TOKENS.read(token[:place] + other + token[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "A", "AAAA", "Bearer x", "টোকেন", "A" * 100_000, "\x00", "=", "A=A=", "\ud800"]
)
def test_what_we_did_not_issue_says_nothing(text: str) -> None:
    assert TOKENS.read(text) is None


def test_a_naive_expiry_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        TOKENS.issue("P7", 1, UNTIL.replace(tzinfo=None))


def test_an_expired_token_is_still_read_so_that_its_reader_can_say_expired() -> None:
    past = UNTIL - timedelta(days=9_000)
    assert TOKENS.read(TOKENS.issue("P7", 1, past)) == ("P7", 1, past)
