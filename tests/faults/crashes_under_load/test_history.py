"""The history checker finds what it is there to find, in histories made up with a fault."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.faults.crashes_under_load import history
from tests.faults.crashes_under_load.history import History, check

Lines = list[dict[str, Any]]

ACCOUNT = "prefund:p1:postpaid"
RULES = {
    "kind": "rules", "at": 0.0, "far_side": "desco", "inquiries_per_second": 5.0, "inquiries_at_once": 2,
    "spacing_seconds": 1.0, "unsure_after_seconds": 8.0,
}  # fmt: skip


def said(number: int, began: float, ended: float, code: str, op: str = "pay", **more: Any) -> Lines:  # noqa: ANN401
    """A call about R1 from its invocation to its answer."""
    call = {"kind": "call", "at": began, "id": number, "op": op, "partner": "p1"}
    if op != "balance":
        call |= {"reference": "R1", "bill": "B1"}
    return [call, {"kind": "answer", "at": ended, "id": number, "code": code, **more}]


def posted(seq: int, amount: int, moment: str = "accepted") -> dict[str, Any]:
    return {"kind": "posting", "lane": 3, "seq": seq, "moment": moment, "account": ACCOUNT, "amount": amount}


def step(seq: int, before: str, after: str) -> dict[str, Any]:
    return {"kind": "step", "payment": "P1", "seq": seq, "from": before, "event": "", "to": after}


def payment(state: str) -> dict[str, Any]:
    return {
        "kind": "payment", "payment": "P1", "partner": "p1", "reference": "R1", "bill": "B1", "state": state,
        "amount": 900, "total": 1_000, "sent_as": ["T1"],
    }  # fmt: skip


def look(began: float, count: int) -> dict[str, Any]:
    return {"kind": "inquiries", "at": began + 0.01, "began": began, "far_side": "desco", "count": count}


def question(at: float) -> dict[str, Any]:
    return {"kind": "question", "at": at, "payment": "P1"}


SAVED = {"kind": "saved", "bill": "B1", "transaction": "T1", "amount": 900, "saves": 1}
FLOOR = {"kind": "floor", "account": ACCOUNT, "paisa": 0}
PAYING = [*said(1, 1.0, 2.0, "0102"), *said(2, 3.0, 4.0, "0000")]
BOOKS = [payment("completed"), step(1, "created", "delivering"), step(2, "delivering", "completed")]
LEDGER = [posted(1, -5_000, "topped_up"), posted(2, 1_000), FLOOR]
ASKED = [look(0.0, 0), look(1.0, 5), look(2.0, 10), question(1.0), question(2.1)]
SOUND: Lines = [RULES, *PAYING, *BOOKS, SAVED, *LEDGER, *ASKED]


def without(lines: Lines, *gone: dict[str, Any]) -> Lines:
    return [line for line in lines if line not in gone]


def told_balances(*told: int) -> Lines:
    return [
        line
        for number, paisa in enumerate(told, 10)
        for line in said(number, number, number + 0.5, "0000", "balance", paisa=paisa)
    ]


def faults_of(lines: Lines) -> tuple[str, ...]:
    return check(History.of(lines))


@pytest.mark.parametrize(
    "lines",
    [
        SOUND,
        [*SOUND, *told_balances(0, 5_000, 4_000, 4_000)],
        [*SOUND, *said(3, 0.1, 0.2, "none", "status"), *said(4, 5.0, 6.0, "0000", "status")],
        # Answers that overlap may arrive in any order, and what is busy says nothing.
        [*SOUND, *said(3, 3.5, 9.0, "0102"), *said(4, 8.0, 8.1, "http 503"), *said(5, 9.1, 9.2, "0000")],
        # After the whole patience with its database, "in progress" says that nobody knew.
        [*SOUND, *said(3, 5.0, 13.0, "0102"), *said(4, 14.0, 15.0, "0000")],
        [*SOUND, question(2.2), {"kind": "late", "at": 2.15, "payment": "P1"}],
        [],
    ],
    ids=["paid", "balances", "states", "overlapping", "unsure", "woken by a late answer", "nothing happened"],
)
def test_a_sound_history_has_no_fault(lines: Lines) -> None:
    assert faults_of(lines) == ()


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (without(SOUND, SAVED), "R1: completed, and the biller does not have it"),
        (without(SOUND, *BOOKS), "R1: the partner heard 0000 and the books do not have it"),
        ([*without(SOUND, SAVED), SAVED | {"saves": 2}], "bill B1: saved 2 times"),
        ([*SOUND, SAVED | {"transaction": "T2"}], "bill B1: saved 2 times"),
        ([*SOUND, {"kind": "rejected", "bill": "B1"}], "bill B1: sent to the biller again once paid"),
        ([*SOUND, posted(3, 1)], "the prefund holds 3999 paisa, and 1000 of 5000 were spent"),
    ],
    ids=[
        "not at the biller",
        "not in the books",
        "saved twice",
        "two transactions",
        "sent again",
        "a paisa gone",
    ],
)
def test_a_payment_that_is_lost_or_doubled_is_found(lines: Lines, fault: str) -> None:
    found = list(history.nothing_is_lost_or_doubled(History.of(lines)))
    assert fault in found
    assert set(found) <= set(faults_of(lines))


def test_a_ledger_that_leads_below_a_floor_is_found_in_lane_order_whatever_its_end() -> None:
    # The lines stand in another order than the lane: the second entry took more than there was.
    lines = [FLOOR, posted(3, -2_000, "topped_up"), posted(2, 1_500), posted(1, -1_000, "topped_up")]
    assert list(history.no_balance_is_below_its_floor(History.of(lines))) == [
        f"{ACCOUNT}: the postings lead to -500 paisa, below its floor"
    ]


def test_a_told_balance_below_the_floor_is_found() -> None:
    assert "p1: told a balance of -1 paisa, below its floor" in faults_of([*SOUND, *told_balances(-1)])


def test_a_told_balance_that_never_stood_is_found() -> None:
    assert faults_of([*SOUND, *told_balances(4_999)]) == (
        "p1: told a balance of 4999 paisa, which never stood",
    )


def test_a_balance_that_is_told_after_a_newer_one_is_found() -> None:
    assert faults_of([*SOUND, *told_balances(4_000, 5_000)]) == (
        "p1: told a balance of 5000 paisa after a newer one",
    )


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (said(3, 5.0, 6.0, "0102"), "R1: told 0102 after 0000"),
        (said(3, 5.0, 6.0, "0102", "status"), "R1: told 0102 after 0000"),
        (said(3, 2.5, 2.6, "none", "status"), "R1: told none after 0102"),
        (said(3, 5.0, 6.0, "1008"), "R1: told 0000 and 1008, both for good"),
        # Two last words are one too many even where the calls overlap.
        (said(3, 3.5, 3.6, "1010"), "R1: told 0000 and 1010, both for good"),
    ],
    ids=[
        "in progress again",
        "as a status",
        "not there again",
        "another last word",
        "two last words at once",
    ],
)
def test_a_reference_whose_told_state_goes_back_is_found(more: Lines, fault: str) -> None:
    assert fault in list(history.what_is_told_of_a_reference_never_goes_back(History.of([*SOUND, *more])))


def test_an_error_of_ours_that_a_partner_hears_is_found() -> None:
    lines = [*SOUND, *said(3, 5.0, 6.0, "http 500"), *said(4, 7.0, 8.0, "http 503")]
    rule = history.nobody_is_answered_with_an_error_of_ours
    assert list(rule(History.of(lines))) == ["R1: was answered http 500"]


@pytest.mark.parametrize(
    ("books", "fault"),
    [
        (
            [payment("delivering"), step(1, "created", "completed"), step(2, "completed", "delivering")],
            "payment P1: was completed, and became delivering",
        ),
        (
            [payment("completed"), step(2, "created", "completed")],
            "payment P1: its steps are not numbered 1..n",
        ),
        (
            [payment("completed"), step(1, "created", "delivering")],
            "payment P1: its steps do not lead from created to completed",
        ),
        (
            [payment("completed"), step(1, "created", "delivering"), step(2, "funded", "completed")],
            "payment P1: its steps do not lead from created to completed",
        ),
    ],
    ids=["back from the end", "a step is missing", "another state stands", "a gap between steps"],
)
def test_a_state_that_goes_back_in_the_books_is_found(books: Lines, fault: str) -> None:
    assert list(history.states_in_the_books_never_go_back(History.of(books))) == [fault]


def test_a_review_may_follow_a_final_state() -> None:
    books = [payment("in_review"), step(1, "created", "refunded"), step(2, "refunded", "in_review")]
    assert list(history.states_in_the_books_never_go_back(History.of(books))) == []


def test_questions_above_the_budget_of_a_far_side_are_found() -> None:
    lines = [RULES, look(0.0, 0), look(1.0, 4), look(2.0, 24)]
    assert list(history.no_far_side_is_asked_above_its_budget(History.of(lines))) == [
        "desco: 13 questions above its budget in 1.0 s"
    ]


def test_questions_are_counted_for_each_far_side_alone() -> None:
    other = look(1.0, 500) | {"far_side": "other"}
    assert list(history.no_far_side_is_asked_above_its_budget(History.of([RULES, look(0.0, 0), other]))) == []


def test_a_payment_that_is_asked_about_too_soon_is_found() -> None:
    assert faults_of([*SOUND, question(2.5)]) == ("payment P1: asked about again after 0.40 s",)


def test_a_late_answer_about_another_payment_wakes_nobody() -> None:
    late = {"kind": "late", "at": 2.3, "payment": "P2"}
    assert faults_of([*SOUND, question(2.5), late]) == ("payment P1: asked about again after 0.40 s",)


@pytest.mark.parametrize("kind", ["late", "back"])
def test_what_wakes_a_payment_lets_one_question_go_early(kind: str) -> None:
    wakes = {"kind": kind, "at": 2.3, "payment": "P1"}
    assert faults_of([*SOUND, question(2.5), wakes]) == ()


def test_a_file_is_checked_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound, broken, rubbish = (tmp_path / name for name in ("sound", "broken", "rubbish"))
    sound.write_bytes(b"\n".join(orjson.dumps(line) for line in SOUND))
    broken.write_bytes(b"\n".join(orjson.dumps(line) for line in without(SOUND, SAVED)))
    rubbish.write_text("no JSON")
    assert [history.main([str(path)]) for path in (sound, broken, rubbish, tmp_path / "none")] == [0, 1, 2, 2]
    assert history.main([]) == 2
    assert "R1: completed, and the biller does not have it" in capsys.readouterr().out


def test_the_file_keeps_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(line) for line in SOUND))
    assert History.read(path) == History.of(SOUND)
