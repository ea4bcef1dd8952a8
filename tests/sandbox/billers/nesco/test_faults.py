"""What admin calls can do to the simulated NESCO, and which orders they refuse."""

import asyncio

import aiohttp
import pytest

from sandbox.billers.nesco.customers import CustomerKind
from sandbox.billers.nesco.faults import MAGIC
from tests.sandbox.caller import NescoCaller

NORMAL = "10000003"
PLAIN_KINDS = {
    CustomerKind.NORMAL,
    CustomerKind.UNKNOWN,
    CustomerKind.TARIFF_CHANGE,
    CustomerKind.KEY_CHANGE,
    CustomerKind.NUMERIC_CODE,
}


@pytest.mark.parametrize("kind", CustomerKind)
def test_each_kind_of_customer_either_misbehaves_or_is_plain(kind: CustomerKind) -> None:
    assert (kind in MAGIC) != (kind in PLAIN_KINDS)


@pytest.mark.parametrize(("fault", "vends"), [("lost_done", 1), ("lost_undone", 0), ("close_before", 0)])
async def test_a_lost_answer_tells_nothing_and_the_history_everything(
    nesco: NescoCaller, fault: str, vends: int
) -> None:
    quote = await nesco.a_quote(NORMAL)
    await nesco.admin("POST", "faults", {"account": NORMAL, "fault": fault})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await nesco.vend(quote)
    assert len(await nesco.vends()) == vends
    assert (await nesco.history(quote))["resultcode"] == ("0" if vends else "10009")
    assert (await nesco.vend(quote))["resultcode"] == "0"


@pytest.mark.parametrize(
    ("fault", "code", "vends"),
    [
        ("refuse", "10021", 0),
        ("limit", "10022", 0),
        ("in_doubt_done", "10012", 1),
        ("in_doubt_undone", "10113", 0),
        ("late_token", "10115", 1),
        ("echo_other_amount", "0", 1),
    ],
)
async def test_an_ordered_answer_strikes_once(nesco: NescoCaller, fault: str, code: str, vends: int) -> None:
    quote = await nesco.a_quote(NORMAL)
    await nesco.admin("POST", "faults", {"quote": quote, "fault": fault})
    assert (await nesco.vend(quote))["resultcode"] == code
    assert len(await nesco.vends()) == vends
    # A token that is being made hides from the first history call.
    await nesco.history(quote)
    assert (await nesco.vend(quote))["resultcode"] == "0"
    assert len(await nesco.vends()) == 1


async def test_an_ordered_other_amount_is_told_by_vend_and_history(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    await nesco.admin("POST", "faults", {"account": NORMAL, "fault": "echo_other_amount"})
    for answer in (await nesco.vend(quote), await nesco.history(quote)):
        assert answer["data"]["fee"]["purchaseAmount"] == "501.00"


async def test_slow_vends_at_once_and_answers_late(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    await nesco.admin("POST", "faults", {"account": NORMAL, "fault": "slow"})
    answer = asyncio.create_task(nesco.vend(quote))
    while not await nesco.vends():
        assert not answer.done()
    assert not answer.done()
    assert (await answer)["resultcode"] == "0"


async def test_http_500_has_vended_nothing_and_html_has(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    for fault in ("http_500", "html"):
        await nesco.admin("POST", "faults", {"account": NORMAL, "fault": fault})
    status, answer = await nesco.post("remote-charge", {"transactionId": quote})
    assert (status, answer["resultcode"], await nesco.vends()) == (500, "500", [])
    url, headers = f"{nesco.origin}/nesco/api/remote-charge", {"access_token": nesco.token}
    async with nesco.session.post(url, json={"transactionId": quote}, headers=headers) as page:
        assert (page.status, page.content_type) == (200, "text/html")
    assert len(await nesco.vends()) == 1


async def test_a_refusal_never_takes_back_a_vend(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    first = await nesco.vend(quote)
    await nesco.admin("POST", "faults", {"account": NORMAL, "fault": "refuse"})
    assert await nesco.vend(quote) == first


async def test_a_quote_and_a_history_can_be_struck_too(nesco: NescoCaller) -> None:
    await nesco.admin("POST", "faults", {"account": NORMAL, "fault": "refuse", "step": "quote"})
    answer = await nesco.ask("pre-charge", customerNo=NORMAL, payinAmount="500.00")
    assert answer["resultcode"] == "10021"
    quote = await nesco.a_quote(NORMAL)
    await nesco.vend(quote)
    await nesco.admin("POST", "faults", {"quote": quote, "fault": "in_doubt_done", "step": "history"})
    assert [(await nesco.history(quote))["resultcode"] for _ in range(2)] == ["10012", "0"]


async def test_close_before_without_a_step_strikes_whichever_call_comes_next(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    await nesco.admin("POST", "faults", {"fault": "close_before", "times": 3})
    calls = [
        ("pre-charge", {"customerNo": NORMAL, "payinAmount": "5.00"}),
        ("remote-charge", {"transactionId": quote}),
        ("history", {"transactionId": quote}),
    ]
    for path, form in calls:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await nesco.post(path, form)
    assert await nesco.admin("GET", "dump") == {"vends": [], "quotes": 1}


async def test_expire_tokens_ends_every_login_at_once_or_at_a_call(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    await nesco.admin("POST", "faults", {"fault": "expire_tokens"})
    assert (await nesco.post("history", {"transactionId": quote}))[0] == 401
    await nesco.log_in()
    await nesco.admin("POST", "faults", {"account": NORMAL, "fault": "expire_tokens"})
    assert (await nesco.post("history", {"transactionId": quote}))[0] == 200
    assert (await nesco.post("remote-charge", {"transactionId": quote}))[0] == 401
    assert (await nesco.post("remote-charge", {"transactionId": quote}))[0] == 401
    await nesco.log_in()
    assert (await nesco.vend(quote))["resultcode"] == "0"


async def test_an_outage_does_nothing_until_it_is_lifted(nesco: NescoCaller) -> None:
    quote = await nesco.a_quote(NORMAL)
    await nesco.admin("POST", "outage", {"mode": "http_503"})
    status, answer = await nesco.post("remote-charge", {"transactionId": quote})
    assert (status, answer["resultcode"]) == (503, "503")
    await nesco.admin("POST", "outage", {"mode": "none"})
    assert await nesco.vends() == []
    assert (await nesco.vend(quote))["resultcode"] == "0"


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"fault": "lost_paid"},
        {"fault": "slow", "account": "1"},
        {"fault": "slow", "quote": "1"},
        {"fault": "slow", "account": NORMAL, "quote": "1" * 18},
        {"fault": "slow", "quote": "1" * 18, "step": "quote"},
        {"fault": "slow", "account": NORMAL, "step": "save"},
        {"fault": "limit", "account": NORMAL, "step": "history"},
        {"fault": "refuse", "account": NORMAL, "step": "history"},
        {"fault": "slow", "account": NORMAL, "times": 0},
        {"fault": "slow", "bill": "1"},
        [],
    ],
)
async def test_an_order_that_cannot_be_read_is_400(nesco: NescoCaller, order: object) -> None:
    assert await nesco.refused_order(order)
