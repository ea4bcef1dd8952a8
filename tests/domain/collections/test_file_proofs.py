"""What settlement files prove about money in doubt, row by row of the table in ADR 0055."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.collections.connector_calls import (
    RefundLine,
    RefundOrder,
    RefundOutcome,
    RefundsFound,
)
from ekpay_switch.domain.collections.file_proofs import (
    NO_FILES,
    FileProof,
    FileStatements,
    FileStep,
    found_refund,
    proof_of,
    refund_by_file,
    step_without_inquiry,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.inquiries import (
    DoubtfulSend,
    NextStep,
    SafetyFacts,
    Timing,
    final_not_found_at,
    next_step_after_not_found,
    send_date,
)

SUNDAY, MONDAY, TUESDAY = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)
AMOUNT = 105_000
DONE = FileStatements(amounts=frozenset({AMOUNT}), their_reference="T-1")
FAILED = FileStatements(failed_on=frozenset({SUNDAY}))
ABSENT_ONCE = FileStatements(absent_on=frozenset({SUNDAY}))
ABSENT = FileStatements(absent_on=frozenset({SUNDAY, MONDAY}))
DISPUTED = replace(FAILED, amounts=frozenset({AMOUNT}))
TWO_AMOUNTS = FileStatements(amounts=frozenset({AMOUNT, 1}))
BY_WORD = {"none": NO_FILES, "done": DONE, "failed": FAILED, "absent": ABSENT, "disputed": DISPUTED}
NIGHTS = st.frozensets(st.sampled_from([SUNDAY, MONDAY, TUESDAY]))
ANY_FILES = st.builds(
    FileStatements,
    amounts=st.frozensets(st.sampled_from([AMOUNT, 1]), max_size=2),
    failed_on=NIGHTS,
    absent_on=NIGHTS,
)

TIMING = Timing(
    answer_seconds=20,
    send_seconds=10,
    ask_after_seconds=(90, 300, 3600),
    ask_every_seconds=3600,
    settle_margin_seconds=60,
    quote_life_seconds=900,
)
FACTS = SafetyFacts(
    deduplicates=True,
    can_be_asked=True,
    not_found_settle_seconds=7_200,
    can_be_undone=False,
    echoes_amount=True,
)
NEVER = replace(FACTS, not_found_settle_seconds=None)
SENT_UNTIL = datetime(2026, 3, 1, 6, tzinfo=UTC)
SEND = DoubtfulSend(SENT_UNTIL, sends=1, quote_expires_at=SENT_UNTIL + timedelta(days=30))
A_MINUTE_AFTER = SENT_UNTIL + timedelta(seconds=60)
TICK = timedelta(microseconds=1)


# ---- what files come to


@pytest.mark.parametrize(
    ("files", "proof"),
    [
        (NO_FILES, FileProof.NONE),
        (DONE, FileProof.DONE),
        (FAILED, FileProof.FAILED),
        (ABSENT_ONCE, FileProof.NONE),
        (ABSENT, FileProof.ABSENT),
        (DISPUTED, FileProof.DISPUTED),
        (TWO_AMOUNTS, FileProof.DISPUTED),
        (replace(ABSENT, amounts=DONE.amounts), FileProof.DONE),
        (replace(ABSENT, failed_on=FAILED.failed_on), FileProof.FAILED),
    ],
)
def test_what_files_come_to(files: FileStatements, proof: FileProof) -> None:
    assert proof_of(files, SUNDAY) is proof


def test_a_night_before_the_last_send_says_nothing_of_it() -> None:
    assert proof_of(FAILED, MONDAY) is FileProof.NONE
    assert proof_of(ABSENT, MONDAY) is FileProof.NONE
    assert proof_of(replace(ABSENT, absent_on=frozenset({SUNDAY, MONDAY, TUESDAY})), MONDAY) is (
        FileProof.ABSENT
    )


def test_a_send_that_failed_does_not_contradict_a_later_one_that_is_there() -> None:
    assert proof_of(DISPUTED, MONDAY) is FileProof.DONE


def test_what_is_sent_at_the_last_moment_of_a_day_belongs_to_that_day() -> None:
    """23:59:55 in Dhaka, with ten seconds to start in."""
    midnight = datetime(2026, 3, 1, 18, tzinfo=UTC)
    assert send_date(midnight + timedelta(seconds=5), TIMING) == SUNDAY
    assert send_date(midnight + timedelta(seconds=10), TIMING) == MONDAY


@given(ANY_FILES, st.sampled_from([SUNDAY, MONDAY, TUESDAY]))
def test_absence_counts_from_its_second_night_and_beside_nothing_else(
    files: FileStatements, begun: date
) -> None:
    if proof_of(files, begun) is FileProof.ABSENT:
        assert len(files.absent_on) > 1
        assert not files.amounts
        assert not [night for night in files.failed_on if night >= begun]


# ---- a biller that says "not found"


@pytest.mark.parametrize("facts", [FACTS, NEVER])
@pytest.mark.parametrize("files", [FAILED, ABSENT])
def test_a_negative_answer_is_final_once_files_say_the_same(
    facts: SafetyFacts, files: FileStatements
) -> None:
    assert final_not_found_at(SEND, facts, TIMING, files) == A_MINUTE_AFTER
    assert next_step_after_not_found(SEND, A_MINUTE_AFTER - TICK, facts, TIMING, files) is NextStep.WAIT
    assert next_step_after_not_found(SEND, A_MINUTE_AFTER, facts, TIMING, files) is NextStep.GIVE_BACK


@pytest.mark.parametrize("files", [NO_FILES, ABSENT_ONCE])
def test_without_files_a_negative_answer_is_as_final_as_the_biller_says(files: FileStatements) -> None:
    later = SENT_UNTIL + timedelta(days=20)
    assert next_step_after_not_found(SEND, A_MINUTE_AFTER, FACTS, TIMING, files) is NextStep.WAIT
    assert next_step_after_not_found(SEND, later, FACTS, TIMING, files) is NextStep.SEND_AGAIN
    assert next_step_after_not_found(SEND, later, NEVER, TIMING, files) is NextStep.WAIT


@pytest.mark.parametrize("files", [DONE, DISPUTED, TWO_AMOUNTS])
def test_what_a_file_holds_is_neither_sent_again_nor_given_back(files: FileStatements) -> None:
    for facts in (FACTS, NEVER):
        later = SENT_UNTIL + timedelta(days=20)
        assert next_step_after_not_found(SEND, later, facts, TIMING, files) is NextStep.ASK_A_PERSON


@given(ANY_FILES, st.integers(min_value=0, max_value=9_000))
def test_files_never_bring_a_second_send_about(files: FileStatements, seconds: int) -> None:
    now = SENT_UNTIL + timedelta(seconds=seconds)
    step = next_step_after_not_found(SEND, now, FACTS, TIMING, files)
    if step is NextStep.SEND_AGAIN:
        assert next_step_after_not_found(SEND, now, FACTS, TIMING) is NextStep.SEND_AGAIN
    if step is NextStep.GIVE_BACK:
        assert now >= A_MINUTE_AFTER


def test_where_nobody_can_be_asked_no_answer_is_ever_final() -> None:
    assert final_not_found_at(SEND, replace(FACTS, can_be_asked=False), TIMING, FAILED) is None


# ---- a biller that cannot be asked


@pytest.mark.parametrize(
    ("word", "step", "step_where_it_owes_us"),
    [
        ("none", FileStep.WAIT, FileStep.WAIT),
        ("done", FileStep.BELIEVE, FileStep.ASK_A_PERSON),
        ("failed", FileStep.GIVE_BACK, FileStep.GIVE_BACK),
        ("absent", FileStep.ASK_A_PERSON, FileStep.ASK_A_PERSON),
        ("disputed", FileStep.ASK_A_PERSON, FileStep.ASK_A_PERSON),
    ],
)
def test_what_a_file_alone_allows(word: str, step: FileStep, step_where_it_owes_us: FileStep) -> None:
    proof = proof_of(BY_WORD[word], SUNDAY)
    assert step_without_inquiry(proof, State.DELIVERING, owes_us=False) is step
    assert step_without_inquiry(proof, State.DELIVERING, owes_us=True) is step_where_it_owes_us


@pytest.mark.parametrize("proof", FileProof)
def test_what_was_given_back_and_is_there_is_believed_and_nothing_else_is_touched(proof: FileProof) -> None:
    for state in set(State) - {State.DELIVERING}:
        is_late = state is State.REFUNDED and proof is FileProof.DONE
        step = step_without_inquiry(proof, state, owes_us=True)
        assert step is (FileStep.BELIEVE if is_late else FileStep.WAIT)


# ---- refunds

ORDER = RefundOrder(UUID(int=9), "bkash", "R", "P1", "TRX1", Money(AMOUNT), Money(AMOUNT), "the wrong meter")
LINE = RefundLine("TRX2", Money(AMOUNT), is_done=True)
SILENCE = InDoubt("no answer in time")


def test_a_refund_that_a_file_names_is_looked_for_and_never_sent() -> None:
    other = replace(LINE, amount=Money(1))
    assert found_refund(ORDER, RefundsFound((other, LINE))) == LINE
    assert found_refund(ORDER, RefundsFound((replace(LINE, is_done=False),))) == replace(LINE, is_done=False)


@pytest.mark.parametrize(
    ("order", "lines"),
    [
        (ORDER, ()),
        (ORDER, (replace(LINE, amount=Money(1)),)),
        (replace(ORDER, known_refunds=frozenset({"TRX2"})), (LINE,)),
        (replace(ORDER, provider_refund="TRX3"), (LINE,)),
    ],
)
def test_a_refund_that_only_a_file_names_stays_in_doubt(
    order: RefundOrder, lines: tuple[RefundLine, ...]
) -> None:
    assert isinstance(found_refund(order, RefundsFound(lines)), InDoubt)


def test_no_answer_about_a_refund_leaves_the_doubt() -> None:
    assert found_refund(ORDER, NoAnswer("timed out")) == InDoubt(
        "a settlement file names it as done; asked for it: timed out"
    )


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("none", SILENCE),
        ("done", RefundLine("", Money(AMOUNT), is_done=True)),
        ("failed", Declined("its settlement file names it as failed")),
        ("absent", SILENCE),
        ("disputed", SILENCE),
    ],
)
def test_where_refunds_cannot_be_asked_about_the_file_answers(word: str, outcome: RefundOutcome) -> None:
    assert refund_by_file(SILENCE, ORDER, BY_WORD[word], SUNDAY) == outcome


@pytest.mark.parametrize("outcome", [LINE, Declined("too late"), Unreached("refused")])
def test_what_a_connector_says_of_a_refund_counts_more_than_its_file(outcome: RefundOutcome) -> None:
    for files in BY_WORD.values():
        assert refund_by_file(outcome, ORDER, files, SUNDAY) == outcome
