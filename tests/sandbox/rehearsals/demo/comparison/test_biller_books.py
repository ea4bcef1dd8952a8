"""The comparison must notice whatever a bug on either side could do to a payment."""

from dataclasses import replace

import pytest

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.demo.comparison.biller_books import (
    ComparedBooks,
    NotificationLine,
    OurLine,
    PartnerLine,
    PrefundBalance,
    TheirLine,
    compare,
)

OURS = OurLine(
    payment_id="P1",
    partner_id="bank",
    reference="R1",
    bill_number="102610000001",
    amount_paisa=50_000,
    charged_paisa=500,
    state="completed",
    scroll_no=1,
    business_date="2026-11-25",
    attempts=("T1",),
)
THEIRS = TheirLine("T1", "102610000001", 50_000, 1, "2026-11-25")
TOLD = PartnerLine("bank", "R1", "102610000001", 50_000, 500, "0000")


def books(
    ours: OurLine | None = OURS,
    theirs: tuple[TheirLine, ...] = (THEIRS,),
    told: PartnerLine | None = TOLD,
    balance_paisa: int = 49_500,
) -> ComparedBooks:
    return ComparedBooks(
        ours=[ours] if ours else [],
        theirs=theirs,
        partner_lines=[told] if told else [],
        prefunds={("bank", "postpaid"): PrefundBalance(100_000, balance_paisa)},
    )


def faults(compared: ComparedBooks) -> list[str]:
    return [one.problem for one in compare(compared).unexplained]


def given_back(state: str, code: str, theirs: tuple[TheirLine, ...] = ()) -> ComparedBooks:
    return books(replace(OURS, state=state), theirs, replace(TOLD, code=code), 100_000)


def test_books_that_agree_leave_nothing_unexplained() -> None:
    assert faults(books()) == []
    assert faults(given_back("refunded", "1008")) == []
    assert faults(given_back("declined", "1004")) == []


def test_a_completed_payment_that_the_biller_does_not_have_is_noticed() -> None:
    assert faults(books(theirs=())) == ["completed, and posted 0 times at the biller"]


def test_a_payment_posted_twice_is_noticed() -> None:
    again = replace(THEIRS, scroll_no=2)
    assert faults(books(theirs=(THEIRS, again))) == [
        "completed, and posted 2 times at the biller",
        "posted 2 times",
    ]


def test_a_bill_paid_under_a_transaction_of_nobody_is_noticed() -> None:
    stray = TheirLine("T9", "102610000009", 50_000, 2, "2026-11-25")
    assert faults(books(theirs=(THEIRS, stray))) == ["not in the switch's books"]


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ({"bill_number": "102610000002"}, "bill 102610000001 here, 102610000002 there"),
        ({"amount_paisa": 50_001}, "amount 500.00 here, 500.01 there"),
        ({"scroll_no": 2}, "scroll number 1 here, 2 there"),
        ({"scroll_date": "2026-11-26"}, "day 2026-11-25 here, 2026-11-26 there"),
    ],
)
def test_a_line_that_differs_is_noticed(difference: dict[str, object], said: str) -> None:
    assert faults(books(theirs=(replace(THEIRS, **difference),))) == [said]  # type: ignore[arg-type]


def test_a_scroll_number_used_twice_in_a_day_is_noticed() -> None:
    second = replace(OURS, payment_id="P2", reference="R2", bill_number="102610000002", attempts=("T2",))
    compared = ComparedBooks(
        ours=[OURS, second],
        theirs=[THEIRS, replace(THEIRS, transaction_id="T2", bill_number="102610000002")],
        partner_lines=[TOLD, replace(TOLD, reference="R2", bill_number="102610000002")],
        prefunds={},
    )
    assert faults(compared) == ["used 2 times"]


@pytest.mark.parametrize(("state", "code"), [("refunded", "1008"), ("declined", "1003"), ("expired", "1007")])
def test_money_given_back_for_a_posted_payment_is_noticed(state: str, code: str) -> None:
    assert faults(given_back(state, code, (THEIRS,))) == [f"{state}, and the biller has posted it"]


def test_an_open_payment_is_never_explained() -> None:
    compared = books(replace(OURS, state="delivering"), told=replace(TOLD, code="0102"))
    assert faults(compared) == ["still open (delivering)"]


def test_a_review_is_explained_only_by_a_biller_that_contradicts_itself() -> None:
    in_review, told = replace(OURS, state="in_review"), replace(TOLD, code="0102")
    compared = compare(books(in_review, (replace(THEIRS, stated_paisa=50_100),), told))
    assert compared.unexplained == []
    assert [one.subject for one in compared.contradictions] == ["payment P1"]
    for theirs in ((), (THEIRS,), (replace(THEIRS, stated_paisa=50_000),)):
        assert faults(books(in_review, theirs, told)) == [
            "in review, and the biller's book shows no contradiction"
        ]


@pytest.mark.parametrize("code", ["0102", "1008", "1007"])
def test_a_partner_that_was_told_something_else_is_noticed(code: str) -> None:
    assert faults(books(told=replace(TOLD, code=code))) == [f"was told {code} of a payment that is completed"]


def test_a_partner_that_asked_for_another_amount_is_noticed() -> None:
    told = replace(TOLD, charged_paisa=0)
    assert faults(books(told=told)) == ["asked for another bill or amount than the books hold"]


def test_a_payment_that_was_answered_for_and_is_not_there_is_noticed() -> None:
    assert faults(books(None, (), TOLD, 100_000)) == ["was told 0000, and there is no payment"]
    assert faults(books(None, (), replace(TOLD, code="2001"), 100_000)) == []


def test_a_payment_that_its_partner_never_made_is_noticed() -> None:
    other = replace(TOLD, reference="R7", code="2001")
    assert faults(books(told=other)) == ["bank knows of no reference R1"]


@pytest.mark.parametrize("balance_paisa", [49_499, 49_501, 100_000])
def test_a_prefund_that_lost_or_gained_is_noticed(balance_paisa: int) -> None:
    assert faults(books(balance_paisa=balance_paisa)) == [
        f"{lakh(balance_paisa)} taka stand there, 495.00 are right"
    ]


# ---- billers of other kinds


BREB_OURS = replace(OURS, scroll_no=None, amount_paisa=50_000, owed_paisa=49_956, biller="breb_postpaid")
BREB_THEIRS = TheirLine("T1", "102610000001", 50_000, owed_paisa=49_956, biller="breb_postpaid")


def test_a_rounded_payment_agrees_when_paid_and_owed_do() -> None:
    assert faults(books(BREB_OURS, (BREB_THEIRS,))) == []
    assert faults(books(BREB_OURS, (replace(BREB_THEIRS, owed_paisa=50_000),))) == [
        "owed 499.56 here, 500.00 there"
    ]


def test_a_completed_payment_that_was_never_acknowledged_is_noticed() -> None:
    assert faults(books(BREB_OURS, (replace(BREB_THEIRS, is_whole=False),))) == [
        "the biller waits for a further step"
    ]


TOKEN = "1" * 20 + "," + "2" * 20
NESCO_OURS = replace(OURS, scroll_no=None, bucket="prepaid", attempts=("102610000001",))
NESCO_THEIRS = TheirLine("102610000001", "102610000001", 50_000, token=TOKEN)


def bought(token: str, balance_paisa: int = 49_500) -> ComparedBooks:
    return ComparedBooks(
        ours=[NESCO_OURS],
        theirs=[NESCO_THEIRS],
        partner_lines=[replace(TOLD, token=token)],
        prefunds={
            ("bank", "prepaid"): PrefundBalance(100_000, balance_paisa),
            ("bank", "postpaid"): PrefundBalance(700, 700),
        },
    )


def test_a_partner_holds_the_lines_that_the_biller_made_in_their_order() -> None:
    assert faults(bought(TOKEN)) == []
    for other in ("", "1" * 20, ",".join(reversed(TOKEN.split(",")))):
        assert faults(bought(other)) == ["holds other token lines than the 2 that the biller made"]


def test_a_token_for_a_payment_that_was_given_back_is_noticed() -> None:
    compared = books(replace(OURS, state="refunded"), (), replace(TOLD, code="1008", token=TOKEN), 100_000)
    assert faults(compared) == ["holds other token lines than the 0 that the biller made"]


def test_each_bucket_pays_for_its_own() -> None:
    assert faults(bought(TOKEN, 49_499)) == ["494.99 taka stand there, 495.00 are right"]


# ---- what an endpoint was told


def noticed(*lines: NotificationLine, state: str = "completed", code: str = "0000") -> list[str]:
    theirs = (THEIRS,) if state == "completed" else ()
    balance = 49_500 if state == "completed" else 100_000
    compared = books(replace(OURS, state=state), theirs, replace(TOLD, code=code), balance)
    return faults(replace(compared, notifications={"bank": lines}))


PAID = NotificationLine("bank", "R1", "paid", "505.00")


def test_an_endpoint_is_told_once_of_each_end() -> None:
    assert noticed(PAID) == []
    assert noticed(replace(PAID, status="refunded"), state="refunded", code="1008") == []
    assert noticed(state="declined", code="1004") == []


@pytest.mark.parametrize(
    "lines",
    [(), (PAID, PAID), (replace(PAID, status="refunded"),), (replace(PAID, amount="500.00"),)],
)
def test_an_endpoint_that_was_told_something_else_is_noticed(lines: tuple[NotificationLine, ...]) -> None:
    (fault,) = noticed(*lines)
    assert "[('paid', '505.00')] is right" in fault


def test_an_endpoint_that_was_told_of_a_stranger_is_noticed() -> None:
    assert noticed(PAID, replace(PAID, reference="R9")) == ["was told of R9"]
    assert noticed(PAID, state="declined", code="1004") == ["was told of R1"]


def test_two_billers_may_give_the_same_number_to_two_payments() -> None:
    other = replace(OURS, payment_id="P2", reference="R2", biller="other")
    theirs = (THEIRS, replace(THEIRS, biller="other"))
    told = [TOLD, replace(TOLD, reference="R2")]
    compared = compare(ComparedBooks([OURS, other], theirs, told, {}))
    assert [one.problem for one in compared.unexplained] == []
