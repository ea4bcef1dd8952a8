import base64
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import WebhookVerificationError

from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.webhook_signatures import WebhookKeys, signature, signed_content

ENDPOINT, OTHER = UUID(int=1), UUID(int=2)
KEYS = WebhookKeys(KeyRing(bytes(range(32))))
BODY = b'{"test": 2432232314}'
# The vector that docs/how-to/receive-notifications.md publishes; the seed is the bytes 0 to 31.
VECTOR_ID, VECTOR_TIME = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330
VECTOR_PUBLIC = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="


def _verifies(public: str, header: str, signed: bytes) -> bool:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    marker, _, text = header.partition(",")
    assert marker == "v1a"
    try:
        key.verify(base64.b64decode(text), signed)
    except InvalidSignature:
        return False
    return True


def test_the_published_vector_is_what_we_sign() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signed = signature(key, signed_content(VECTOR_ID, VECTOR_TIME, BODY))
    page = Path(__file__).parents[2] / "docs" / "how-to" / "receive-notifications.md"
    row = re.compile(r"^\| (\w[\w -]*) \| `([^`]+)` \|$", re.MULTILINE)
    published = dict(row.findall(page.read_text(encoding="utf-8")))
    assert published["webhook-signature"] == signed
    assert published["public key"] == VECTOR_PUBLIC
    assert (published["webhook-id"], published["webhook-timestamp"]) == (VECTOR_ID, str(VECTOR_TIME))
    assert published["body"].encode() == BODY
    assert _verifies(VECTOR_PUBLIC, signed, signed_content(VECTOR_ID, VECTOR_TIME, BODY))


def test_the_headers_of_a_try_can_be_checked_with_the_public_key() -> None:
    headers = KEYS.headers(ENDPOINT, (1,), "msg_1", 1_700_000_000, BODY)
    assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_1", "1700000000")
    signed = b"msg_1.1700000000." + BODY
    assert _verifies(KEYS.public_key(ENDPOINT, 1), headers["webhook-signature"], signed)


@pytest.mark.parametrize(
    "changed",
    [b"msg_2.1700000000." + BODY, b"msg_1.1700000001." + BODY, b"msg_1.1700000000." + BODY + b" ", b""],
)
def test_a_changed_id_time_or_body_does_not_verify(changed: bytes) -> None:
    headers = KEYS.headers(ENDPOINT, (1,), "msg_1", 1_700_000_000, BODY)
    assert not _verifies(KEYS.public_key(ENDPOINT, 1), headers["webhook-signature"], changed)


def test_during_a_rotation_both_keys_sign_the_newest_first() -> None:
    headers = KEYS.headers(ENDPOINT, (2, 1), "msg_1", 1_700_000_000, BODY)
    newest, before = headers["webhook-signature"].split(" ")
    signed = b"msg_1.1700000000." + BODY
    assert _verifies(KEYS.public_key(ENDPOINT, 2), newest, signed)
    assert _verifies(KEYS.public_key(ENDPOINT, 1), before, signed)
    assert not _verifies(KEYS.public_key(ENDPOINT, 1), newest, signed)


def test_each_endpoint_and_generation_has_a_key_of_its_own() -> None:
    keys = {KEYS.public_key(endpoint, generation) for endpoint in (ENDPOINT, OTHER) for generation in (1, 2)}
    assert len(keys) == 4


def test_a_signing_key_never_changes_between_versions() -> None:
    """Receivers have configured its public half."""
    assert KEYS.public_key(ENDPOINT, 1) == "whpk_fEhQ5wfYfxzXvPP8T2vs3/ZSE8JInMn7v098J5/RYN8="
    assert KEYS.public_key(ENDPOINT, 1) == WebhookKeys(KeyRing(bytes(range(32)))).public_key(ENDPOINT, 1)


# ---- under a shared secret as well, for the libraries of receivers


def _shared_headers(generations: tuple[int, ...] = (1,)) -> dict[str, str]:
    return KEYS.headers(ENDPOINT, generations, "msg_1", int(time.time()), BODY, has_shared_secret=True)


def _snippet() -> Callable[[str, Mapping[str, str], bytes], object]:
    """The lines of the how-to, as its reader would have them."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "receive-notifications.md"
    text = page.read_text(encoding="utf-8").partition("## With a library")[2]
    code = text.partition("```python\n")[2].partition("```")[0]
    place: dict[str, Any] = {}
    exec(code, place)  # noqa: S102 - our own page
    read: Callable[[str, Mapping[str, str], bytes], object] = place["read_event"]
    return read


@pytest.mark.parametrize("generations", [(1,), (2, 1)])
def test_the_official_library_reads_a_message_as_the_how_to_says(generations: tuple[int, ...]) -> None:
    read = _snippet()
    for generation in generations:
        secret = KEYS.shared_secret(ENDPOINT, generation)
        assert read(secret, _shared_headers(generations), BODY) == {"test": 2432232314}


def test_the_official_library_refuses_what_is_not_ours() -> None:
    read, secret = _snippet(), KEYS.shared_secret(ENDPOINT, 1)
    without = KEYS.headers(ENDPOINT, (1,), "msg_1", int(time.time()), BODY)
    old = KEYS.headers(ENDPOINT, (1,), "msg_1", 1_700_000_000, BODY, has_shared_secret=True)
    for key, headers, body in (
        (secret, _shared_headers(), BODY + b" "),
        (secret, _shared_headers((2,)), BODY),
        (KEYS.shared_secret(OTHER, 1), _shared_headers(), BODY),
        (secret, without, BODY),
        (secret, old, BODY),
    ):
        with pytest.raises(WebhookVerificationError):
            read(key, headers, body)


def test_a_message_carries_public_signatures_first_and_shared_ones_where_they_are_wanted() -> None:
    marks = [part.partition(",")[0] for part in _shared_headers((2, 1))["webhook-signature"].split(" ")]
    assert marks == ["v1a", "v1a", "v1", "v1"]
    secrets = {KEYS.shared_secret(one, generation) for one in (ENDPOINT, OTHER) for generation in (1, 2)}
    assert len(secrets) == 4
    assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret) for secret in secrets)
