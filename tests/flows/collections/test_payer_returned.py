"""The payer's browser is back, or a connector says something unasked: kept, and looked at once."""

import pytest

from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.collections.payer_returned import (
    CallbackReceipt,
    find_page,
    payer_returned,
    receive_callback,
)
from tests.scenarios.collections import COLLECTED, Payer

HEADERS = {"user-agent": "a browser"}


async def an_open_page() -> Payer:
    payer = Payer()
    payer.small.tables.client_names = {"bank1": "Shop One"}
    await payer.order()
    return payer


async def test_whoever_comes_back_is_told_how_the_payment_stands() -> None:
    payer = await an_open_page()
    payer.agree()
    returning = await payer.come_back()
    assert returning is not None
    assert (returning.payment_id, returning.state) == (payer.payment_id, State.COMPLETED)
    assert (returning.client_name, returning.return_url) == ("Shop One", "https://shop.example/done")
    assert (returning.total, returning.try_state) == (Money(COLLECTED), TryState.CLOSED)


async def test_a_page_that_nobody_opened_is_nobodys() -> None:
    payer = await an_open_page()
    assert await payer_returned("A" * 26, HEADERS, b"paymentID=P1&status=success", payer.small.world) is None
    assert payer.small.tables.callbacks == {}


async def test_what_the_browser_brings_is_kept_as_it_came_before_anything_is_done() -> None:
    payer = await an_open_page()
    await payer.come_back(status="cancel")
    ((kept, hint),) = payer.small.tables.callbacks.values()
    assert (kept.connector_id, kept.body, kept.why) == ("bkash", b"paymentID=P1&status=cancel", "")
    assert hint is not None
    steps = payer.small.steps.taken
    assert steps.index("keep_callback") < steps.index("lease_try") < steps.index("inquire_payment")


async def test_the_same_message_is_kept_once() -> None:
    payer = await an_open_page()
    for _ in range(3):
        await payer.come_back(status="failure")
    assert len(payer.small.tables.callbacks) == 1


@pytest.mark.parametrize("status", ["success", "cancel", "failure"])
async def test_what_the_browser_claims_decides_nothing(status: str) -> None:
    payer = await an_open_page()
    returning = await payer.come_back(status=status)
    assert returning is not None
    assert (returning.state, returning.try_state) == (State.COLLECTING, TryState.OPEN)
    assert payer.small.connector.taken() == 0


async def test_a_browser_that_brings_nothing_leaves_nothing_behind() -> None:
    payer = await an_open_page()
    reference = payer.tries()[0].new.reference
    returning = await payer_returned(reference, HEADERS, b"", payer.small.world)
    assert returning is not None
    assert (returning.state, payer.small.tables.callbacks) == (State.COLLECTING, {})
    assert payer.small.connector.asked["inquire"] == 0


async def test_looking_at_the_page_again_finds_out_once_a_question_is_due() -> None:
    payer = await an_open_page()
    payer.agree()
    payer.small.clock.pass_by(180)
    returning = await payer_returned(payer.tries()[0].new.reference, HEADERS, b"", payer.small.world)
    assert returning is not None
    assert returning.state is State.COMPLETED


async def test_a_payer_who_comes_back_while_another_process_looks_is_told_how_it_stands_now() -> None:
    payer = await an_open_page()
    payer.small.clock.pass_by(180)
    held = await payer.small.collections.lease_try(payer.tries()[0].new.reference, 45.0)
    assert held is not None
    returning = await payer.come_back()
    assert returning is not None
    assert returning.state is State.COLLECTING
    assert payer.small.connector.asked["execute"] == 0


async def test_a_browser_that_comes_back_again_and_again_asks_at_most_once_in_five_seconds() -> None:
    payer = await an_open_page()
    for _ in range(10):
        await payer.come_back(status="failure")
    assert payer.small.connector.asked["inquire"] == 1
    payer.small.clock.pass_by(5)
    await payer.come_back(status="failure")
    assert payer.small.connector.asked["inquire"] == 2


async def test_a_message_that_nobody_understands_is_kept_and_wakes_nobody() -> None:
    payer = await an_open_page()
    returning = await payer_returned(payer.tries()[0].new.reference, HEADERS, b"utm=1", payer.small.world)
    assert returning is not None
    ((kept, hint),) = payer.small.tables.callbacks.values()
    assert (kept.why, kept.is_forged, hint) == ("no payment and status", False, None)
    assert payer.small.connector.asked["inquire"] == 0


async def test_a_page_whose_connector_is_gone_still_says_how_the_payment_stands() -> None:
    payer = await an_open_page()
    payer.small.connectors.known.clear()
    returning = await payer.come_back()
    assert returning is not None
    assert (returning.state, payer.small.tables.callbacks) == (State.COLLECTING, {})


async def test_the_word_of_one_page_wakes_no_other() -> None:
    payer = await an_open_page()
    await payer.another_page()
    reference = payer.tries()[0].new.reference
    returning = await payer_returned(reference, HEADERS, b"paymentID=P2&status=failure", payer.small.world)
    assert returning is not None
    assert (returning.try_state, payer.small.connector.asked["inquire"]) == (TryState.ABANDONED, 0)


async def test_the_abandoned_page_says_so_to_whoever_comes_back_from_it() -> None:
    payer = await an_open_page()
    await payer.another_page()
    payer.agree(0)
    returning = await payer.come_back(0)
    assert returning is not None
    assert (returning.state, payer.tries()[0].end) == (State.COLLECTING, TryEnd.LAPSED)


# ---- messages of the connectors themselves


async def test_a_message_that_is_understood_makes_its_question_due() -> None:
    payer = await an_open_page()
    payer.agree()
    connector = payer.small.connector
    body = b"paymentID=P1&status=success"
    assert await receive_callback(connector, {}, body, payer.small.world) is CallbackReceipt.UNDERSTOOD
    await payer.wait(0)
    assert payer.state is State.COMPLETED


@pytest.mark.parametrize(
    ("headers", "received"),
    [({}, CallbackReceipt.NOT_UNDERSTOOD), ({"x-proof": "wrong"}, CallbackReceipt.FORGED)],
)
async def test_a_strange_message_is_kept_as_it_came(
    headers: dict[str, str], received: CallbackReceipt
) -> None:
    payer = await an_open_page()
    connector = payer.small.connector
    assert await receive_callback(connector, headers, b"{}", payer.small.world) is received
    ((kept, hint),) = payer.small.tables.callbacks.values()
    assert (kept.is_forged, hint) == (received is CallbackReceipt.FORGED, None)


async def test_strange_messages_do_not_fill_the_disk() -> None:
    payer = await an_open_page()
    connector, world = payer.small.connector, payer.small.world
    for strange in (b"{}", b"paymentID=INVENTED&status=success"):
        assert (
            await receive_callback(connector, {}, strange, world, lambda: False) is CallbackReceipt.NOT_KEPT
        )
    body = b"paymentID=P1&status=success"
    assert await receive_callback(connector, {}, body, world, lambda: False) is CallbackReceipt.UNDERSTOOD
    assert [kept.body for kept, _ in payer.small.tables.callbacks.values()] == [body]


async def test_a_browser_at_the_registered_address_is_known_by_the_connectors_own_name() -> None:
    payer = await an_open_page()
    payer.agree()
    found = await find_page(payer.small.connector, HEADERS, b"paymentID=P1&status=success", payer.small.world)
    assert found == payer.tries()[0].new.reference
    returning = await payer_returned(found, HEADERS, b"", payer.small.world)
    assert returning is not None
    assert returning.state is State.COMPLETED


@pytest.mark.parametrize("brought", [b"paymentID=P2&status=success", b"status=success", b""])
async def test_a_browser_that_names_no_payment_of_ours_leaves_nothing_behind(brought: bytes) -> None:
    payer = await an_open_page()
    assert await find_page(payer.small.connector, HEADERS, brought, payer.small.world) is None
    assert payer.small.tables.callbacks == {}
