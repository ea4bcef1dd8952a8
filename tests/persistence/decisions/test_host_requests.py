"""Collections over a host link at the desk: nobody overrules a host, and nothing of it is written halfway."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.host_requests import HostRequestOpenError
from ekpay_switch.domain.host_messages import HostMessage, HostReply, MessageKey
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.decisions.desk import UnfitActionError
from ekpay_switch.persistence.host_links.decided import end_unsent
from ekpay_switch.ports.decisions import ProposalState
from tests.persistence.collections.collection_setup import TAKEN, Till, a_try
from tests.persistence.decisions.decision_setup import APPROVES, LONG_AGO, Desk, open_desk
from tests.persistence.host_links.host_message_setup import (
    APPROVED,
    BANK,
    DECLINED,
    UNKNOWN,
    rows_desk,
)
from tests.persistence.host_links.host_message_setup import Desk as Links
from tests.persistence.refunds.refund_setup import open_office

BOTH = (DecisionAction.COLLECTED, DecisionAction.NOTHING_COLLECTED)


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    """A desk whose books are proven once the test is through."""
    async with open_office(till) as office, open_desk(office) as desk:
        yield desk
        assert await till.books.audit() is None


@pytest.fixture
async def links(desk: Desk) -> AsyncIterator[Links]:
    """The bank's link, which somebody has owned."""
    async with rows_desk(desk.books) as links:
        await links.links.release(await links.lease())
        yield links


async def _stuck(desk: Desk) -> LockedTry:
    till = desk.office.till
    held = await till.on_page(till.new(first=a_try(BANK)))
    await desk.books.tell(LONG_AGO["payments"], held.payment_id)
    await desk.upkeep.sweep()
    return held


async def _handed(links: Links, held: LockedTry, epoch: int = 1) -> HostMessage | None:
    new = await links.new(held.order.reference, epoch, payment_id=held.payment_id)
    return await links.messages.hand_over(replace(new, amount=held.order.amount), 30)


async def _sent(links: Links, held: LockedTry, reply: HostReply | None = None) -> MessageKey:
    handed = await _handed(links, held)
    assert handed is not None
    lease = await links.lease()
    await links.links.take(lease, 10)
    await links.links.release(lease)
    if reply is not None:
        await links.links.answer(handed.key, reply)
    return handed.key


async def _actions(desk: Desk, payment_id: UUID) -> list[DecisionAction]:
    return [option.action for option in (await desk.desk.show(payment_id)).options]


@pytest.mark.parametrize("scene", ["waiting", "sent", "not settled", "reversing"])
async def test_while_the_request_is_open_its_host_decides(desk: Desk, links: Links, scene: str) -> None:
    held = await _stuck(desk)
    if scene == "waiting":
        await _handed(links, held)
    else:
        key = await _sent(links, held, UNKNOWN if scene == "not settled" else None)
        if scene == "reversing":
            await links.reverse(key)

    for action in BOTH:
        with pytest.raises(HostRequestOpenError, match="action: its request over a host link is open"):
            await desk.propose(held.payment_id, action)

    assert await _actions(desk, held.payment_id) == []
    assert await desk.books.count("decisions") == 0
    assert await desk.books.state_of(held.payment_id) == State.COLLECTING


async def test_once_the_reversal_is_confirmed_nothing_was_collected(desk: Desk, links: Links) -> None:
    held = await _stuck(desk)
    key = await _sent(links, held)
    await links.reverse(key)
    await links.links.answer_reversal(key, "00")
    await _ends_as_nothing(desk, held)


async def test_what_the_host_refused_was_not_collected(desk: Desk, links: Links) -> None:
    held = await _stuck(desk)
    await _sent(links, held, DECLINED)
    await _ends_as_nothing(desk, held)


async def test_what_never_left_us_was_not_collected_and_never_leaves_us(desk: Desk, links: Links) -> None:
    held = await _stuck(desk)

    await _ends_as_nothing(desk, held)

    assert await _handed(links, held) is None
    assert await _handed(links, held, held.epoch) is None


async def _ends_as_nothing(desk: Desk, held: LockedTry) -> None:
    assert await _actions(desk, held.payment_id) == [DecisionAction.NOTHING_COLLECTED]
    with pytest.raises(UnfitActionError):
        await desk.propose(held.payment_id, DecisionAction.COLLECTED)
    await desk.decide(held.payment_id, DecisionAction.NOTHING_COLLECTED)
    assert await desk.books.state_of(held.payment_id) == State.CREATED


async def test_what_the_host_approved_was_collected(desk: Desk, links: Links) -> None:
    held = await _stuck(desk)
    await _sent(links, held, APPROVED)
    assert await _actions(desk, held.payment_id) == [DecisionAction.COLLECTED]

    await desk.decide(held.payment_id, DecisionAction.COLLECTED)

    assert await desk.books.state_of(held.payment_id) == State.FUNDED
    assert (await desk.balances())[f"receivable:{BANK}"] == TAKEN


async def test_an_approval_that_meets_a_request_on_its_way_writes_nothing(desk: Desk, links: Links) -> None:
    """Between the case and its end somebody hands one over: the end sees it under its lock."""
    held = await _stuck(desk)
    await _sent(links, held)
    connection = await desk.books.database.connect()
    try:
        async with connection.transaction():
            with pytest.raises(HostRequestOpenError):
                await end_unsent(connection, held.attempt_id)
    finally:
        await connection.close()


async def test_a_request_that_is_sent_meanwhile_is_news_to_a_decision(desk: Desk, links: Links) -> None:
    held = await _stuck(desk)
    proposed = await desk.propose(held.payment_id, DecisionAction.NOTHING_COLLECTED)
    await _handed(links, held)

    view = await desk.desk.approve(proposed.id, proposed.code, APPROVES)

    assert view.state is ProposalState.LAPSED
    assert await desk.books.state_of(held.payment_id) == State.COLLECTING
