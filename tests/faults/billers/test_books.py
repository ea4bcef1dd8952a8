"""The judge of the fault matrix finds what it is there to find, and its table is read as it was written."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sandbox.rehearsals.demo.paying.partner import Reference
from tests.faults.billers.books import HALF_DONE, LATE_SUCCESS, Ours, Theirs, disagreements
from tests.faults.matrix_table import as_markdown, drawn, read_markdown

HELD = {"prefund": 1_015, "in_flight": -1_015}
COMPLETED = Ours("P1", "completed", 1_000, 1_000, 1_015, "T1", 1, (), {"prefund": 1_015, "payable": -1_000})
REFUNDED = replace(COMPLETED, state="refunded", nets={})
DISPUTED = replace(COMPLETED, state="in_review", nets=HELD)
LATE = replace(COMPLETED, state="in_review", nets={"suspense": 1_000, "payable": -1_000})
HALF = replace(REFUNDED, state="in_review")
PAID = Theirs(1, 1, 1_000, 1_000, frozenset({"T1"}))
SAVED = replace(PAID, is_whole=False)
VENDED = replace(PAID, known_as=frozenset(), tokens="1,2")
NOTHING = Theirs(0)


def heard(*codes: str, tokens: Sequence[str] = ()) -> Reference:
    return Reference("R1", "F1", "B1", 1_000, 15, "b025", list(codes), list(tokens))


@pytest.mark.parametrize(
    ("ours", "theirs", "told", "alarms"),
    [
        (COMPLETED, PAID, heard("0102", "0000"), ()),
        (COMPLETED, VENDED, heard("0000", tokens=["1,2", "1,2"]), ()),
        (REFUNDED, NOTHING, heard("0102", "1007"), ()),
        (HALF, SAVED, heard("0102", "1007"), (HALF_DONE,)),
        (DISPUTED, PAID, heard("0102"), ("amount_echo_mismatch",)),
        (LATE, PAID, heard("0102", "1007"), (LATE_SUCCESS,)),
    ],
)
def test_books_that_agree_have_nothing_against_each_other(
    ours: Ours, theirs: Theirs, told: Reference, alarms: Sequence[str]
) -> None:
    assert list(disagreements(ours, theirs, told, alarms)) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "told", "alarms", "what"),
    [
        (replace(COMPLETED, nets=HELD), PAID, heard("0000"), (), "the ledger says"),
        (COMPLETED, NOTHING, heard("0000"), (), "completed, and not paid"),
        (COMPLETED, SAVED, heard("0000"), (), "completed, and not paid"),
        (COMPLETED, replace(PAID, count=2), heard("0000"), (), "paid twice"),
        (COMPLETED, replace(PAID, paid=999), heard("0000"), (), "999 paisa there"),
        (COMPLETED, replace(PAID, known_as=frozenset({"T9"})), heard("0000"), (), "known there as"),
        (COMPLETED, replace(PAID, is_rejected=True), heard("0000"), (), "second transaction"),
        (COMPLETED, PAID, heard("1007", "0000"), (), "told two things"),
        (COMPLETED, VENDED, heard("0000", tokens=["2,1"]), (), "other token lines"),
        (COMPLETED, VENDED, heard("0000"), (), "other token lines"),
        (REFUNDED, PAID, heard("1007"), (), "given back, and the biller has it"),
        (REFUNDED, SAVED, heard("1007"), (), "given back, and the biller has it"),
        (HALF, SAVED, heard("1007"), ("late_success",), "paid all the same"),
        (HALF, PAID, heard("1007"), (HALF_DONE,), "paid all the same"),
        (DISPUTED, PAID, heard("0102"), (), "nobody was told"),
        (LATE, PAID, heard("0102"), ("amount_echo_mismatch",), "go together"),
    ],
)
def test_books_that_disagree_are_found_out(
    ours: Ours, theirs: Theirs, told: Reference, alarms: Sequence[str], what: str
) -> None:
    assert any(what in fault for fault in disagreements(ours, theirs, told, alarms))


def test_a_table_is_read_as_it_was_written_whatever_stands_around_it() -> None:
    cells = {(row, column): f"{row} {column}; fine" for row in ("cut", "slow") for column in ("one", "two")}
    table = as_markdown(cells, ("cut", "slow"), ("one", "two"))
    assert read_markdown(f"# Title\n\n| other | table |\n\n{table}\n\n| after | it |\n") == cells
    assert drawn(cells, ("cut", "slow"), ("one", "two")).splitlines()[1] == "  one  cut one; fine"
