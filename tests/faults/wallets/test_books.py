"""The judge of the wallet matrix finds what it is there to find, and its witness misses nothing."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from sandbox.callers.client.messages import PAID, PENDING, ApiPayment
from sandbox.kit.tcp_ports import free_port
from sandbox.rehearsals.demo.comparison.bkash_books import Collection, OurTry, WalletMovement
from tests.faults.wallets.books import Books, Page, cells_of, disagreements
from tests.faults.wallets.counting_proxy import HOST, SENT_TO, Sent, standing_before

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TOLD = ApiPayment(
    id="pay_1", status=PAID, reason=None, biller="b9002", bill={}, amount=50_000, charge=750, fee=870,
    vat=130, total=51_750, instrument="bkash", page_url=None, pay_until=NOW, next_check_at=None, refunded=0,
    created_at=NOW, updated_at=NOW,
)  # fmt: skip
TAKEN = WalletMovement("T1", "P1", "I1", 51_750, 776, stated_paisa=51_750)
NETS = {"receivable:bkash": 50_974, "connector_fee:bkash": 776, "payable:nesco_prepaid": -51_750}
BOOKS = Books(
    ours=Collection("pay_1", "completed", "Q1", 51_750, [OurTry("I1", "approved", "P1", "T1", 51_750)]),
    nets=NETS,
    pages=[Page("I1", "Completed", is_verified=True, moved_paisa=51_750, told_paisa=51_750)],
    movements=[TAKEN],
    told=TOLD,
    sent={Sent.EXECUTE: 1},
    kept={"callback": 2, "forged, a wrong signature": 2, "notification": 1},
)
SECOND = replace(TAKEN, transaction="T2", payment="P2")
BACK = replace(TAKEN, transaction="R1", fee_paisa=0, refund_of="T1")


def test_books_that_agree_have_nothing_against_each_other() -> None:
    assert list(disagreements(BOOKS)) == []


@pytest.mark.parametrize(
    ("books", "what"),
    [
        (replace(BOOKS, movements=[TAKEN, SECOND]), "debited twice"),
        (replace(BOOKS, movements=[TAKEN, BACK]), "0 times in the switch's books"),
        (replace(BOOKS, movements=[TAKEN, replace(BACK, amount_paisa=51_751)]), "more was given back"),
        (replace(BOOKS, movements=[replace(TAKEN, amount_paisa=51_650)]), "517.50 here, 516.50 there"),
        (replace(BOOKS, nets={**NETS, "receivable:bkash": 51_750}), "receivable"),
        (replace(BOOKS, nets={**NETS, "connector_fee:bkash": 777}), "does not balance"),
        (replace(BOOKS, told=replace(TOLD, status=PENDING)), "status paid here, pending there"),
        (replace(BOOKS, tokens={"Q1": "1234"}), "other token lines"),
    ],
)
def test_books_that_disagree_are_found_out(books: Books, what: str) -> None:
    assert any(what in fault for fault in disagreements(books))


def test_a_contradiction_that_was_to_be_and_is_not_is_found_out() -> None:
    assert list(disagreements(BOOKS, contradicts=True)) == ["bKash contradicts itself: []"]


def test_cells_are_told_in_taka_and_by_the_own_balance_of_each_account() -> None:
    assert cells_of(BOOKS, ["unexpected_money"]) == {
        "payment": "completed, told paid",
        "our ledger": "receivable:bkash 509.74, connector_fee:bkash 7.76, payable:nesco_prepaid 517.50",
        "bKash's book": "517.50 taken",
        "sent to bKash": "1 execute",
        "messages kept": "2 callbacks, 2 forged (a wrong signature), 1 notification",
        "alarms": "unexpected_money",
    }


@asynccontextmanager
async def _far_side() -> AsyncIterator[str]:
    """Somebody who numbers what arrives, and hangs up on questions."""
    heard: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.path)
        if SENT_TO.get(request.path) is Sent.INQUIRY and request.transport is not None:
            request.transport.abort()
        return web.json_response({"number": len(heard)}, headers={"X-Of": request.headers["X-For"]})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port := free_port()).start()
        yield f"http://{HOST}:{port}"
    finally:
        await runner.cleanup()


async def test_the_witness_counts_each_call_and_hangs_up_where_bkash_does() -> None:
    paths: Mapping[Sent, str] = {sent: path for path, sent in SENT_TO.items()}
    async with (
        _far_side() as target,
        standing_before(target, port := free_port()) as witness,
        aiohttp.ClientSession(f"http://{HOST}:{port}", headers={"X-For": "P1"}) as session,
    ):
        witness.doubled.add("P1")
        async with session.post(paths[Sent.EXECUTE], json={"paymentID": "P1"}) as answer:
            assert (await answer.json(), answer.headers["X-Of"]) == ({"number": 2}, "P1")
        async with session.get("/checkout?paymentId=P1") as answer:
            assert await answer.json() == {"number": 3}
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(paths[Sent.INQUIRY], json={"paymentID": "P1"})
        async with session.post(paths[Sent.REFUND], json={"paymentId": "P2"}) as answer:
            assert answer.ok
        assert witness.counted(["P1"]) == {Sent.EXECUTE: 2, Sent.INQUIRY: 1, Sent.REFUND: 0}
