"""Endpoints, the log and replays from the command line."""

import asyncio
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.webhook_signatures import WebhookKeys
from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import with_both
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of
from tests.persistence.notifications.notifier_setup import Post, answering
from tests.wire.scripted_peer import rude_peer

TRUSTED = "EKPAY_WEBHOOK_TRUSTED_HOSTS"
PLACE = "127.0.0.1:8191"
URL = f"http://{PLACE}/hooks"


@pytest.fixture
def partner(ekpay: Ekpay) -> str:
    partner = f"p{uuid4().hex[:10]}"
    assert with_both(ekpay, "partners", "add", partner, "--name", "A wallet").code == 0
    return partner


@pytest.fixture
def endpoint(ekpay: Ekpay, partner: str) -> dict[str, object]:
    done = with_both(ekpay, "notifications", "endpoints", "add", partner, URL, "--json", **{TRUSTED: PLACE})
    assert done.code == 0, done.err
    shown: dict[str, object] = json.loads(done.out)
    return shown


def listed(ekpay: Ekpay, partner: str) -> dict[str, object]:
    (line,) = json.loads(ekpay("notifications", "endpoints", "list", "--partner", partner, "--json").out)
    assert isinstance(line, dict)
    return line


def on_endpoint(ekpay: Ekpay, word: str, endpoint: dict[str, object], *more: str) -> Typed:
    words = ("notifications", "endpoints", word, str(endpoint["id"]), *more)
    return ekpay(*words) if word in {"disable", "enable"} else with_both(ekpay, *words)


# ---- endpoints


def test_a_new_endpoint_is_told_with_its_public_key(
    ekpay: Ekpay, home: Path, partner: str, endpoint: dict[str, object]
) -> None:
    key = WebhookKeys(KeyRing.open(home)).public_key(UUID(str(endpoint["id"])), 1)
    assert endpoint["public_keys"] == [key]
    assert (endpoint["partner_id"], endpoint["url"], endpoint["events"]) == (partner, URL, [])
    assert listed(ekpay, partner) == endpoint
    shown = ekpay("notifications", "endpoints", "list", "--partner", partner).out
    assert URL in shown
    assert "active" in shown


def test_people_are_told_where_the_keys_are(ekpay: Ekpay, partner: str) -> None:
    words = ("notifications", "endpoints", "add", partner, URL, "--event", "payment.refunded")
    done = with_both(ekpay, *words, **{TRUSTED: PLACE})
    line = listed(ekpay, partner)
    assert line["events"] == ["payment.refunded"]
    assert f"/.well-known/ekpay-webhook-keys/{line['id']}" in done.out
    assert str(line["public_keys"][0]) in done.out  # type: ignore[index]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (URL, "must begin with https://"),
        ("https://127.0.0.1/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://localhost/", "not public"),
        ("https://2130706433/", "a host name"),
        ("https://127.0.0.1:22/", "port 22"),
        ("https://user:secret@bank.example.com/", "credentials"),
        ("https://bank.example.com/#a", "fragment"),
        ("file:///etc/passwd", "https://"),
    ],
)
def test_an_unsafe_url_is_refused_and_nothing_is_added(
    ekpay: Ekpay, partner: str, url: str, why: str
) -> None:
    done = with_both(ekpay, "notifications", "endpoints", "add", partner, url)
    assert (done.code, done.out) == (2, "")
    assert why in done.err
    assert "secret" not in done.err
    assert json.loads(ekpay("notifications", "endpoints", "list", "--partner", partner, "--json").out) == []


def test_other_ports_can_be_allowed(ekpay: Ekpay, partner: str) -> None:
    words = ("notifications", "endpoints", "add", partner, "https://127.0.0.1:9443/")
    assert "port 9443" in with_both(ekpay, *words).err
    assert "not public" in with_both(ekpay, *words, EKPAY_WEBHOOK_PORTS="443, 9443").err


@pytest.mark.parametrize("value", ["8191", "http://127.0.0.1:8191", "127.0.0.1", "a b:1"])
def test_a_trusted_host_that_is_none_is_named_and_not_shown(ekpay: Ekpay, value: str) -> None:
    done = ekpay("notifications", "endpoints", "list", **{TRUSTED: value})
    assert done.code == 1
    assert f"{TRUSTED}: " in done.err
    assert "host:port" in done.err


def test_the_partner_must_exist_and_have_the_url_once(
    ekpay: Ekpay, partner: str, endpoint: dict[str, object]
) -> None:
    assert endpoint["state"] == "active"
    add = ("notifications", "endpoints", "add")
    again = with_both(ekpay, *add, partner, URL, **{TRUSTED: PLACE})
    assert (again.code, again.err) == (1, "ekpay: The partner has an endpoint at this URL already.\n")
    nobody = with_both(ekpay, *add, "nobody", URL, **{TRUSTED: PLACE})
    assert (nobody.code, nobody.err) == (1, "ekpay: There is no such partner.\n")
    assert with_both(ekpay, *add, partner, URL, "--event", "payment.lost").code == 2


def test_an_endpoint_is_disabled_and_enabled(ekpay: Ekpay, partner: str, endpoint: dict[str, object]) -> None:
    done = on_endpoint(ekpay, "disable", endpoint, "--reason", "the bank moves house")
    assert done.out == f"Endpoint {endpoint['id']} is disabled: the bank moves house.\n"
    assert "disabled: the bank moves house" in ekpay("notifications", "endpoints", "list").out
    assert listed(ekpay, partner)["state"] == "disabled"
    assert on_endpoint(ekpay, "enable", endpoint).out == f"Endpoint {endpoint['id']} is active.\n"
    assert listed(ekpay, partner)["disabled_why"] is None
    unknown = on_endpoint(ekpay, "enable", {"id": uuid4()})
    assert (unknown.code, unknown.err) == (1, "ekpay: There is no such endpoint.\n")


def test_a_rotation_tells_both_keys(ekpay: Ekpay, endpoint: dict[str, object]) -> None:
    rotated = json.loads(on_endpoint(ekpay, "rotate-key", endpoint, "--json").out)
    newest, before = rotated["public_keys"]
    assert [before] == endpoint["public_keys"]
    assert rotated["previous_key_until"]
    at_once = json.loads(on_endpoint(ekpay, "rotate-key", endpoint, "--overlap-hours", "0", "--json").out)
    assert len(at_once["public_keys"]) == 1
    assert at_once["public_keys"][0] not in {newest, before}


# ---- the log and replays


@dataclass(frozen=True)
class Told:
    """A payment of the partner, told to an endpoint that answered 500 and then 204."""

    partner: str
    payment_id: UUID
    notification_id: UUID
    endpoint_id: UUID


async def _tell(home: Path, partner: str) -> Told:
    place = EmbeddedPostgres(home).start()
    group_commit = group_commit_of(database_of(place))
    await group_commit.start()
    books = Books(place, group_commit, itertools.count(uuid4().int % 10**11))
    engine = books.database.engine()
    post = Post(books, engine)
    try:
        await books.top_up(partner, 60_000)
        async with rude_peer(answering(500, 204)) as peer:
            line = await post.endpoint(peer, partner)
            (payment_id,) = await post.completed(1, partner)
            await post.round()
            await _make_due(books, line.id)
            await post.round()
        found = await books.value("SELECT id FROM notifications WHERE payment_id = $1", payment_id)
        return Told(partner, payment_id, found, line.id)
    finally:
        await engine.dispose()
        await group_commit.stop()


async def _make_due(books: Books, endpoint_id: UUID) -> None:
    due = (
        "UPDATE notification_deliveries SET next_try_at = now() WHERE endpoint_id = $1 AND state = 'waiting'"
    )
    await books.tell(due, endpoint_id)


@pytest.fixture
def told(home: Path, partner: str) -> Told:
    return asyncio.run(_tell(home, partner))


def test_the_log_shows_each_try(ekpay: Ekpay, told: Told) -> None:
    newest, first = json.loads(ekpay("notifications", "log", "--partner", told.partner, "--json").out)
    assert (first["number"], first["status"], newest["number"], newest["status"]) == (1, 500, 2, 204)
    assert newest["message_id"] == f"msg_{told.notification_id.hex}_{told.endpoint_id.hex}"
    assert (newest["payment_id"], newest["state"]) == (str(told.payment_id), "delivered")
    by_payment = ekpay("notifications", "log", "--payment", str(told.payment_id)).out
    assert "HTTP 500" in by_payment
    assert "HTTP 204" in by_payment
    failed = ekpay("notifications", "log", "--endpoint", str(told.endpoint_id), "--failed", "--json")
    assert [line["status"] for line in json.loads(failed.out)] == [500]


def test_a_payment_shows_whom_it_was_told_to(ekpay: Ekpay, told: Told) -> None:
    shown = ekpay("payments", "show", str(told.payment_id)).out
    assert f"{told.partner}: completed (delivered)" in shown
    assert "/hooks: delivered at " in shown
    assert "tried 2 times: HTTP 204" in shown


@pytest.mark.parametrize("form", ["{notification}", "msg_{notification.hex}_{endpoint.hex}"])
def test_one_message_is_replayed_by_either_id(ekpay: Ekpay, told: Told, form: str) -> None:
    message = form.format(notification=told.notification_id, endpoint=told.endpoint_id)
    assert ekpay("notifications", "replay", message).out == "1 message is on the way again.\n"
    shown = ekpay("payments", "show", str(told.payment_id)).out
    assert f"{told.partner}: completed (sending)" in shown
    assert "/hooks: waiting, next try from " in shown


def test_a_range_is_replayed(ekpay: Ekpay, told: Told) -> None:
    replay = ("notifications", "replay", "--partner", told.partner, "--since")
    assert ekpay(*replay, "2026-01-01", "--failed").out == "0 messages are on the way again.\n"
    assert ekpay(*replay, "2026-01-01").out == "1 message is on the way again.\n"
    assert ekpay(*replay, "2020-01-01", "--until", "2020-01-02T10:00:00+0600").out.startswith("0 ")
    assert ekpay(*replay, "2026-01-01", "--endpoint", str(uuid4())).out.startswith("0 ")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "either an ID, or"),
        (("x",), "no id of a notification"),
        ((str(UUID(int=1)), "--failed"), "either an ID, or"),
        (("--failed",), "--since and --partner"),
        (("--since", "2026-01-01"), "--since and --partner"),
        (("--partner", "p"), "--since and --partner"),
        (("--partner", "p", "--since", "yesterday"), "not a date such as 2026-04-05"),
        (("--partner", "p", "--since", "2026-01-02", "--until", "2026-01-01"), "ends before it begins"),
        ((f"msg_{1:032x}_{2:032x}", "--endpoint", str(UUID(int=3))), "another endpoint"),
    ],
)
def test_a_replay_that_says_too_little_or_too_much_is_refused(
    ekpay: Ekpay, words: tuple[str, ...], why: str
) -> None:
    done = ekpay("notifications", "replay", *words)
    assert (done.code, done.out) == (2, "")
    assert why in done.err


def test_a_notification_that_is_not_there_cannot_be_replayed(ekpay: Ekpay) -> None:
    done = ekpay("notifications", "replay", str(UUID(int=1)))
    assert (done.code, done.err.startswith("ekpay: There is no such notification")) == (1, True)
