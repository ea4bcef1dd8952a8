"""Settlement files about money in doubt: what the flows make of them beside the far side's own answer.

The books are told by hand here; how answers reach them is in
tests/persistence/collections/test_file_evidence.py.
"""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CollectInquiry,
    CollectOrder,
    NeverPaid,
)
from ekpay_switch.domain.collections.file_proofs import FileStatements
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.ports.billers import BillerProfile
from tests.factories import PREFUND, TOTAL
from tests.fakes.billers import LOSES_ANSWER, LOSES_ORDER, PROFILE
from tests.fakes.connectors import LOST, LOST_ORDER, Move
from tests.fakes.world import NOON, SmallWorld
from tests.flows.payments.test_resolve_in_doubt import in_doubt, seconds_to_next_question
from tests.scenarios.collections import COLLECTED, KEPT, RECEIVABLE, Payer
from tests.scenarios.job_rounds import collect_due

START = 1_000_000
TODAY = business_date(NOON)
TOMORROW = TODAY + timedelta(days=1)
ASK_THE_FAR_SIDE = "file_needs_a_person"
TOKEN = TokenLine(1, TokenKind.CREDIT, "0" * 20)


def done(amount: int = TOTAL, *, is_news: bool = True) -> FileStatements:
    return FileStatements(amounts=frozenset({amount}), their_reference="T-1", is_news=is_news)


def failed(night: date = TODAY) -> FileStatements:
    return FileStatements(failed_on=frozenset({night}), is_news=True)


def absent(*nights: date) -> FileStatements:
    return FileStatements(absent_on=frozenset(nights), is_news=True)


async def told(small: SmallWorld, files: FileStatements, after_seconds: float = 70_000) -> list[str]:
    """Files have said this of the delivery, which is looked at now; the steps that this took."""
    payment = small.books.only()
    small.books.files[payment.claim.attempt_id] = files
    small.clock.pass_by(after_seconds)
    payment.next_action_at = small.clock.now()
    small.steps.taken.clear()
    (leased,) = await small.books.lease_due(16, 60.0)
    await resolve_in_doubt(leased, small.world)
    return small.steps.taken


def alarms(small: SmallWorld) -> list[str]:
    return [event for event, _ in small.alarms.raised]


# ---- a biller that is asked


async def test_a_biller_that_holds_what_its_file_holds_completes_the_payment() -> None:
    small = await in_doubt(LOSES_ANSWER)
    assert await told(small, done()) == ["lease_due", "budget", "inquire", "record"]
    assert (small.books.only().state, alarms(small)) == (State.COMPLETED, [])


@pytest.mark.parametrize("files", [failed(), absent(TODAY, TOMORROW)], ids=["failed", "twice absent"])
async def test_a_not_found_that_is_never_final_is_so_once_files_say_the_same(files: FileStatements) -> None:
    small = await in_doubt(not_found_settle_seconds=None)
    assert await told(small, files) == ["lease_due", "budget", "inquire", "record"]
    assert small.books.only().state is State.REFUNDED
    assert (small.books.balance(PREFUND), small.books.balance(IN_FLIGHT)) == (START, 0)
    assert len(small.biller.orders) == 1


async def test_one_absence_leaves_the_doubt() -> None:
    small = await in_doubt(not_found_settle_seconds=None)
    await told(small, absent(TODAY))
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [])


@pytest.mark.parametrize("files", [failed(), absent(TODAY, TOMORROW)], ids=["failed", "twice absent"])
async def test_without_a_negative_answer_files_give_nothing_back(files: FileStatements) -> None:
    small = await in_doubt(not_found_settle_seconds=None)
    small.biller.inquiries.append(NoAnswer("timed out"))
    await told(small, files)
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [])


async def test_what_its_file_names_as_failed_is_not_sent_again() -> None:
    """The quote is alive and the biller knows repeats: without the file it would be."""
    small = await in_doubt()
    await told(small, failed(), after_seconds=70)
    assert small.books.only().state is State.REFUNDED
    assert len(small.biller.orders) == 1


async def test_a_file_does_not_make_an_answer_final_that_overtook_the_send() -> None:
    small = await in_doubt()
    await told(small, failed(), after_seconds=69)
    assert small.books.only().state is State.DELIVERING
    assert seconds_to_next_question(small) == 210  # as scheduled; final a second from now


async def test_a_file_of_an_earlier_night_says_nothing_of_a_later_send() -> None:
    small = await in_doubt(not_found_settle_seconds=None)
    await told(small, failed(TODAY - timedelta(days=1)))
    assert small.books.only().state is State.DELIVERING


async def test_what_a_file_holds_and_its_biller_does_not_waits_for_a_person_who_is_told_once() -> None:
    small = await in_doubt()
    await told(small, done())
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [ASK_THE_FAR_SIDE])
    await told(small, done(is_news=False))
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [ASK_THE_FAR_SIDE])
    assert small.books.balance(IN_FLIGHT) > 0
    assert len(small.biller.orders) == 1


async def test_what_was_given_back_and_stands_in_a_file_is_a_matter_for_a_person() -> None:
    small = await in_doubt(LOSES_ORDER, deduplicates=False)
    await told(small, FileStatements(), after_seconds=190)
    assert small.books.only().state is State.REFUNDED
    await told(small, done(), after_seconds=10)
    assert (small.books.only().state, alarms(small)) == (State.REFUNDED, [ASK_THE_FAR_SIDE])


# ---- a vend, whose token no file brings


async def a_vend_in_doubt(**safety: object) -> SmallWorld:
    small = await in_doubt(LOSES_ANSWER, **safety)
    small.biller.profile = replace(small.biller.profile, gives_tokens=True)
    return small


async def test_a_vend_waits_for_its_token_whatever_its_file_says() -> None:
    small = await a_vend_in_doubt()
    small.biller.inquiries.extend(
        [
            NoAnswer("breaker open", was_asked=False),
            NoAnswer("the token is not there yet"),
            Posted("A1", TOTAL, tokens=(TOKEN,)),
        ]
    )
    await told(small, done())
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [])
    await told(small, done())
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [ASK_THE_FAR_SIDE])
    await told(small, done(is_news=False))
    assert (small.books.only().state, alarms(small)) == (State.COMPLETED, [ASK_THE_FAR_SIDE])
    assert small.books.token_lines[small.books.only().claim.payment_id] == (TOKEN,)


async def test_a_vend_that_no_file_speaks_of_alarms_nobody() -> None:
    small = await a_vend_in_doubt()
    small.biller.inquiries.append(NoAnswer("the token is not there yet"))
    await told(small, absent(TODAY))
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [])


# ---- a biller that cannot be asked


async def test_a_file_of_equal_amount_completes_what_nobody_can_be_asked_about() -> None:
    small = await in_doubt(can_be_asked=False)
    assert await told(small, done()) == ["lease_due", "record"]
    assert small.books.only().state is State.COMPLETED
    assert small.books.only().standing.facts["their_reference"] == "T-1"
    assert (small.books.balance("payable:desco_postpaid"), small.books.balance(IN_FLIGHT)) == (TOTAL, 0)


async def test_a_file_of_another_amount_is_decided_by_two_persons() -> None:
    small = await in_doubt(can_be_asked=False)
    await told(small, done(TOTAL - 1))
    assert (small.books.only().state, alarms(small)) == (State.IN_REVIEW, ["amount_echo_mismatch"])


@pytest.mark.parametrize(
    "profile",
    [
        replace(PROFILE, gives_tokens=True),
        replace(PROFILE, has_unique_receipt=True),
        replace(PROFILE, receipt_comes_later=True),
    ],
    ids=["token", "receipt of one service", "receipt to come"],
)
async def test_a_biller_that_owes_us_something_has_to_be_asked_by_a_person(profile: BillerProfile) -> None:
    small = await in_doubt(can_be_asked=False)
    small.biller.profile = replace(profile, safety=small.biller.profile.safety)
    await told(small, done())
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [ASK_THE_FAR_SIDE])
    await told(small, done(is_news=False))
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [ASK_THE_FAR_SIDE])


async def test_a_row_that_says_failed_is_the_no_of_a_biller_that_cannot_be_asked() -> None:
    small = await in_doubt(can_be_asked=False)
    await told(small, failed())
    assert small.books.only().state is State.REFUNDED
    assert (small.books.balance(PREFUND), small.books.balance(IN_FLIGHT)) == (START, 0)


async def test_absence_alone_never_gives_money_back() -> None:
    small = await in_doubt(can_be_asked=False)
    await told(small, absent(TODAY, TOMORROW, TOMORROW + timedelta(days=1)))
    assert (small.books.only().state, alarms(small)) == (State.DELIVERING, [ASK_THE_FAR_SIDE])
    assert small.books.balance(IN_FLIGHT) > 0


async def test_a_late_success_in_a_file_is_reviewed_where_nobody_can_be_asked() -> None:
    small = await in_doubt(can_be_asked=False)
    await told(small, failed())
    await told(small, failed())
    assert small.books.only().next_action_at is None
    await told(small, done())
    assert (small.books.only().state, alarms(small)) == (State.IN_REVIEW, ["late_success"])
    assert small.books.moments(small.books.only().claim.payment_id)[-1] == "posted_after_give_back"


# ---- a payer's money


async def an_execute_in_doubt(move: Move[InDoubt] = LOST_ORDER) -> Payer:
    """Our word was given, no answer came, and the quote is over."""
    payer = Payer()
    await payer.order()
    payer.small.connector.executes.append(move)
    payer.agree()
    await payer.come_back()
    payer.small.clock.pass_by(1_000)
    return payer


async def look(payer: Payer, files: FileStatements, after_seconds: float = 1.0) -> None:
    """Files have said this of the try, which is looked at now."""
    one = payer.tries()[0]
    payer.small.books.files[one.new.attempt_id] = files
    payer.small.clock.pass_by(after_seconds)
    one.next_action_at = payer.small.clock.now()
    await collect_due(payer.small.world)


async def test_without_files_a_word_that_was_given_is_asked_about_for_ever() -> None:
    payer = await an_execute_in_doubt()
    await payer.wait_for_days(1)
    assert (payer.state, payer.tries()[0].end) == (State.COLLECTING, None)


@pytest.mark.parametrize("files", [failed(), absent(TODAY, TOMORROW)], ids=["failed", "twice absent"])
async def test_files_and_a_not_yet_end_a_try_whose_word_was_given(files: FileStatements) -> None:
    payer = await an_execute_in_doubt()
    await look(payer, files)
    assert (payer.state, payer.tries()[0].end) == (State.EXPIRED, TryEnd.NEVER_PAID)
    assert payer.small.connector.taken() == 0
    assert payer.alarms() == []


async def test_files_end_no_try_that_the_connector_says_nothing_of() -> None:
    payer = await an_execute_in_doubt()
    for _ in range(2):
        payer.small.connector.inquiries.append(NoAnswer("timed out"))
        await look(payer, failed())
    await look(payer, absent(TODAY))
    assert (payer.state, payer.tries()[0].end, payer.alarms()) == (State.COLLECTING, None, [])


async def test_a_word_that_provably_never_left_us_is_no_matter_of_files() -> None:
    payer = await an_execute_in_doubt()
    payer.small.connector.inquiries.append(AwaitingPayer(is_execute_undone=True))
    await look(payer, failed())
    assert (payer.tries()[0].executes_begun, payer.tries()[0].end) == (0, None)


async def test_money_that_stands_in_a_file_is_believed_when_the_connector_says_so() -> None:
    payer = await an_execute_in_doubt(LOST)
    payer.small.connector.inquiries.append(AwaitingPayer())
    await look(payer, done(COLLECTED))
    assert (payer.state, payer.alarms()) == (State.COLLECTING, [ASK_THE_FAR_SIDE])
    await look(payer, done(COLLECTED, is_news=False))
    assert (payer.state, payer.alarms()) == (State.FUNDED, [ASK_THE_FAR_SIDE])
    assert payer.balance(RECEIVABLE) == COLLECTED - KEPT


async def test_money_that_stands_in_a_file_is_not_asked_for_again() -> None:
    payer = Payer()
    await payer.order()
    payer.small.connector.executes.append(LOST_ORDER)
    payer.agree()
    await payer.come_back()
    await look(payer, done(COLLECTED), after_seconds=100)
    await look(payer, done(COLLECTED, is_news=False), after_seconds=100)
    assert (payer.small.connector.asked["execute"], payer.state) == (1, State.COLLECTING)
    assert payer.alarms() == [ASK_THE_FAR_SIDE]


async def test_a_page_does_not_lapse_while_a_file_has_its_money() -> None:
    payer = Payer()
    payer.small.connector.profile = replace(
        payer.small.connector.profile, executes=False, page_life_seconds=600
    )
    await payer.order()
    await look(payer, done(COLLECTED), after_seconds=9_000)
    await look(payer, done(COLLECTED, is_news=False), after_seconds=9_000)
    assert (payer.state, payer.tries()[0].end) == (State.COLLECTING, None)
    assert payer.alarms() == [ASK_THE_FAR_SIDE]
    payer.small.connector.inquiries.append(NeverPaid("cancelled"))
    await look(payer, done(COLLECTED, is_news=False))
    assert (payer.state, payer.tries()[0].end) == (State.EXPIRED, TryEnd.NEVER_PAID)


async def test_an_answer_about_a_try_that_somebody_else_took_over_alarms_nobody() -> None:
    payer = await an_execute_in_doubt()
    one = payer.tries()[0]
    payer.small.books.files[one.new.attempt_id] = done(COLLECTED)
    one.next_action_at = payer.small.clock.now()
    connector, inquire = payer.small.connector, payer.small.connector.inquire

    async def is_overtaken(order: CollectOrder) -> CollectInquiry:
        one.epoch += 1
        return await inquire(order)

    connector.inquire = is_overtaken  # type: ignore[method-assign]
    await collect_due(payer.small.world)
    assert (payer.state, payer.alarms()) == (State.COLLECTING, [])
