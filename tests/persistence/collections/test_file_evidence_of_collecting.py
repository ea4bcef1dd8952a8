"""reconciliation.md 5, case 10, for a payer's money: a try whose word was given, and a refund.

(a) the file says success, (b) it says failed, (c) it does not name it; through `tell` to the end state.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    NeverPaid,
    RefundLine,
    RefundOutcome,
)
from ekpay_switch.domain.collections.funding import LockedTry, StillOpen
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import InDoubt, NoAnswer
from ekpay_switch.domain.refunds.refund import LockedRefund
from ekpay_switch.ports.collections import RawCallback
from ekpay_switch.ports.connectors import RefundRules
from ekpay_switch.ports.finance import FileSays
from ekpay_switch.security.identifiers import uuid7
from tests.fakes.connectors import Move, Page
from tests.persistence.books import REFUSED, Books
from tests.persistence.collections.collection_setup import DUE, LAPSED, QUOTE_OVER, TAKEN
from tests.persistence.collections.file_evidence_setup import (
    FIRST_NIGHT,
    SECOND_NIGHT,
    Night,
    of_refund,
    of_try,
    open_night,
)
from tests.persistence.refunds.refund_setup import BILLED, MATURE, SILENCE, given

SUCCESS, FAILED, ABSENT = FileSays.SUCCESS, FileSays.FAILED, FileSays.ABSENT
NOT_YET = AwaitingPayer()
ASK_THE_CONNECTOR = "file_needs_a_person"
SENT_BEFORE: Move[RefundOutcome] = Move(InDoubt("sent before, and never sent twice"))


@pytest.fixture
async def night(books: Books) -> AsyncIterator[Night]:
    await books.partner()
    async with open_night(books) as night:
        yield night


def money_of(held: LockedTry) -> Collected:
    return Collected(held.order.reference, held.order.amount, "TRX9")


async def look(night: Night, held: LockedTry, says: AwaitingPayer | Collected | NeverPaid | NoAnswer) -> None:
    """The try is looked at now, whenever it is due, and the connector says this."""
    await night.books.tell(DUE, held.attempt_id)
    night.small.connector.inquiries.append(says)
    await night.collect()
    assert not night.small.connector.inquiries


async def end_of(night: Night, held: LockedTry) -> tuple[str, str | None]:
    return await night.state(held.payment_id), (await night.till.row(held))["outcome"]


# ---- a try


async def test_10a_success_has_the_connector_asked_and_the_bill_is_paid_with_its_money(night: Night) -> None:
    held = await night.execute()
    night.small.connector.inquiries.append(money_of(held))
    assert await night.tell(of_try(held, SUCCESS)) == 1
    row = await night.till.row(held)
    assert (row["is_woken"], row["due_seconds"] <= 0) == (True, True)

    await night.collect()
    await night.collect()

    assert await end_of(night, held) == ("completed", "approved")
    assert len(night.small.biller.orders) == 1
    assert night.alarms() == []


async def test_10a_a_connector_that_does_not_say_what_its_file_says_is_asked_until_it_does(
    night: Night,
) -> None:
    held = await night.execute()
    await night.books.tell(QUOTE_OVER, held.payment_id)
    await night.tell(of_try(held, SUCCESS))
    for _ in range(2):
        await look(night, held, NOT_YET)
        assert await end_of(night, held) == ("collecting", None)
    assert night.alarms() == [ASK_THE_CONNECTOR]

    await look(night, held, money_of(held))
    assert (await night.till.row(held))["collected"] == TAKEN


async def test_10a_a_row_of_a_file_is_never_money_by_itself(night: Night) -> None:
    """Even where the connector gives no answer for days: it is the payer's money, and asked about."""
    held = await night.execute()
    await night.tell(of_try(held, SUCCESS), of_try(held, SUCCESS, SECOND_NIGHT))
    for _ in range(3):
        await look(night, held, NoAnswer("timed out"))
    assert await end_of(night, held) == ("collecting", None)


async def test_10b_failed_and_a_not_yet_end_the_try(night: Night) -> None:
    held = await night.execute()
    await night.books.tell(QUOTE_OVER, held.payment_id)
    await look(night, held, NOT_YET)
    assert await end_of(night, held) == ("collecting", None)

    await night.tell(of_try(held, FAILED))
    await look(night, held, NoAnswer("timed out"))
    assert await end_of(night, held) == ("collecting", None)
    await look(night, held, NOT_YET)

    assert await end_of(night, held) == ("expired", "never_paid")
    assert await night.till.balances() == {}


async def test_10c_only_a_second_absence_and_a_not_yet_end_the_try(night: Night) -> None:
    held = await night.execute()
    await night.books.tell(QUOTE_OVER, held.payment_id)
    await night.tell(of_try(held, ABSENT))
    await look(night, held, NOT_YET)
    assert await end_of(night, held) == ("collecting", None)
    await night.tell(of_try(held, ABSENT, SECOND_NIGHT))
    await look(night, held, NOT_YET)
    assert await end_of(night, held) == ("expired", "never_paid")


async def test_a_success_of_a_try_that_has_ended_brings_its_money_in_and_back(night: Night) -> None:
    """The payer paid on a page that had lapsed: nobody waits for it, so it goes back to the payer."""
    held = await night.till.leased(await night.till.on_page())
    await night.books.tell(QUOTE_OVER, held.payment_id)
    await night.till.record(held, LAPSED)
    assert await night.state(held.payment_id) == "expired"
    night.small.connector.inquiries.append(money_of(held))
    assert await night.tell(of_try(held, SUCCESS)) == 1
    await night.collect()
    assert (await night.till.row(held))["outcome"] == "second_success"
    assert night.alarms() == ["unexpected_money"]
    assert await night.books.count("refunds", "kind = 'unexpected'") == 1


@pytest.mark.parametrize("says", [FAILED, ABSENT])
async def test_what_a_file_lacks_of_a_try_that_has_ended_wakes_nobody(night: Night, says: FileSays) -> None:
    held = await night.till.leased(await night.till.on_page())
    await night.till.record(held, LAPSED)
    assert await night.tell(of_try(held, says)) == 1
    assert (await night.till.row(held))["next_action_at"] is None


@pytest.mark.parametrize("says", FileSays)
async def test_what_a_file_says_of_money_that_is_here_wakes_nobody(night: Night, says: FileSays) -> None:
    held = await night.till.funded()
    before = await night.till.row(held)
    assert await night.tell(of_try(held, says)) == 1
    after = await night.till.row(held)
    assert {name: after[name] for name in ("next_action_at", "is_woken", "epoch")} == {
        name: before[name] for name in ("next_action_at", "is_woken", "epoch")
    }


async def test_what_is_told_while_a_try_is_held_is_looked_at_once_it_is_let_go(night: Night) -> None:
    held = await night.execute()
    held = await night.till.leased(held)
    await night.tell(of_try(held, FAILED))
    assert await night.till.collections.lease_try(held.order.reference, 45.0) is None
    await night.till.record(held, StillOpen(3_600.0, "timed out"))
    assert (await night.till.row(held))["due_seconds"] <= 5.0


async def test_a_try_is_told_twice_and_woken_once(night: Night) -> None:
    held = await night.execute()
    assert await night.tell(of_try(held, SUCCESS), of_try(held, SUCCESS)) == 1
    await look(night, held, NoAnswer("timed out"))
    before = await night.till.row(held)
    assert await night.tell(of_try(held, SUCCESS)) == 0
    assert (await night.till.row(held))["next_action_at"] == before["next_action_at"]


async def test_a_callback_and_a_file_wake_the_same_try(night: Night) -> None:
    held = await night.execute()
    row = await night.till.row(held)
    raw = RawCallback("bkash", "event-1", {}, b"{}")
    hint = CallbackHint("event-1", row["provider_reference"], "success", is_agreed=True, consent="C1")
    await night.till.callbacks.keep(raw, hint)
    await night.tell(of_try(held, SUCCESS))
    row = await night.till.row(held)
    assert (row["is_woken"], row["is_agreed"], row["consent"]) == (True, True, "C1")


# ---- a refund


async def look_at_refund(night: Night, held: LockedRefund) -> str:
    await night.books.tell(MATURE, held.refund_id)
    await night.collect()
    return str((await night.office.row(held.refund_id))["state"])


def shows(night: Night, held: LockedRefund, *lines: RefundLine) -> None:
    """What the connector has under this payment when it is asked about refunds."""
    name = held.order.provider_reference
    page = Page(order=None, refunds=[("", line) for line in lines])  # type: ignore[arg-type]
    night.small.connector.pages[name] = page


def cannot_be_asked(night: Night, held: LockedRefund, *answers: Move[RefundOutcome]) -> None:
    shows(night, held)
    rules = RefundRules(days_max=60, parts_max=10, can_be_asked=False)
    night.small.connector.profile = replace(night.small.connector.profile, refunds=rules)
    night.small.connector.refunds.extend(answers)


async def test_10a_a_refund_that_its_file_names_is_found_and_never_sent_again(night: Night) -> None:
    held = await night.refund()
    shows(night, held, RefundLine("R9", Money(BILLED), is_done=True))
    assert await night.tell(of_refund(held, SUCCESS)) == 1
    assert (await night.office.row(held.refund_id))["due_seconds"] <= 0
    await night.collect()
    assert (await night.office.row(held.refund_id))["state"] == "done"
    assert night.small.connector.refund_orders == []


async def test_10a_a_refund_that_only_its_file_names_waits_for_a_person(night: Night) -> None:
    held = await night.refund()
    shows(night, held)
    await night.tell(of_refund(held, SUCCESS))
    await night.collect()
    assert await look_at_refund(night, held) == "in_doubt"
    assert (night.alarms(), night.small.connector.refund_orders) == ([ASK_THE_CONNECTOR], [])


async def test_10a_where_refunds_cannot_be_asked_about_the_file_is_the_proof(night: Night) -> None:
    held = await night.refund()
    cannot_be_asked(night, held, SENT_BEFORE)
    await night.tell(of_refund(held, SUCCESS))
    await night.collect()
    assert (await night.office.row(held.refund_id))["state"] == "done"
    assert night.small.connector.refund_orders[-1].may_have_been_heard


async def test_10b_where_refunds_cannot_be_asked_about_a_failed_one_is_refused(night: Night) -> None:
    held = await night.refund()
    cannot_be_asked(night, held, SENT_BEFORE)
    await night.tell(of_refund(held, FAILED))
    await night.collect()
    assert (await night.office.row(held.refund_id))["state"] == "failed"
    balances = await night.till.balances()
    assert balances["payable:desco_postpaid"] == -BILLED


async def test_10c_where_refunds_cannot_be_asked_about_absence_waits_for_a_person(night: Night) -> None:
    held = await night.refund()
    cannot_be_asked(night, held, *[SENT_BEFORE] * 3)
    for business_date in (FIRST_NIGHT, SECOND_NIGHT):
        await night.tell(of_refund(held, ABSENT, business_date))
        assert await look_at_refund(night, held) == "in_doubt"
    assert await look_at_refund(night, held) == "in_doubt"
    # News of each night, told to a person once.
    assert night.alarms() == [ASK_THE_CONNECTOR] * 2


async def test_what_a_file_says_of_a_refund_that_is_over_is_kept_and_wakes_nobody(night: Night) -> None:
    held = await night.refund()
    again = await night.office.leased(held.refund_id)
    assert await night.office.refunds.begin_send(again, 90.0)
    await night.office.record(again, given("R9", BILLED))
    assert await night.tell(of_refund(held, SUCCESS)) == 1
    row = await night.office.row(held.refund_id)
    assert (row["state"], row["next_action_at"]) == ("done", None)


async def test_a_refund_that_is_held_keeps_its_holder_and_reads_the_file_next_time(night: Night) -> None:
    held = await night.refund()
    cannot_be_asked(night, held, SENT_BEFORE)
    asking = await night.office.sent(held.refund_id)
    assert await night.tell(of_refund(held, SUCCESS), of_refund(held, SUCCESS)) == 1
    assert await night.office.lease() == []
    await night.office.record(asking, SILENCE)
    assert await look_at_refund(night, held) == "done"


# ---- two persons have the far side asked again


async def test_what_is_in_doubt_is_woken_by_its_movement_and_nothing_is_kept(night: Night) -> None:
    held, refund = await night.execute(), await night.refund()
    await night.books.top_up("bank1", BILLED)
    started = await night.delivery()
    movements = [held.attempt_id, refund.refund_id, started.claim.attempt_id]

    assert await night.wake(movements) == 3

    assert (await night.row(started.claim.payment_id))["is_due"]
    assert (await night.till.row(held))["due_seconds"] <= 0
    assert (await night.office.row(refund.refund_id))["due_seconds"] <= 0
    assert await night.books.count("evidence", "kind ~ '^(file|aside):'") == 0


async def test_what_has_ended_without_success_is_woken_and_what_has_succeeded_is_not(night: Night) -> None:
    ended, funded = await night.till.leased(await night.till.on_page()), await night.till.funded()
    await night.till.record(ended, LAPSED)
    await night.books.top_up("bank1", 2 * BILLED)
    given_back, completed = await night.books.start(), await night.books.start()
    await night.books.finish(given_back, REFUSED)
    await night.books.finish(completed)
    payments = [given_back.claim, completed.claim]
    movements = [ended.attempt_id, funded.attempt_id, *[claim.attempt_id for claim in payments]]

    assert await night.wake(movements) == 2

    due = [(await night.row(claim.payment_id))["is_due"] for claim in payments]
    assert due == [True, None]
    assert (await night.till.row(funded))["next_action_at"] is None
    assert await night.wake([uuid7()]) == 0
