"""The judge of the kill matrix finds what it is there to find, in books made up with a fault."""

from dataclasses import replace

import pytest

from tests.faults.crashes.payment_checks import Evidence, Ours, Prefund, Theirs, Told, judge

TOLD = Told("R1", "B1", ("0102", "0000"))
OURS = Ours("R1", "B1", "completed", 1_000, 1_015, ("T1",))
THEIRS = Theirs("B1", "T1", 1_000, 1)
SOUND = Evidence((TOLD,), (OURS,), (THEIRS,), (), Prefund(5_000, 3_985))
REFUNDED = replace(
    SOUND,
    told=(replace(TOLD, codes=("0102", "1007")),),
    ours=(replace(OURS, state="refunded"),),
    theirs=(),
    prefund=Prefund(5_000, 5_000),
)


@pytest.mark.parametrize("evidence", [SOUND, REFUNDED])
def test_sound_books_have_no_fault(evidence: Evidence) -> None:
    assert judge(evidence).faults == ()


@pytest.mark.parametrize(
    "evidence",
    [
        replace(SOUND, theirs=()),
        replace(SOUND, theirs=(replace(THEIRS, transaction="T9"),)),
        replace(SOUND, ours=(), theirs=(), prefund=Prefund(5_000, 5_000)),
        replace(REFUNDED, told=(TOLD,)),
        replace(REFUNDED, told=(replace(TOLD, codes=("0000", "1007")),)),
        replace(SOUND, ours=(replace(OURS, state="delivering"),)),
        replace(SOUND, told=(), theirs=()),
    ],
    ids=[
        "acknowledged, and not at the biller",
        "acknowledged, and at the biller under another transaction",
        "acknowledged, and not in the books",
        "acknowledged, and given back",
        "acknowledged first, taken back later",
        "acknowledged, and still open",
        "completed without the partner or the biller knowing",
    ],
)
def test_a_lost_payment_is_found(evidence: Evidence) -> None:
    assert judge(evidence).lost


@pytest.mark.parametrize(
    "evidence",
    [
        replace(SOUND, theirs=(replace(THEIRS, saves=2),)),
        replace(SOUND, theirs=(THEIRS, replace(THEIRS, transaction="T2"))),
        replace(SOUND, sent_twice=("B1",)),
        replace(SOUND, ours=(OURS, replace(OURS, reference="R2", sent_as=("T2",)))),
        replace(REFUNDED, theirs=(THEIRS,)),
    ],
    ids=[
        "saved twice under one transaction",
        "saved under two transactions",
        "sent again under another transaction and refused by the biller",
        "completed under two references",
        "given back, and paid at the biller",
    ],
)
def test_a_doubled_payment_is_found(evidence: Evidence) -> None:
    assert judge(evidence).doubled


@pytest.mark.parametrize(
    "evidence",
    [
        replace(REFUNDED, ours=(replace(OURS, state="delivering"),)),
        replace(REFUNDED, ours=(replace(OURS, state="in_review"),)),
        replace(SOUND, told=(replace(TOLD, codes=("0102",)),)),
        replace(SOUND, told=(replace(TOLD, codes=()),)),
        replace(REFUNDED, ours=()),
        replace(SOUND, prefund=Prefund(5_000, 3_984)),
        replace(REFUNDED, prefund=Prefund(5_000, 3_985)),
        replace(SOUND, theirs=(replace(THEIRS, amount=999),)),
        replace(SOUND, theirs=(THEIRS, Theirs("B2", "T2", 1_000, 1))),
    ],
    ids=[
        "still open",
        "in review",
        "completed, and the partner hears that it is in progress",
        "completed, and the partner heard nothing",
        "answered, and not in the books",
        "a paisa of the prefund is gone",
        "given back, and the prefund did not get it",
        "another amount at the biller",
        "the biller holds what we never sent",
    ],
)
def test_anything_else_that_does_not_fit_is_found(evidence: Evidence) -> None:
    assert judge(evidence).wrong
