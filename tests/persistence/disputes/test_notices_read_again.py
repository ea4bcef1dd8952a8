"""A connector's file of notices that is read again changes nothing, whatever became of its disputes."""

from collections.abc import Sequence
from datetime import date

import pytest

from ekpay_switch.cli.disputes.notice_file import Notice
from ekpay_switch.cli.disputes.notices import NoticeRefusedError, record_notice
from ekpay_switch.domain.disputes.dispute import DisputeEvent
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import Burden
from ekpay_switch.ports.disputes import DisputeStep, DisputeView
from tests.persistence.disputes.dispute_setup import AGREES, ASKS, COLLECTED, DUE, WORD, DisputeRoom
from tests.persistence.refunds.refund_setup import UNDOABLE

FIRST_DUE, SECOND_DUE, LATER = date(2026, 12, 9), date(2026, 12, 15), date(2026, 12, 20)
# Two references of a connector that pass for card numbers, with the same first six and last four digits.
CARD_LIKE, CARD_LIKE_TOO = "4111111111111111", "4111110000091111"
EVIDENCE, WON, LOST = "evidence_requested", "won", "lost"


async def _undoable(_: DisputeView) -> Burden:
    return UNDOABLE


def notified(reference: str, **changes: object) -> Notice:
    facts: dict[str, object] = {"amount": Money(COLLECTED), "due": DUE, "reason": "goods not received"}
    return Notice(2, "D-1", "notified", reference, **{**facts, **changes})  # type: ignore[arg-type]


def notice(event: str, word: str = WORD, due: date | None = None, movement: str = "") -> Notice:
    return Notice(3, "D-1", event, due=due, movement=movement, word=word)


async def read(room: DisputeRoom, notices: Sequence[Notice], by: str = ASKS) -> list[str]:
    return [await record_notice(room.desk, "bkash", line, _undoable, by) for line in notices]


async def stands(room: DisputeRoom) -> tuple[DisputeView, Sequence[DisputeStep]]:
    dispute = await room.desk.last()
    return dispute, await room.desk.steps(dispute.id)


async def test_two_requests_of_one_file_are_recorded_once_each(room: DisputeRoom) -> None:
    paid = await room.completed()
    lines = (
        notified(paid.order.reference),
        notice(EVIDENCE, due=FIRST_DUE),
        notice(EVIDENCE, due=SECOND_DUE),
    )
    await read(room, lines)
    before = await stands(room)
    assert [step.event for step in before[1]] == [DisputeEvent.EVIDENCE_REQUESTED] * 2
    await read(room, lines)
    assert await stands(room) == before
    await room.represented(before[0])
    answered = await stands(room)
    assert "is known" in (await read(room, lines))[1]
    assert await stands(room) == answered


@pytest.mark.parametrize("event", [WON, LOST])
async def test_a_file_says_nothing_new_of_a_dispute_that_has_ended(room: DisputeRoom, event: str) -> None:
    paid = await room.completed()
    lines = (
        notified(paid.order.reference),
        notice(EVIDENCE, due=SECOND_DUE),
        notice("money_held", movement="CB-1"),
        notice(event, "mail of 20 December"),
    )
    await read(room, lines[:3])
    waiting = await stands(room)
    await read(room, lines[:3], AGREES)
    assert await stands(room) == waiting
    await room.desk.approve(waiting[0].id, AGREES)
    await read(room, lines)
    await room.desk.approve(waiting[0].id, AGREES)
    ended = await stands(room)
    opened, *others = await read(room, lines)
    assert f"is {event}, round 1; for a further round: ekpay disputes open-round {ended[0].id}" in opened
    assert all("is known" in told for told in others)
    assert await stands(room) == ended

    await room.desk.open_round(ended[0].id, 2, LATER, WORD, ASKS)
    second = await stands(room)
    assert f"(round 1); if round 2 is meant: ekpay disputes {event} " in (await read(room, lines))[3]
    assert await stands(room) == second
    await read(room, [notice(event, "mail of 30 December")])
    assert (await stands(room))[0].proposed_event == event
    await room.desk.reject(ended[0].id, "a test", AGREES)


async def test_a_reference_that_passes_for_a_card_number_is_kept_and_known_by_all_its_digits(
    room: DisputeRoom,
) -> None:
    paid = await room.completed()
    lines = (notified(paid.order.reference), notice("money_held", f"card {CARD_LIKE}", movement=CARD_LIKE))
    await read(room, lines)
    waiting = await stands(room)
    assert waiting[0].proposed["movement"] == CARD_LIKE
    assert waiting[0].proposed["word"] == "card 411111******1111"
    view = await room.desk.approve(waiting[0].id, AGREES)
    assert view.refund_id is not None
    assert (await room.office.row(view.refund_id))["provider_refund"] == CARD_LIKE
    held = await stands(room)
    assert held[1][-1].facts["movement"] == CARD_LIKE
    assert "is known" in (await read(room, lines))[1]
    assert await stands(room) == held
    # Shown masked, both are one number; it is another movement, of which the dispute has one at most.
    with pytest.raises(NoticeRefusedError, match="the money of this dispute is recorded already"):
        await read(room, [notice("money_held", movement=CARD_LIKE_TOO)])


async def test_a_notice_with_other_content_is_refused(room: DisputeRoom) -> None:
    paid = await room.completed()
    await read(room, [notified(paid.order.reference)])
    before = await stands(room)
    for changes in ({"amount": Money(1)}, {"reason": "fraud"}):
        with pytest.raises(NoticeRefusedError, match=f"line 2: name: dispute {before[0].id} has it already"):
            await read(room, [notified(paid.order.reference, **changes)])
    await room.desk.request_evidence(before[0].id, SECOND_DUE, WORD, ASKS)
    await room.decided(before[0], DisputeEvent.WON)
    await read(room, [notified(paid.order.reference)])
    with pytest.raises(NoticeRefusedError, match=f"ekpay disputes open-round {before[0].id}"):
        await read(room, [notified(paid.order.reference, due=LATER)])
