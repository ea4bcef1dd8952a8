"""What citizens read is compared with the books: what agrees is silent, each difference is one sentence."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from sandbox.callers.citizen.portal import CartView
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.citizens.books import PORTAL, CitizenOutcome, compare_citizens
from sandbox.rehearsals.demo.citizens.load import CitizenExperience, CitizenVisit
from sandbox.rehearsals.demo.citizens.report import citizens_json, citizens_line
from sandbox.rehearsals.demo.citizens.script import CitizenCourse, CitizenOrder
from sandbox.rehearsals.demo.collecting.provider_scenarios import DemoProvider

NAGAD = DemoProvider("nagad", "nagad", PayerKind.WALLET, 1, takes_money_on_order=False, kept_basis_points=150)
NUMBER, PAYMENT = "261202144316bf0ed", "01a235ec-1ebd-70f1-965e-537202ec4109"
TOLD = f"ekPay: 3 bills paid, Tk 1,000.00. Payment {NUMBER}."
CART = "01a235ec1e3377bea826504d555f78a6"
BILLS = [
    Payable("b025", "1", [{}], 30_000),
    Payable("b9001", "2", [{}], 20_000),
    Payable("b9002", "3", [{}], 50_000),
]
STATES = ("completed", "completed", "completed")
SUBJECT = "citizen 4, three_bills_by_one_payment"
READ = ("paid", "paid", "paid")


def payment(reference: str, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - as it is exported
    plain = {
        "id": reference, "partner_id": PORTAL, "reference": reference, "biller_id": "desco_postpaid",
        "state": "completed", "amount": 0, "rounding": 0, "tries": [], "refunds": [],
    }  # fmt: skip
    return plain | parts


def exported(states: Sequence[str] = STATES, collected: str = "completed") -> list[dict[str, Any]]:
    tries = [{"connector_id": "bkash", "collected": None}, {"connector_id": "nagad", "collected": 100_000}]
    lines = [
        payment(f"cart:{CART}:{seq}", amount=bill.amount_paisa, state=state)
        for seq, (bill, state) in enumerate(zip(BILLS, states, strict=True), 1)
    ]
    whole = payment(
        f"ekpg:{CART}", id=PAYMENT, amount=100_000, state=collected, tries=tries, biller_id="merchant:portal"
    )
    return [*reversed(lines), whole, payment("R1", partner_id="partner-0")]


def visit(
    read: Sequence[str] = READ, state: str = "paid", course: CitizenCourse = CitizenCourse.CART
) -> CitizenVisit:
    order = CitizenOrder(4, course, BILLS, NAGAD, "01712500004")
    return CitizenVisit(order, 100_000, NAGAD, [CartView("/cart/R", state, tuple(read), NUMBER)])


def compared(
    visits: Sequence[CitizenVisit], lines: Sequence[dict[str, Any]], texts: Sequence[str] = (TOLD,)
) -> CitizenOutcome:
    return compare_citizens(CitizenExperience(list(visits)), lines, {NUMBER: PAYMENT}, texts)


def test_a_cart_that_was_read_as_it_stands_is_explained() -> None:
    outcome = compared([visit()], exported())
    assert outcome.disagreements == []
    assert (outcome.carts, outcome.bills, outcome.paid_paisa) == (1, {"paid": 3}, 100_000)
    assert citizens_line(outcome) == "At the portal 1 citizens paid 1 carts; their bills: 3 paid."
    assert citizens_json(outcome)["courses"] == {"three_bills_by_one_payment": {"paid": 3}}


@pytest.mark.parametrize("word", ["given_back", "by_staff", "goes_back"])
def test_a_bill_that_its_biller_refused_goes_back(word: str) -> None:
    outcome = compared(
        [visit((word, "paid", "paid"), "notice")], exported(("refunded", "completed", "completed"))
    )
    assert outcome.disagreements == []
    assert (outcome.bills, outcome.paid_paisa) == ({word: 1, "paid": 2}, 70_000)


@pytest.mark.parametrize(
    ("seen", "lines", "sentence"),
    [
        (visit(("given_back", "paid", "paid")), exported(), "reads given_back of desco_postpaid's bill"),
        (visit(), exported(("completed", "refunded", "completed")), "reads paid of desco_postpaid's bill"),
        (visit(), exported(("completed", "delivering", "completed")), "its payment is delivering"),
        (visit(("paid", "paid")), exported(), "reads of 2 bills, and the books have 3"),
        (visit(), exported(collected="expired"), "the books have no money of the cart"),
        (visit(), exported()[1:], "collected 1,000.00, paid on 500.00"),
    ],
)  # fmt: skip
def test_a_citizen_who_reads_something_else_is_a_disagreement(
    seen: CitizenVisit, lines: list[dict[str, Any]], sentence: str
) -> None:
    found = " ".join(compared([seen], lines).disagreements)
    assert found.startswith(f"{SUBJECT}: ")
    assert sentence in found


def test_the_sum_that_was_shown_and_the_connector_that_was_chosen_are_compared() -> None:
    other = visit()
    other.shown_paisa, other.provider = 99_999, replace(NAGAD, id="rocket")
    assert compared([other], exported()).disagreements == [
        f"{SUBJECT}: shown 999.99, collected 1,000.00, paid on 1,000.00, billed 1,000.00",
        f"{SUBJECT}: has paid by rocket, and ['nagad'] collected",
    ]


def test_who_cancels_has_paid_nothing_and_reads_so() -> None:
    cancelled = visit((), "refused", CitizenCourse.CANCELLED)
    never = [line for line in exported(collected="declined") if not line["reference"].startswith("cart:")]
    assert compared([cancelled], never, ["ekPay code: 123456."]).disagreements == []
    assert "has cancelled, and the books have a payment" in compared([cancelled], exported()).disagreements[0]
    unsure = visit((), "unknown", CitizenCourse.CANCELLED)
    assert "has cancelled, and reads unknown" in compared([unsure], never).disagreements[0]


def test_a_cart_of_nobody_and_a_citizen_without_a_page_are_found() -> None:
    assert compared([], exported()).disagreements == [f"cart {CART}: no citizen knows of it"]
    blind = visit()
    blind.views.clear()
    assert "has read nothing of the ordered cart" in compared([blind], exported()).disagreements[0]


def test_a_cart_that_was_left_is_in_no_book() -> None:
    left = visit(course=CitizenCourse.LEFT)
    assert compared([left], []).disagreements == []
    assert compared([left], exported()).disagreements == [f"cart {CART}: no citizen knows of it"]


@pytest.mark.parametrize(("texts", "times"), [((), 0), ((TOLD, TOLD), 2)])
def test_a_payer_is_told_the_outcome_by_one_message(texts: Sequence[str], times: int) -> None:
    assert compared([visit()], exported(), texts).disagreements == [
        f"{SUBJECT}: {times} text messages tell the outcome of {NUMBER}"
    ]


def test_money_that_staff_bring_back_is_owed_where_its_connector_gives_nothing_back() -> None:
    by_hand = visit(("by_staff", "paid", "paid"), "notice")
    by_hand.provider = replace(NAGAD, parts_max=0)
    lines = exported(("refunded", "completed", "completed"))
    lines[-2]["refunds"] = [{"state": "by_hand"}, {"state": "done"}]
    assert compared([by_hand], lines).refunds == 1
    assert compared([by_hand], lines).owed == {PAYMENT: "nagad"}
    by_hand.provider = NAGAD
    assert compared([by_hand], lines).owed == {}


def test_of_a_bill_in_stand_in_the_newest_payment_counts() -> None:
    lines = exported()
    tries = [
        payment(f"cart:{CART}:1{nth}", amount=BILLS[0].amount_paisa, state=state)
        for nth, state in (("", "refunded"), (":2", "refunded"), (":10", "completed"))
    ]
    rest = [line for line in lines if line["reference"] != f"cart:{CART}:1"]
    outcome = compared([visit()], [tries[2], tries[0], *rest, tries[1]])
    assert outcome.unexplained == []
    assert outcome.paid_paisa == 100_000
