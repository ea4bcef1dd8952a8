"""What a finding about a try leads to in the books: money once, the rest in suspense, nothing twice."""

import asyncpg
import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import NothingCollected, StillOpen, TryEnd, TryFinding
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.audit.run import audit
from ekpay_switch.ports.collections import TryRecorded
from tests.persistence.books import REFUSED
from tests.persistence.collections.collection_setup import (
    KEPT,
    LAPSED,
    NOT_YET,
    QUOTE_OVER,
    TAKEN,
    Till,
    agreed,
    page,
)

RECEIVED = {"receivable:bkash": TAKEN - KEPT, "connector_fee:bkash": KEPT}


async def test_money_that_came_funds_the_payment_and_its_entry_belongs_to_it(till: Till) -> None:
    held = await till.leased(await till.on_page())

    recorded = await till.collections.record(held, agreed(held))

    assert recorded == TryRecorded(State.FUNDED)
    payment, row = await till.payment(held), await till.row(held)
    assert (payment["state"], payment["collected_by"], payment["steps"]) == ("funded", "bkash", 2)
    assert payment["due_seconds"] <= 0
    assert (row["state"], row["outcome"], row["collected"]) == ("closed", "approved", TAKEN)
    assert (row["provider_transaction"], row["refunded"], row["is_free"]) == ("TRX1", 0, True)
    assert row["next_action_at"] is None
    assert row["collected_at"] == row["closed_at"] == payment["updated_at"]
    assert await till.balances() == {**RECEIVED, "in_flight": -TAKEN}
    entries = "SELECT moment FROM journal_entries WHERE payment_id = $1"
    assert [row[0] for row in await till.books.rows(entries, held.payment_id)] == ["collected"]
    assert (await till.view(held)).facts == {"payer_account_tail": "770", "provider_transaction": "TRX1"}
    assert await till.notices(held) == []
    assert await till.books.audit() is None


async def test_a_finding_written_twice_is_itself(till: Till) -> None:
    held = await till.leased(await till.on_page())
    money = agreed(held)
    first = await till.record(held, money)
    before = await till.balances()

    assert await till.record(held, money) == first
    await till.delivering(held)
    assert await till.record(held, money) == TryRecorded(State.DELIVERING)

    assert await till.balances() == before
    assert await till.books.count("history") == 3
    assert await till.books.audit() is None


@pytest.mark.parametrize("finding", [LAPSED, NOT_YET, page("TR1")])
async def test_whatever_else_is_written_twice_is_itself_as_well(till: Till, finding: TryFinding) -> None:
    held = await till.opened()
    first = await till.record(held, finding)
    row, evidence = await till.row(held), await till.evidence(held)

    assert await till.record(held, finding) == first

    now = await till.row(held)
    assert {**now, "due_seconds": 0} == {**row, "due_seconds": 0}
    assert await till.evidence(held) == evidence
    assert await till.books.audit() is None


async def test_money_is_never_taken_for_the_repeat_of_an_answer_that_brought_none(till: Till) -> None:
    held = await till.leased(await till.on_page())
    await till.record(held, NOT_YET)

    assert await till.collections.record(held, agreed(held)) is None

    assert (await till.row(held))["due_seconds"] <= 0
    assert await till.evidence(held) == ["page_opened", "inquiry", "late:money_came"]


async def test_a_late_answer_is_evidence_and_late_money_is_asked_about_at_once(till: Till) -> None:
    late = await till.leased(await till.on_page())
    held = await till.leased(late)

    assert await till.collections.record(late, LAPSED) is None
    assert (await till.row(held))["is_woken"] is False
    assert await till.collections.record(late, agreed(late)) is None

    assert (await till.view(held)).state is State.COLLECTING
    assert await till.balances() == {}
    assert await till.evidence(held) == ["page_opened", "late:never_paid", "late:money_came"]
    # Whoever holds it now asked too early, perhaps: it looks again soon and not in three minutes.
    await till.record(held, NOT_YET)
    assert 3 < (await till.row(held))["due_seconds"] <= 5
    again = await till.leased(held)
    assert (await till.record(again, agreed(again))).state is State.FUNDED
    assert await till.books.audit() is None


async def test_late_money_of_a_cancelled_payment_goes_back_by_itself(till: Till) -> None:
    late = await till.leased(await till.on_page())
    await till.collections.cancel("bank1", late.payment_id)
    assert await till.collections.record(late, agreed(late)) is None

    held = await till.leased(late)
    recorded = await till.collections.record(held, agreed(held))

    assert recorded == TryRecorded(State.DECLINED, Alarm.UNEXPECTED_MONEY)
    assert (await till.row(held))["outcome"] == "second_success"
    assert (await till.view(held)).refusal is Refusal.CANCELLED
    assert await till.books.audit() is None


async def test_second_success_is_given_back_and_suspense_is_empty_again(till: Till) -> None:
    first = await till.on_page()
    second = await till.leased(await till.another(first))
    await till.record(second, agreed(second, "TRX2"))
    held = await till.leased(first)

    recorded = await till.collections.record(held, agreed(held, "TRX1"))

    assert recorded == TryRecorded(State.FUNDED, Alarm.UNEXPECTED_MONEY)
    row = await till.row(held)
    assert (row["outcome"], row["collected"], row["refunded"]) == ("second_success", TAKEN, TAKEN)
    (refund,) = await till.books.rows("SELECT * FROM refunds")
    assert (refund["payment_id"], refund["attempt_id"]) == (held.payment_id, held.attempt_id)
    assert (refund["kind"], refund["state"], refund["amount"]) == ("unexpected", "approved", TAKEN)
    assert (refund["partner_id"], refund["connector_id"], refund["steps"]) == ("bank1", "bkash", 0)
    assert refund["reference"] == f"unexpected:{held.attempt_id}"
    assert len(refund["our_reference"]) == 26
    assert refund["next_action_at"] == row["collected_at"]
    assert await till.balances() == {
        "receivable:bkash": 2 * (TAKEN - KEPT), "connector_fee:bkash": 2 * KEPT,
        "in_flight": -TAKEN, "refund_due:bkash": -TAKEN,
    }  # fmt: skip
    assert await till.events(held) == ["collection_started", "collected"]
    (view,) = (await till.view(held)).refunds
    assert (view.kind, view.state, view.amount) == (RefundKind.UNEXPECTED, RefundState.APPROVED, Money(TAKEN))
    assert (await till.evidence(held))[-1] == "second_success"

    assert await till.record(held, agreed(held, "TRX1")) == recorded
    assert await till.books.count("refunds") == 1
    assert await till.books.audit() is None


async def test_an_abandoned_page_that_is_paid_funds_the_payment_and_the_open_one_is_let_go(
    till: Till,
) -> None:
    first = await till.on_page()
    second = await till.another(first)
    held = await till.leased(first)

    assert await till.collections.record(held, agreed(held)) == TryRecorded(State.FUNDED)

    assert ((await till.row(first))["outcome"], (await till.row(second))["state"]) == (
        "approved",
        "abandoned",
    )
    later = await till.leased(second)
    assert not await till.collections.begin_execute(later, 10, 90)
    assert await till.collections.record(later, LAPSED) == TryRecorded(State.FUNDED)
    assert await till.books.audit() is None


async def test_money_between_two_tries_funds_the_payment(till: Till) -> None:
    first = await till.on_page()
    second = await till.leased(await till.another(first))
    assert (await till.record(second, LAPSED)).state is State.CREATED
    held = await till.leased(first)

    assert (await till.record(held, agreed(held))).state is State.FUNDED
    assert await till.events(held) == [
        "collection_started", "collection_came_to_nothing", "collection_started", "collected",
    ]  # fmt: skip
    assert await till.books.audit() is None


async def test_another_amount_is_for_two_persons_and_stands_in_suspense(till: Till) -> None:
    held = await till.leased(await till.on_page())

    recorded = await till.collections.record(held, agreed(held, amount=Money(100_000)))

    assert recorded == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    row, payment = await till.row(held), await till.payment(held)
    assert (row["outcome"], row["collected"], row["refunded"]) == ("disagreed", 100_000, 0)
    assert (payment["next_action_at"], payment["collected_by"]) == (None, None)
    assert await till.notices(held) == [("collected_mismatch", 2)]
    assert (await till.balances())["suspense:bkash"] == -100_000
    facts = (await till.view(held)).facts
    assert (facts["why"], facts["collected_amount"]) == ("another amount", "100000")
    # Asked again, since somebody wakes it, it is the same money and not more of it.
    again = await till.leased(held)
    assert await till.record(again, agreed(again, amount=Money(100_000))) == TryRecorded(State.IN_REVIEW)
    more = await till.leased(held)
    other = await till.record(more, agreed(more, "TRX9"))
    assert other == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert (await till.balances())["suspense:bkash"] == -100_000
    assert await till.books.audit() is None


async def test_money_in_another_currency_is_reviewed_and_not_booked(till: Till) -> None:
    held = await till.leased(await till.on_page())

    recorded = await till.collections.record(held, agreed(held, amount=Money(TAKEN, "USD")))

    assert recorded == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert await till.balances() == {}
    assert (await till.row(held))["collected"] is None
    assert await till.books.audit() is None


async def test_a_disagreement_about_a_completed_payment_puts_it_into_review_with_its_receipt(
    till: Till,
) -> None:
    first = await till.on_page()
    second = await till.leased(await till.another(first))
    await till.record(second, agreed(second, "TRX2"))
    await till.delivered(await till.delivering(second))
    held = await till.leased(first)

    recorded = await till.collections.record(held, agreed(held, amount=Money(1)))

    assert recorded == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    facts = (await till.view(held)).facts
    assert (facts["receipt"], facts["why"]) == ("R-1", "another amount")
    assert await till.notices(held) == [("completed", 4), ("collected_mismatch", 5)]
    assert await till.books.audit() is None


async def test_one_movement_of_money_brings_money_in_once_whatever_tries_name_it(till: Till) -> None:
    funded = await till.funded()
    held = await till.leased(await till.on_page())

    recorded = await till.collections.record(held, agreed(held, "TRX1"))

    assert recorded == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert ((await till.row(held))["collected"], (await till.row(held))["provider_transaction"]) == (
        None,
        None,
    )
    assert await till.balances() == {**RECEIVED, "in_flight": -TAKEN}
    assert (await till.view(funded)).state is State.FUNDED
    assert await till.books.audit() is None


async def test_nothing_came_and_the_quote_is_over_so_the_payment_expires(till: Till) -> None:
    held = await till.leased(await till.on_page())
    await till.books.tell(QUOTE_OVER, held.payment_id)

    assert await till.collections.record(held, LAPSED) == TryRecorded(State.EXPIRED)

    assert await till.events(held) == ["collection_started", "collection_came_to_nothing", "payer_never_paid"]
    assert await till.notices(held) == [("expired", 3)]
    assert (await till.payment(held))["next_action_at"] is None
    late = await till.leased(held)
    recorded = await till.collections.record(late, agreed(late))
    assert recorded == TryRecorded(State.EXPIRED, Alarm.UNEXPECTED_MONEY)
    assert await till.books.audit() is None


async def test_a_try_keeps_the_first_reason_that_nothing_came_of_it(till: Till) -> None:
    held = await till.leased(await till.on_page())
    await till.record(held, LAPSED)
    again = await till.leased(held)

    await till.record(again, NothingCollected(TryEnd.LAPSED, "another try was begun"))

    row = await till.row(held)
    assert (row["state"], row["outcome"], row["next_action_at"]) == ("closed", "never_paid", None)
    assert (await till.evidence(held))[-1] == "lapsed"


async def test_questions_are_counted_where_they_were_asked_and_anew_after_an_execute(till: Till) -> None:
    held = await till.on_page()
    seen = []
    for finding in (
        StillOpen(60.0, "not yet"),
        StillOpen(2.0, "inquiry budget is used up", was_asked=False),
        StillOpen(60.0, "no answer"),
        StillOpen(90.0, "no answer in time", was_asked=False, is_new_doubt=True),
        StillOpen(None, "nothing is left to ask"),
    ):
        held = await till.leased(held)
        assert await till.collections.record(held, finding) == TryRecorded(State.COLLECTING)
        row = await till.row(held)
        due = None if row["due_seconds"] is None else round(row["due_seconds"])
        seen.append((row["asked"], due, row["is_free"]))
    assert seen == [(1, 60, True), (1, 2, True), (2, 60, True), (0, 90, True), (1, None, True)]
    assert await till.evidence(held) == ["page_opened", "inquiry", "inquiry", "execute_in_doubt", "inquiry"]


async def test_a_page_that_is_told_after_its_try_was_abandoned_is_asked_about_and_not_shown(
    till: Till,
) -> None:
    slow = await till.opened()
    await till.another(slow)

    await till.record(slow, page("TR-slow"))

    row = await till.row(slow)
    assert (row["state"], row["provider_reference"]) == ("abandoned", "TR-slow")
    assert row["next_action_at"] is not None
    assert (await till.view(slow)).page_url == "https://page.example/TR00110001"


async def test_what_was_delivered_and_what_was_refused_leaves_nothing_in_flight(till: Till) -> None:
    paid, refused = await till.funded(), await till.funded()
    await till.delivered(await till.delivering(paid))
    await till.delivered(await till.delivering(refused), REFUSED)

    assert (await till.view(paid)).state is State.COMPLETED
    assert (await till.view(refused)).state is State.REFUNDING
    balances = await till.balances()
    assert "in_flight" not in balances
    assert balances["refund_due:bkash"] == -TAKEN
    assert balances["payable:desco_postpaid"] == -105_000
    assert await till.books.audit() is None


async def test_what_is_written_by_itself_stands_in_the_chain_of_its_lane(till: Till) -> None:
    """The audit is run on the books of every story here; this one shows that it sees them."""
    held = await till.funded()
    entries = await till.books.rows("SELECT payment_id, lane FROM journal_entries")
    assert [tuple(row) for row in entries] == [(held.payment_id, 0)]
    await till.books.tell("UPDATE postings SET amount = amount * 2")
    connection: asyncpg.Connection = await till.books.database.connect("audit")
    finding = await audit(connection)
    await connection.close()
    assert finding is not None
    assert "hash" in finding.why
