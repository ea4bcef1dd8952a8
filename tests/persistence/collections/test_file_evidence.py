"""reconciliation.md 5, case 10, for a delivery: our books do not know, and a settlement file answers.

(a) the file says success, (b) it says failed, (c) it does not name the payment. From the row in doubt through
`tell` to the end state, in PostgreSQL; the audit is clean after each.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from ekpay_switch.cli.payments.wording import payment_lines
from ekpay_switch.domain.outcome import NoAnswer, Posted
from ekpay_switch.domain.payments.delivery import Recorded
from ekpay_switch.domain.payments.inquiries import SafetyFacts
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.persistence.collections.file_evidence import FileEvidenceStore
from ekpay_switch.persistence.payments.payment_details import read_payment_details
from ekpay_switch.ports.finance import FileSays, LineEvent, LineRole
from ekpay_switch.security.identifiers import uuid7
from tests.fakes.billers import SAFETY
from tests.persistence.books import APPROVED, Books, recording_of
from tests.persistence.collections.file_evidence_setup import (
    DUE_NOW,
    FIRST_NIGHT,
    SECOND_NIGHT,
    Night,
    of_delivery,
    open_night,
)

SUCCESS, FAILED, ABSENT = FileSays.SUCCESS, FileSays.FAILED, FileSays.ABSENT
TOTAL = 6_000
NEVER_FINAL = replace(SAFETY, not_found_settle_seconds=None)
NOBODY_TO_ASK = replace(SAFETY, can_be_asked=False)
ASK_THE_BILLER = "file_needs_a_person"


@pytest.fixture
async def night(books: Books) -> AsyncIterator[Night]:
    await books.partner(prefund=10 * TOTAL)
    async with open_night(books) as night:
        yield night


def make(night: Night, safety: SafetyFacts, *, gives_tokens: bool = False) -> None:
    night.small.biller.profile = replace(night.small.biller.profile, safety=safety, gives_tokens=gives_tokens)


# ---- (a) the file says success


async def test_10a_success_has_the_biller_asked_and_what_it_says_is_recorded(night: Night) -> None:
    started = await night.delivery()
    order = started.claim.attempt_reference
    night.small.biller.book[order] = started.quote.sums.billed_amount.minor
    assert not (await night.row(started.claim.payment_id))["is_due"]

    assert await night.tell(of_delivery(started, SUCCESS)) == 1
    await night.resolve()

    assert await night.state(started.claim.payment_id) == "completed"
    assert night.alarms() == []
    (kept,) = await night.books.rows("SELECT * FROM evidence WHERE kind LIKE 'file:%'")
    assert (kept["attempt_id"], kept["epoch"]) == (started.claim.attempt_id, 0)


async def test_10a_a_vend_stays_in_doubt_until_its_token_has_come_and_a_person_is_told(night: Night) -> None:
    make(night, SAFETY, gives_tokens=True)
    started = await night.delivery()
    payment_id = started.claim.payment_id
    billed = started.quote.sums.billed_amount.minor
    line = TokenLine(1, TokenKind.CREDIT, "1234" * 5)
    night.small.biller.inquiries.extend(
        [NoAnswer("no token yet"), NoAnswer("no token yet"), Posted("D-1", billed, tokens=(line,))]
    )

    await night.tell(of_delivery(started, SUCCESS))
    for _ in range(2):
        await night.resolve()
        await night.books.tell(DUE_NOW, payment_id)
        assert (await night.state(payment_id), night.alarms()) == ("delivering", [ASK_THE_BILLER])
    assert await night.books.count("token_lines") == 0

    await night.resolve()
    assert await night.state(payment_id) == "completed"
    assert await night.payments.tokens(payment_id) == [line]


async def test_10a_a_biller_that_does_not_know_what_its_file_holds_pays_nothing_back(night: Night) -> None:
    started = await night.delivery()
    await night.tell(of_delivery(started, SUCCESS))
    for _ in range(2):
        await night.resolve()
        await night.books.tell(DUE_NOW, started.claim.payment_id)
    assert await night.state(started.claim.payment_id) == "delivering"
    assert (night.alarms(), night.small.biller.orders) == ([ASK_THE_BILLER], [])


async def test_10a_where_the_biller_cannot_be_asked_a_row_of_equal_amount_completes(night: Night) -> None:
    make(night, NOBODY_TO_ASK)
    started = await night.delivery()
    await night.tell(of_delivery(started, SUCCESS))
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "completed"
    facts = await night.books.value("SELECT facts ->> 'their_reference' FROM payments")
    assert facts == "D-1"


async def test_10a_where_the_biller_cannot_be_asked_a_row_of_another_amount_goes_to_review(
    night: Night,
) -> None:
    make(night, NOBODY_TO_ASK)
    started = await night.delivery()
    await night.tell(of_delivery(started, SUCCESS, amount=1))
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "in_review"


async def test_10a_where_a_vend_cannot_be_asked_about_a_person_gets_its_token(night: Night) -> None:
    make(night, NOBODY_TO_ASK, gives_tokens=True)
    started = await night.delivery()
    await night.tell(of_delivery(started, SUCCESS))
    for _ in range(2):
        await night.resolve()
        await night.books.tell(DUE_NOW, started.claim.payment_id)
    assert await night.state(started.claim.payment_id) == "delivering"
    assert night.alarms() == [ASK_THE_BILLER]


# ---- (b) the file says failed


async def test_10b_failed_and_a_not_found_release_the_hold(night: Night) -> None:
    make(night, NEVER_FINAL)
    started = await night.delivery()
    await night.books.tell(DUE_NOW, started.claim.payment_id)
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "delivering"

    await night.tell(of_delivery(started, FAILED))
    await night.resolve()

    assert await night.state(started.claim.payment_id) == "refunded"
    assert await night.books.balance() == 10 * TOTAL
    assert night.small.biller.orders == []


async def test_10b_failed_without_an_answer_of_the_biller_changes_nothing(night: Night) -> None:
    make(night, NEVER_FINAL)
    started = await night.delivery()
    night.small.biller.inquiries.append(NoAnswer("timed out"))
    await night.tell(of_delivery(started, FAILED))
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "delivering"
    await night.books.tell(DUE_NOW, started.claim.payment_id)
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "refunded"


async def test_10b_a_biller_that_holds_what_its_file_names_as_failed_is_believed(night: Night) -> None:
    started = await night.delivery()
    night.small.biller.book[started.claim.attempt_reference] = started.quote.sums.billed_amount.minor
    await night.tell(of_delivery(started, FAILED))
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "completed"


async def test_10b_where_the_biller_cannot_be_asked_its_file_is_its_no(night: Night) -> None:
    make(night, NOBODY_TO_ASK)
    started = await night.delivery()
    await night.tell(of_delivery(started, FAILED))
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "refunded"
    assert await night.books.balance() == 10 * TOTAL


# ---- (c) the file does not name it


async def test_10c_only_a_second_absence_and_a_not_found_close_it_as_failed(night: Night) -> None:
    make(night, NEVER_FINAL)
    started = await night.delivery()
    payment_id = started.claim.payment_id
    absent = of_delivery(started, ABSENT, file="", ordinal=0, their_reference="", amount=0)

    await night.tell(absent)
    await night.resolve()
    assert await night.state(payment_id) == "delivering"

    night.small.biller.inquiries.append(NoAnswer("timed out"))
    await night.tell(replace(absent, night=SECOND_NIGHT))
    await night.resolve()
    assert await night.state(payment_id) == "delivering"

    await night.books.tell(DUE_NOW, payment_id)
    await night.resolve()
    assert await night.state(payment_id) == "refunded"
    assert await night.books.balance() == 10 * TOTAL


async def test_10c_absence_of_the_same_night_told_again_is_one_absence(night: Night) -> None:
    make(night, NEVER_FINAL)
    started = await night.delivery()
    absent = of_delivery(started, ABSENT)
    assert await night.tell(absent) == 1
    assert await night.tell(replace(absent, file="another", ordinal=3)) == 0
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "delivering"


async def test_10c_where_the_biller_cannot_be_asked_absence_gives_nothing_back(night: Night) -> None:
    make(night, NOBODY_TO_ASK)
    started = await night.delivery()
    for business_date in (FIRST_NIGHT, SECOND_NIGHT):
        await night.tell(of_delivery(started, ABSENT, business_date))
        await night.resolve()
    assert await night.state(started.claim.payment_id) == "delivering"
    assert night.alarms() == [ASK_THE_BILLER]


async def test_10c_a_row_that_comes_late_counts_and_the_absences_before_it_do_not(night: Night) -> None:
    started = await night.delivery()
    night.small.biller.book[started.claim.attempt_reference] = started.quote.sums.billed_amount.minor
    await night.tell(of_delivery(started, ABSENT), of_delivery(started, SUCCESS, SECOND_NIGHT))
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "completed"


# ---- told twice, too soon, too late, beside the point


async def test_an_answer_told_twice_changes_nothing(night: Night) -> None:
    started = await night.delivery()
    answer = of_delivery(started, SUCCESS)
    assert await night.tell(answer, answer) == 1
    await night.resolve()
    before = await night.row(started.claim.payment_id)
    assert await night.tell(answer) == 0
    assert await night.row(started.claim.payment_id) == before
    assert await night.kinds(started.claim.payment_id) == [f"file:success:{FIRST_NIGHT}:{answer.amount}"]


async def test_a_corrected_amount_is_another_answer(night: Night) -> None:
    started = await night.delivery()
    answer = of_delivery(started, SUCCESS, amount=1)
    assert await night.tell(answer) == 1
    assert await night.tell(replace(answer, amount=2)) == 1


async def test_nothing_told_is_nothing_done(night: Night) -> None:
    assert await night.tell() == 0


async def test_what_is_told_while_a_resolver_asks_is_looked_at_as_soon_as_it_lets_go(night: Night) -> None:
    make(night, NEVER_FINAL)
    started = await night.delivery()
    payment_id = started.claim.payment_id
    await night.books.tell(DUE_NOW, payment_id)
    (held,) = await night.payments.lease_due(1, 45.0)
    await night.tell(of_delivery(started, FAILED))
    assert await night.payments.lease_due(1, 45.0) == []

    await night.payments.postpone(held, 3_600.0, "not found, too early to be final", was_asked=True)
    await night.resolve()

    assert await night.state(payment_id) == "refunded"


async def test_a_resolver_that_was_not_told_of_anything_waits_as_it_meant_to(night: Night) -> None:
    started = await night.delivery()
    for again_seconds in (3_600.0, None):
        await night.books.tell(DUE_NOW, started.claim.payment_id)
        (held,) = await night.payments.lease_due(1, 45.0)
        await night.payments.postpone(held, again_seconds, "not found", was_asked=True)
        assert not (await night.row(started.claim.payment_id))["is_due"]


async def test_whoever_asked_before_the_file_came_still_records_what_it_heard(night: Night) -> None:
    started = await night.delivery()
    await night.books.tell(DUE_NOW, started.claim.payment_id)
    (held,) = await night.payments.lease_due(1, 45.0)
    await night.tell(of_delivery(started, FAILED))
    recorded = await night.books.submit(recording_of(started, APPROVED, epoch=held.delivery.epoch))
    assert isinstance(recorded, Recorded)
    assert await night.state(started.claim.payment_id) == "completed"


async def test_an_answer_about_what_is_finished_is_kept_and_wakes_nobody(night: Night) -> None:
    completed, refused = await night.delivery(), await night.delivery()
    make(night, NEVER_FINAL)
    night.small.biller.book[completed.claim.attempt_reference] = completed.quote.sums.billed_amount.minor
    await night.tell(of_delivery(completed, SUCCESS), of_delivery(refused, FAILED))
    await night.resolve()
    await night.books.tell("UPDATE payments SET next_action_at = NULL")

    told = await night.tell(
        of_delivery(completed, FAILED, SECOND_NIGHT), of_delivery(refused, ABSENT, SECOND_NIGHT)
    )

    assert told == 2
    for started, state in ((completed, "completed"), (refused, "refunded")):
        row = await night.row(started.claim.payment_id)
        assert (row["state"], row["next_action_at"]) == (state, None)
        assert len(await night.kinds(started.claim.payment_id)) == 2


async def test_a_success_of_what_was_given_back_is_asked_about_like_a_late_answer(night: Night) -> None:
    make(night, NEVER_FINAL)
    started = await night.delivery()
    await night.tell(of_delivery(started, FAILED))
    await night.resolve()
    await night.books.tell("UPDATE payments SET next_action_at = NULL")
    night.small.biller.book[started.claim.attempt_reference] = started.quote.sums.billed_amount.minor

    await night.tell(of_delivery(started, SUCCESS, SECOND_NIGHT))
    await night.resolve()

    assert (await night.state(started.claim.payment_id), night.alarms()) == ("in_review", ["late_success"])


@pytest.mark.parametrize(
    ("role", "event"),
    [
        (LineRole.PARTNER, LineEvent.PAYMENT),
        (LineRole.MERCHANT, LineEvent.PAYMENT),
        (LineRole.BILLER, LineEvent.REVERSAL),
        (LineRole.BILLER, LineEvent.REFUND),
    ],
)
async def test_what_a_file_says_of_anything_else_is_kept_aside(
    night: Night, role: LineRole, event: LineEvent
) -> None:
    make(night, NOBODY_TO_ASK)
    started = await night.delivery()
    assert await night.tell(of_delivery(started, SUCCESS, role=role, event=event)) == 1
    assert not (await night.row(started.claim.payment_id))["is_due"]
    assert (await night.kinds(started.claim.payment_id))[0].startswith(f"aside:{role}:{event}:success")
    await night.books.tell(DUE_NOW, started.claim.payment_id)
    await night.resolve()
    assert await night.state(started.claim.payment_id) == "delivering"


async def test_answers_belong_to_payments_of_ours(night: Night) -> None:
    started = await night.delivery()
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await night.tell(of_delivery(started, SUCCESS, payment_id=uuid7()))


async def test_what_the_caller_takes_back_was_never_told(night: Night) -> None:
    started = await night.delivery()
    connection = await night.books.database.connect_hot()
    transaction = connection.transaction()
    await transaction.start()
    assert await FileEvidenceStore().tell(connection, [of_delivery(started, SUCCESS)]) == 1
    await transaction.rollback()
    await connection.close()
    assert await night.kinds(started.claim.payment_id) == []
    assert not (await night.row(started.claim.payment_id))["is_due"]


async def test_an_operator_reads_in_the_payments_story_what_the_file_said(night: Night) -> None:
    started = await night.delivery()
    await night.tell(of_delivery(started, SUCCESS), of_delivery(started, ABSENT, SECOND_NIGHT))
    engine = night.books.database.engine()
    story = await read_payment_details(engine, started.claim.payment_id)
    await engine.dispose()
    assert story is not None
    lines = "\n".join(payment_lines(story))
    assert "a settlement file holds it as done: 54.25, row 7 of desco-20991230.csv, D-1 over there" in lines
    assert f"a settlement file that had to hold it does not: night of {SECOND_NIGHT}" in lines
