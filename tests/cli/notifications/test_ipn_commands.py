"""IPNs from the command line: how they stand, each try, and sending them again."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from ekpay_switch.cli.notifications.replay_options import SILENT_SECONDS, bar_when_slow, shown_url
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from tests.cli.command_result import Ekpay
from tests.cli.migrated_home import a_home
from tests.cli.two_persons import with_both
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of
from tests.persistence.merchants.merchant_setup import open_shop
from tests.persistence.notifications.ipn_setup import Stand
from tests.persistence.notifications.notifier_setup import Post, answering
from tests.wire.scripted_peer import rude_peer

NO_MAIL = "ipn_channel 2 asks for mail alone, and no mail is sent"
DUE = """
UPDATE notification_deliveries AS d SET next_try_at = now() FROM notification_endpoints AS e
WHERE e.id = d.endpoint_id AND e.partner_id = $1 AND d.state = 'waiting'
"""


@dataclass(frozen=True)
class Sold:
    """A merchant with two payments: the IPN of one was taken at the second try, the other asked for none."""

    merchant: str
    payment_id: UUID
    notification_id: UUID
    endpoint_id: UUID
    silent_id: UUID


async def _in_the_shop(home: Path, work: Callable[[Stand, str], Awaitable[Sold]]) -> Sold:
    place = EmbeddedPostgres(home).start()
    group_commit = group_commit_of(database_of(place))
    await group_commit.start()
    books = Books(place, group_commit, itertools.count(uuid4().int % 10**11))
    engine = books.database.engine()
    try:
        async with open_shop(books) as shop:
            merchant = await shop.merchant(f"m{uuid4().hex[:10]}")
            return await work(Stand(Post(books, engine), shop), merchant)
    finally:
        await engine.dispose()
        await group_commit.stop()


async def _sell(stand: Stand, merchant: str) -> Sold:
    async with rude_peer(answering(500, 204)) as peer:
        payment_id = await stand.ordered(peer.url("/ipn?key=1"), partner_id=merchant, trnx_id=f"T{merchant}")
        silent_id = await stand.ordered(peer.url("/ipn"), "2", merchant)
        notification_id = await stand.ends(payment_id, "completed")
        await stand.ends(silent_id, "completed")
        await stand.post.round()
        await stand.books.tell(DUE, merchant)
        await stand.post.round()
    (line,) = await stand.post.endpoints.list(merchant)
    return Sold(merchant, payment_id, notification_id, line.id, silent_id)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A database apart: here payments are moved by hand, and their books are not sound."""
    with a_home() as home:
        yield home


@pytest.fixture
def sold(home: Path) -> Sold:
    return asyncio.run(_in_the_shop(home, _sell))


def ipns(ekpay: Ekpay, *words: str) -> Any:  # noqa: ANN401 - what JSON may be
    done = ekpay("notifications", "ipns", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_list_shows_how_each_ipn_stands(ekpay: Ekpay, sold: Sold) -> None:
    silent, told = ipns(ekpay, "list", "--merchant", sold.merchant)
    assert (told["code"], told["state"], told["why"], told["tries"]) == ("1020", "delivered", "HTTP 204", 2)
    assert told["message_id"] == f"msg_{sold.notification_id.hex}_{sold.endpoint_id.hex}"
    assert (silent["state"], silent["why"], silent["message_id"]) == ("unwanted", NO_MAIL, None)
    assert ipns(ekpay, "list", "--merchant", f"{sold.merchant}_test") == [silent, told]
    assert ipns(ekpay, "list", "--payment", str(sold.payment_id)) == [told]
    assert ipns(ekpay, "list", "--merchant", sold.merchant, "--only", "given-up") == []
    assert ipns(ekpay, "list", "--merchant", sold.merchant, "--only", "unwanted", "--only", "waiting") == [
        silent
    ]
    assert ipns(ekpay, "list", "--merchant", sold.merchant, "--limit", "1") == [silent]
    shown = ekpay("notifications", "ipns", "list", "--merchant", sold.merchant).out
    assert f"T{sold.merchant}" in shown
    assert "HTTP 204" in shown


def test_one_payment_shows_each_of_its_tries(ekpay: Ekpay, sold: Sold) -> None:
    found = ipns(ekpay, "show", str(sold.payment_id))
    assert isinstance(found, dict)
    assert [line["status"] for line in found["tries"]] == [204, 500]
    assert len(found["ipns"]) == 1
    assert ipns(ekpay, "show", str(sold.notification_id)) == found
    assert ipns(ekpay, "show", f"msg_{sold.notification_id.hex}_{sold.endpoint_id.hex}") == found
    assert "HTTP 500" in ekpay("notifications", "ipns", "show", str(sold.payment_id)).out


def test_the_log_and_the_payment_name_the_address_of_the_order(ekpay: Ekpay, sold: Sold) -> None:
    newest, _ = json.loads(ekpay("notifications", "log", "--partner", sold.merchant, "--json").out)
    assert newest["kind"] == "ipn"
    assert newest["url"].endswith("/ipn?key=1")
    assert "/ipn?key=1: delivered at " in ekpay("payments", "show", str(sold.payment_id)).out


@pytest.mark.parametrize("form", ["{payment}", "{notification}", "msg_{notification.hex}_{endpoint.hex}"])
def test_one_is_replayed_by_payment_notification_or_webhook_id(ekpay: Ekpay, sold: Sold, form: str) -> None:
    name = form.format(payment=sold.payment_id, notification=sold.notification_id, endpoint=sold.endpoint_id)
    done = ekpay("notifications", "ipns", "replay", name)
    assert (done.code, done.out) == (0, "1 IPN is on the way again.\n")
    (told,) = ipns(ekpay, "list", "--payment", str(sold.payment_id))
    assert (told["state"], told["is_replay"], told["tries"]) == ("waiting", True, 0)


def test_a_range_is_counted_by_a_dry_run_and_then_sent(ekpay: Ekpay, sold: Sold) -> None:
    words = ("notifications", "ipns", "replay", "--merchant", sold.merchant, "--since", "2026-01-01")
    counted = "1 IPN would be sent; 2 notifications looked at.\n"
    assert ekpay(*words, "--dry-run").out == counted
    assert ekpay(*words, "--dry-run").out == counted
    assert ekpay(*words, "--only", "given-up", "--dry-run").out.startswith("0 IPNs would be sent")
    assert ekpay(*words, "--until", "2026-01-02T10:00:00", "--dry-run").out.startswith(
        "0 IPNs would be sent; 0 "
    )
    assert ekpay(*words, "--only", "given-up").out == "0 IPNs are on the way again.\n"
    assert ekpay(*words).out == "1 IPN is on the way again.\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "either an ID, or"),
        (("x",), "no id of a notification"),
        ((str(UUID(int=1)), "--dry-run"), "either an ID, or"),
        (("--merchant", "m"), "--merchant and --since"),
        (("--since", "2026-01-01"), "--merchant and --since"),
        (("--merchant", "m", "--since", "2026-01-02", "--until", "2026-01-01"), "ends before it begins"),
        (("--merchant", "m", "--since", "2026-01-01", "--only", "delivered"), "not one of given-up"),
    ],
)
def test_a_replay_that_says_too_little_or_too_much_is_refused(
    ekpay: Ekpay, words: tuple[str, ...], why: str
) -> None:
    done = ekpay("notifications", "ipns", "replay", *words)
    assert (done.code, done.out) == (2, "")
    assert why in done.err


def test_what_is_not_there_or_not_wanted_is_said(ekpay: Ekpay, sold: Sold) -> None:
    nothing = ekpay("notifications", "ipns", "replay", str(uuid4()))
    assert (nothing.code, nothing.err) == (
        1,
        "ekpay: There is no merchant's payment and no IPN of that id.\n",
    )
    unwanted = ekpay("notifications", "ipns", "replay", str(sold.silent_id))
    assert (unwanted.code, unwanted.err.startswith("ekpay: A payment's newest IPN alone")) == (1, True)
    nobody = ekpay("notifications", "ipns", "list", "--merchant", "nobody")
    assert (nobody.code, nobody.err) == (1, "ekpay: There is no such merchant.\n")


def test_the_place_of_ipns_is_shown_with_its_key_and_cannot_be_disabled(ekpay: Ekpay, sold: Sold) -> None:
    listed = ekpay("notifications", "endpoints", "list", "--partner", sold.merchant, "--json").out
    (line,) = json.loads(listed)
    assert (line["kind"], line["state"]) == ("ipn", "active")
    assert line["public_keys"][0].startswith("whpk_")
    shown = ekpay("notifications", "endpoints", "list", "--partner", sold.merchant).out
    assert "(IPNs: as each order says)" in shown
    refused = ekpay("notifications", "endpoints", "disable", str(line["id"]))
    assert (refused.code, refused.err.startswith("ekpay: IPNs cannot be disabled")) == (1, True)
    rotated = json.loads(
        with_both(ekpay, "notifications", "endpoints", "rotate-key", str(line["id"]), "--json").out
    )
    assert len(rotated["public_keys"]) == 2


# ---- what is shown


def test_credentials_that_an_address_must_not_hold_are_not_shown() -> None:
    assert shown_url("https://user:secret@shop.example/a?b=c@d") == "https://***@shop.example/a?b=c@d"
    assert shown_url("https://shop.example/@a") == "https://shop.example/@a"


def test_a_bar_is_shown_only_for_what_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter([0.0, SILENT_SECONDS - 0.1, SILENT_SECONDS])
    with bar_when_slow("sending again", 3, lambda: next(seconds)) as advance:
        advance(1)
        assert capsys.readouterr().err == ""
        advance(2)
    assert "sending again" in capsys.readouterr().err
