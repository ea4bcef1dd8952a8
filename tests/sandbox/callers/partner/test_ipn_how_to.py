"""docs/how-to/receive-ipns.md: its check of signatures, run as it stands there."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HOW_TO = Path(__file__).parents[4] / "docs" / "how-to"
PAGE = (HOW_TO / "receive-ipns.md").read_text(encoding="utf-8")
VECTOR = (HOW_TO / "receive-notifications.md").read_text(encoding="utf-8")


def part(name: str) -> str:
    """One row of the published vector."""
    found = re.search(rf"^\| {name} \| `(.+)` \|$", VECTOR, re.MULTILINE)
    assert found is not None
    return found[1]


SENT_AT = part("webhook-timestamp")
HEADERS = {name: part(name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
BODY, KEYS = part("body").encode(), [part("public key")]


RUBBISH = ["", "v1", "v1,%%%", "v1,a,b", "v1a", "v1a,%%%", "v1a,a,b", "v1a,ছছ", "v1a," + "A" * 1_000_000]


def now() -> float:
    return float(SENT_AT)


@pytest.fixture(scope="module")
def is_ours() -> Callable[..., bool]:
    (code,) = re.findall(r"^```python\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "receive-ipns.md", "exec"), names)  # noqa: S102 - our own page
    checked: Callable[..., bool] = names["is_ours"]
    return checked


def test_the_vector_is_ours_also_beside_other_signatures_and_keys(is_ours: Callable[..., bool]) -> None:
    assert is_ours(HEADERS, BODY, KEYS, now)
    both = HEADERS | {"webhook-signature": f"v1,abc v1a,AAAA {HEADERS['webhook-signature']}"}
    assert is_ours(both, BODY, ["whpk_" + "A" * 43 + "=", *KEYS], now)


@pytest.mark.parametrize("name", HEADERS)
def test_what_was_changed_or_is_old_is_not_ours(is_ours: Callable[..., bool], name: str) -> None:
    assert not is_ours(HEADERS | {name: HEADERS[name] + "1"}, BODY, KEYS, now)
    assert not is_ours({key: HEADERS[key] for key in HEADERS if key != name}, BODY, KEYS, now)
    assert not is_ours(HEADERS, BODY + b" ", KEYS, now)
    assert not is_ours(HEADERS, BODY, KEYS, lambda: now() + 301)
    assert not is_ours(HEADERS, BODY, KEYS)


@pytest.mark.parametrize("signature", RUBBISH)
def test_rubbish_is_not_ours_and_breaks_nothing(is_ours: Callable[..., bool], signature: str) -> None:
    """T69."""
    assert not is_ours(HEADERS | {"webhook-signature": signature}, BODY, KEYS, now)
    assert not is_ours(HEADERS | {"webhook-timestamp": signature}, BODY, KEYS, now)
