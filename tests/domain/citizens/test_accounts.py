"""What is kept of a browser, and how long a typed code counts as fresh."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.citizens.accounts import FRESH_FOR, SignedIn, device_name

NOW = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/124.0.0.0 Mobile Safari/537.36",
            "Chrome, Android",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 13) {WEBKIT} SamsungBrowser/24.0 Chrome/117.0 Safari/537.36",
            "Samsung, Android",
        ),
        ("Opera/9.80 (Android; Opera Mini/36.2/119.132; U; bn) Presto/2.12", "Opera Mini, Android"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Version/17.4 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/124.0 Safari/537.36 Edg/124.0",
            "Edge, Windows",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", "Firefox, Linux"),
        ("curl/8.5.0", ""),
        ("", ""),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_a_browser_is_kept_in_two_words(user_agent: str, name: str) -> None:
    assert device_name(user_agent) == name


def test_a_typed_code_is_fresh_for_ten_minutes() -> None:
    who = SignedIn(UUID(int=1), UUID(int=2), "01712345678", NOW - FRESH_FOR, NOW)
    assert who.is_fresh
    assert not SignedIn(
        who.citizen_id, who.session_id, who.number, who.proven_at, NOW + timedelta(seconds=1)
    ).is_fresh
    assert "01712345678" not in repr(who)
