"""`ekpay connectors` as people type it, against a provider on this machine."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.command_result import Ekpay
from tests.connectors.families.bkash.bkash_simulator import HonestDesk
from tests.connectors.families.bkash.bkash_stage import GRANT, SECRETS
from tests.wire.scripted_peer import RudePeer, rude_peer


@contextmanager
def provider(desk: HonestDesk) -> Iterator[RudePeer]:
    """The desk behind a port, in a thread: the command has an event loop of its own."""
    loop = asyncio.new_event_loop()
    serving: list[RudePeer] = []
    is_up, is_over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with rude_peer(desk.serve) as peer:
            serving.append(peer)
            is_up.set()
            await is_over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert is_up.wait(10)
    try:
        yield serving[0]
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()


def test_connectors_are_listed_with_their_limits(ekpay: Ekpay) -> None:
    listed = ekpay("connectors", "list")
    assert listed.code == 0
    assert "bkash" in listed.out
    assert "10 within 60 days" in listed.out
    assert "our call" in next(line for line in listed.out.splitlines() if "bkash" in line)
    assert "its page" in next(line for line in listed.out.splitlines() if "nagad" in line)


def test_programs_read_paisa_and_the_four_facts(ekpay: Ekpay) -> None:
    listed = json.loads(ekpay("connectors", "list", "--json", EKPAY_BKASH_URL="http://127.0.0.1:9/x").out)
    bkash = next(one for one in listed if one["id"] == "bkash")
    assert (bkash["amount_min_paisa"], bkash["charge_basis_points"], bkash["refunds"]["parts_max"]) == (
        100,
        150,
        10,
    )
    assert set(bkash["safety"].values()) == {True}
    assert (bkash["instrument"], bkash["status"], bkash["executes"]) == ("wallet", "active", True)
    assert (bkash["protocol"], bkash["payer_charge_basis_points"]) == ("public", 150)
    assert bkash["url"] == "http://127.0.0.1:9/x"


def test_a_run_takes_once_gives_half_back_and_asks_for_one_token_in_all(ekpay: Ekpay) -> None:
    """The token stays in the database: a provider gives out only so many in an hour."""
    with provider(HonestDesk()) as peer:
        environ = {"EKPAY_BKASH_URL": peer.url(""), **SECRETS}
        runs = [ekpay("connectors", "certify", "bkash", "--amount", "7", **environ) for _ in range(2)]
        assert [(run.code, run.err) for run in runs] == [(0, ""), (0, "")]
        assert all(run.out.count("proven") == 4 for run in runs)
        assert [heard.path for heard in peer.heard].count(GRANT) <= 1


def test_a_fact_that_is_contradicted_is_a_failure(ekpay: Ekpay) -> None:
    with provider(HonestDesk(takes_twice=True)) as peer:
        run = ekpay("connectors", "certify", "bkash", EKPAY_BKASH_URL=peer.url(""), **SECRETS)
    assert run.code == 1
    assert "deduplicates: contradicted" in run.out
    assert run.err == "ekpay: the manifest states what the provider does not do\n"


def test_without_a_robot_the_page_is_shown_and_waited_for(ekpay: Ekpay) -> None:
    with provider(HonestDesk(has_robot=False)) as peer:
        environ = {"EKPAY_BKASH_URL": peer.url(""), **SECRETS}
        run = ekpay("connectors", "certify", "bkash", "--wait-seconds", "0", **environ)
    assert run.code == 1
    assert "Open https://payment.bkash.com/?paymentId=TR0011x0 and pay" in run.out
    assert "nobody agreed in time" in run.out


@pytest.mark.parametrize(
    "url",
    [
        "https://tokenized.pay.bka.sh",
        "http://127.0.0.1@tokenized.pay.bka.sh",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1:8193",
    ],
)
def test_a_provider_that_is_not_here_is_not_asked_unless_somebody_says_so(ekpay: Ekpay, url: str) -> None:
    run = ekpay("connectors", "certify", "bkash", EKPAY_BKASH_URL=url, **SECRETS)
    assert run.code == 2
    assert "--yes-this-is-a-sandbox" in run.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nobody",), "there is no connector nobody"),
        (("bkash", "--amount", "1.005"), "not taka with at most two decimals"),
        (("bkash", "--wait-seconds", "-1"), "wait"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_anything_is_sent(
    ekpay: Ekpay, words: tuple[str, ...], why: str
) -> None:
    run = ekpay("connectors", "certify", *words)
    assert run.code == 2
    assert why in run.err
