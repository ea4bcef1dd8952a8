"""What admin calls can do to the simulated BREB, and which orders they refuse."""

import asyncio

import aiohttp
import pytest

from sandbox.billers.breb.bills import BrebAccountKind
from sandbox.billers.breb.faults import MAGIC, BrebFault, BrebStep
from sandbox.kit.institution.faults import ANYBODY, StepFaults
from tests.sandbox.caller import BrebCaller

NORMAL = "1003010000003"
PLAIN_KINDS = {
    BrebAccountKind.NORMAL,
    BrebAccountKind.BEGUN_ELSEWHERE,
    BrebAccountKind.CUT_OFF_EARLIER,
    BrebAccountKind.ALREADY_PAID,
    BrebAccountKind.UNKNOWN,
    BrebAccountKind.THREE_BILLS,
}
CODES_DONE = {"bill": "1252", "payment": "1267", "acknowledge": "1268"}
CODES_UNDONE = {"bill": "1200", "payment": "1266", "acknowledge": "1267"}
STEP_OF = {"bill": "bill", "payment": "save", "acknowledge": "acknowledge"}


async def ready_for(breb: BrebCaller, path: str) -> dict[str, str]:
    """Bring a payment to the point at which this call comes next."""
    save = await breb.a_save(NORMAL)
    for earlier in ("bill", "payment"):
        if path == earlier:
            break
        assert await breb.code(earlier, save) == "1200"
    return save


async def seen_after(breb: BrebCaller, path: str, save: dict[str, str]) -> str:
    return await breb.code("bill" if path == "bill" else "status", save)


@pytest.mark.parametrize("kind", BrebAccountKind)
def test_each_kind_of_account_either_misbehaves_or_is_plain(kind: BrebAccountKind) -> None:
    assert any(one is kind for one, _ in MAGIC) != (kind in PLAIN_KINDS)


def test_a_fault_strikes_its_step_only_and_one_for_anybody_comes_last() -> None:
    faults: StepFaults[BrebFault] = StepFaults(BrebStep)
    faults.add(BrebStep.SAVE, ANYBODY, BrebFault.HTML, 1)
    faults.add(BrebStep.SAVE, NORMAL, BrebFault.SLOW, 1)
    faults.add(None, NORMAL, BrebFault.CLOSE_BEFORE, 1)
    assert faults.listing()[-1] == {
        "step": "any",
        "number": NORMAL,
        "fault": BrebFault.CLOSE_BEFORE,
        "times": 1,
    }
    assert faults.take(BrebStep.SAVE, NORMAL) is BrebFault.SLOW
    assert faults.take(BrebStep.STATUS, NORMAL) is BrebFault.CLOSE_BEFORE
    assert faults.take(BrebStep.ACKNOWLEDGE, NORMAL) is None
    assert faults.take(BrebStep.SAVE, "another") is BrebFault.HTML
    assert faults.listing() == []


@pytest.mark.parametrize("path", STEP_OF)
async def test_lost_done_has_done_it(breb: BrebCaller, path: str) -> None:
    save = await ready_for(breb, path)
    await breb.admin("POST", "faults", {"account": NORMAL, "fault": "lost_done", "step": STEP_OF[path]})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await breb.code(path, save)
    assert await seen_after(breb, path, save) == CODES_DONE[path]


@pytest.mark.parametrize("fault", ["lost_undone", "close_before"])
@pytest.mark.parametrize("path", STEP_OF)
async def test_lost_undone_and_close_before_have_done_nothing(
    breb: BrebCaller, path: str, fault: str
) -> None:
    save = await ready_for(breb, path)
    order = {"bill": save["_pBILL_NO"], "fault": fault, "step": STEP_OF[path], "times": 2}
    await breb.admin("POST", "faults", order)
    for _ in range(2):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await breb.code(path, save)
    assert await seen_after(breb, path, save) == CODES_UNDONE[path]


@pytest.mark.parametrize("path", STEP_OF)
async def test_refuse_is_1282_once_and_does_nothing(breb: BrebCaller, path: str) -> None:
    save = await ready_for(breb, path)
    await breb.admin("POST", "faults", {"account": NORMAL, "fault": "refuse", "step": STEP_OF[path]})
    assert await breb.code(path, save) == "1282"
    assert await seen_after(breb, path, save) == CODES_UNDONE[path]


@pytest.mark.parametrize("path", STEP_OF)
async def test_http_500_has_done_nothing_and_a_strange_code_has_done_it(breb: BrebCaller, path: str) -> None:
    save = await ready_for(breb, path)
    for fault in ("http_500", "strange_code"):
        await breb.admin("POST", "faults", {"account": NORMAL, "fault": fault, "step": STEP_OF[path]})
    status, answer = await breb.post(path, save)
    assert (status, answer["RESULT_CODE"]) == (500, "1500")
    assert await breb.code(path, save) == "1999"
    assert await seen_after(breb, path, save) == CODES_DONE[path]


@pytest.mark.parametrize("path", STEP_OF)
async def test_html_is_answered_after_it_was_done(breb: BrebCaller, path: str) -> None:
    save = await ready_for(breb, path)
    await breb.admin("POST", "faults", {"account": NORMAL, "fault": "html", "step": STEP_OF[path]})
    async with breb.session.post(f"{breb.origin}/breb/api/{path}", data=save) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert await seen_after(breb, path, save) == CODES_DONE[path]


@pytest.mark.parametrize("path", STEP_OF)
async def test_slow_does_it_at_once_and_answers_late(breb: BrebCaller, path: str) -> None:
    save = await ready_for(breb, path)
    await breb.admin("POST", "faults", {"account": NORMAL, "fault": "slow", "step": STEP_OF[path]})
    answer = asyncio.create_task(breb.code(path, save))
    while (await breb.admin("GET", "faults"))["faults"]:
        assert not answer.done()
    assert await seen_after(breb, path, save) == CODES_DONE[path]
    assert not answer.done()
    assert await answer == "1200"


async def test_a_refusal_of_its_own_is_never_lost(breb: BrebCaller) -> None:
    save = await breb.a_save(NORMAL)
    await breb.admin("POST", "faults", {"account": NORMAL, "fault": "lost_done"})
    assert await breb.code("payment", save) == "1281"


async def test_a_refusal_never_takes_back_what_was_done(breb: BrebCaller) -> None:
    save = await ready_for(breb, "acknowledge")
    await breb.code("acknowledge", save)
    for step in ("save", "acknowledge"):
        await breb.admin("POST", "faults", {"account": NORMAL, "fault": "refuse", "step": step})
    assert await breb.code("payment", save) == "1200"
    assert await breb.code("acknowledge", save) == "1200"


async def test_without_a_target_the_next_calls_are_struck_whoever_makes_them(breb: BrebCaller) -> None:
    await breb.admin("POST", "faults", {"fault": "refuse", "times": 2})
    numbers = ("1003010000000", "1003010000001", "1003010000002")
    codes = [await breb.code("payment", await breb.a_locked_save(one, one)) for one in numbers]
    assert codes == ["1282", "1282", "1200"]


async def test_close_before_without_a_step_strikes_whichever_call_comes_next(breb: BrebCaller) -> None:
    save = await breb.a_save(NORMAL)
    await breb.admin("POST", "faults", {"account": NORMAL, "fault": "close_before", "times": 4})
    for path in ("status", "bill", "payment", "acknowledge"):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await breb.code(path, save)
    assert await breb.code("bill", save) == "1200"


async def test_expired_access_tokens_are_renewed_with_the_refresh_token(breb: BrebCaller) -> None:
    save = await breb.a_save(NORMAL)
    await breb.admin("POST", "faults", {"fault": "expire_tokens"})
    assert await breb.code("bill", save) == "1265"
    assert await breb.renew() == "1200"
    assert await breb.code("bill", save) == "1200"


async def test_expired_pairs_ask_for_a_new_login(breb: BrebCaller) -> None:
    await breb.admin("POST", "faults", {"fault": "expire_pairs"})
    assert await breb.code("bill", await breb.a_save(NORMAL)) == "1265"
    assert await breb.renew() == "1258"
    await breb.log_in()
    assert (await breb.fetch(NORMAL))["RESULT_CODE"] == "1200"


@pytest.mark.parametrize(("fault", "renewal"), [("expire_tokens", "1200"), ("expire_pairs", "1258")])
@pytest.mark.parametrize("path", STEP_OF)
async def test_a_token_can_die_at_a_certain_step(
    breb: BrebCaller, path: str, fault: str, renewal: str
) -> None:
    save = await ready_for(breb, path)
    await breb.admin("POST", "faults", {"account": NORMAL, "fault": fault, "step": STEP_OF[path]})
    assert [await breb.code(path, save) for _ in range(2)] == ["1265", "1265"]
    assert await breb.renew() == renewal
    await breb.log_in()
    assert await seen_after(breb, path, save) == CODES_UNDONE[path]


async def test_an_outage_does_nothing_until_it_is_lifted(breb: BrebCaller) -> None:
    save = await ready_for(breb, "payment")
    await breb.admin("POST", "outage", {"mode": "http_503"})
    status, answer = await breb.post("payment", save)
    assert (status, answer["RESULT_CODE"]) == (503, "1503")
    await breb.admin("POST", "outage", {"mode": "none"})
    assert await breb.code("status", save) == "1266"
    assert await breb.code("payment", save) == "1200"


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"fault": "lost_paid"},
        {"fault": "slow", "account": "1"},
        {"fault": "slow", "account": NORMAL, "bill": f"2602{NORMAL}"},
        {"fault": "slow", "account": NORMAL, "step": "vend"},
        {"fault": "refuse", "account": NORMAL, "step": "status"},
        {"fault": "slow", "account": NORMAL, "times": 0},
        {"fault": "slow", "quote": "1"},
        [],
    ],
)
async def test_an_order_that_cannot_be_read_is_400(breb: BrebCaller, order: object) -> None:
    assert await breb.refused_order(order)


async def test_cleared_faults_no_longer_strike(breb: BrebCaller) -> None:
    await breb.admin("POST", "faults", {"account": NORMAL, "fault": "refuse", "times": 5})
    assert (await breb.admin("DELETE", "faults"))["faults"] == []
    assert await breb.code("payment", await breb.a_locked_save(NORMAL)) == "1200"
