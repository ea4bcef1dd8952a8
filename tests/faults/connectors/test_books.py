"""The judgement of the connector matrix finds out what it has to: each way in which books can disagree."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from sandbox.callers.client.messages import ApiPayment, ApiTokenLine
from tests.faults.connectors.books import Books, OurRefund, OurTry, disagreements, told
from tests.faults.connectors.cells import COLUMNS, PLAYS
from tests.faults.connectors.providers import CONNECTORS, Held
from tests.faults.connectors.scene import Names
from tests.faults.connectors.test_connector_matrix import as_markdown, read_document

NOW = datetime(2026, 11, 25, tzinfo=UTC)
ID = UUID(int=7)
TOTAL, FEE = 51_750, 776
TWO_TRIES = "tries second_success, approved"
TOLD_MORE = "there taken and told 1.00 more"
TOKEN = "12345678901234567890"
TOLD = ApiPayment(
    id=f"pay_{ID.hex}",
    status="paid",
    reason=None,
    biller="b9002",
    bill={},
    amount=50_000,
    charge=750,
    fee=870,
    vat=130,
    total=TOTAL,
    instrument="tap",
    page_url=None,
    pay_until=NOW,
    next_check_at=None,
    refunded=0,
    created_at=NOW,
    updated_at=NOW,
    tokens=(ApiTokenLine(1, "credit", TOKEN),),
)
TAKEN = Held("R1", "paid", TOTAL, TOTAL, FEE, frozenset({"M1"}))
PAID = Books(
    told=TOLD,
    state="completed",
    total=TOTAL,
    tries=[OurTry("R1", "tap", "approved", "M1", TOTAL)],
    refunds=[],
    nets={"receivable:tap": TOTAL - FEE, "connector_fee:tap": FEE, "payable:nesco_prepaid": -TOTAL},
    theirs={"R1": TAKEN},
    kept_basis_points={"tap": 150, "bkash": 150},
    token=TOKEN,
)
BACK = replace(TAKEN, given_back=[(frozenset({"F1"}), 20_000)])
REFUNDED = replace(
    PAID,
    refunds=[OurRefund("R1", "refund", "done", 20_000, "F1")],
    nets={**PAID.nets, "receivable:tap": 30_974, "payable:nesco_prepaid": -31_750},
    theirs={"R1": BACK},
)
TWICE = replace(
    PAID,
    tries=[OurTry("R0", "bkash", "second_success", "M0", TOTAL), *PAID.tries],
    refunds=[OurRefund("R0", "unexpected", "done", TOTAL, is_by_hand=True)],
    nets={
        **PAID.nets,
        "receivable:bkash": TOTAL - FEE,
        "connector_fee:bkash": FEE,
        "settlement_bank": -TOTAL,
    },
    theirs={"R0": Held("R0", "paid", TOTAL, TOTAL, FEE, frozenset({"M0"})), "R1": TAKEN},
)
UNPAID = replace(
    PAID,
    told=replace(TOLD, status="failed", tokens=()),
    state="expired",
    tries=[OurTry("R1", "tap", "never_paid", why="cancelled")],
    nets={},
    theirs={"R1": Held("R1", "cancelled")},
    token="",
)
REVIEWED = replace(
    PAID,
    told=replace(TOLD, status="pending", tokens=()),
    state="in_review",
    tries=[OurTry("R1", "tap", "disagreed", "M1", TOTAL + 100)],
    nets={"receivable:tap": 51_072, "connector_fee:tap": 778, "suspense:tap": -51_850},
    theirs={"R1": replace(TAKEN, told=TOTAL + 100)},
    token="",
    alarms=["collected_mismatch"],
)


@pytest.mark.parametrize("books", [PAID, REFUNDED, TWICE, UNPAID, REVIEWED])
def test_books_that_agree_have_nothing_against_each_other(books: Books) -> None:
    assert list(disagreements(books)) == []


@pytest.mark.parametrize(
    ("books", "what"),
    [
        (replace(PAID, theirs={}), "has no order R1"),
        (replace(PAID, theirs={"R1": replace(TAKEN, taken=1, told=1)}), "brought 51750 here and 1 there"),
        (replace(PAID, theirs={"R1": replace(TAKEN, names=frozenset())}), "was moved as M1 here"),
        (replace(PAID, theirs={"R1": replace(TAKEN, fee=0)}), "tap owes us 50974 here and 51750 there"),
        (replace(PAID, theirs={"R1": BACK}), "tap gave back 20000 of its own"),
        (replace(REFUNDED, theirs={"R1": TAKEN}), "the refund F1 of 20000 is not at tap"),
        (replace(REFUNDED, theirs={"R1": replace(BACK, given_back=[*BACK.given_back] * 2)}), "of its own"),
        (
            replace(REFUNDED, refunds=[replace(REFUNDED.refunds[0], state="in_doubt")]),
            "a refund is in_doubt",
        ),
        (replace(PAID, nets={**PAID.nets, "fee_income": -1}), "does not balance"),
        (replace(PAID, told=replace(TOLD, status="pending")), "its shop was told pending"),
        (replace(PAID, told=replace(TOLD, tokens=())), "its shop holds other token lines"),
        (replace(PAID, token=""), "its biller made no token"),
        (replace(UNPAID, token=TOKEN), "its biller made a token"),
        (replace(PAID, total=TOTAL + 1), "[51750] of 51751 were collected"),
        (replace(UNPAID, tries=PAID.tries, theirs=PAID.theirs), "it is expired, and [51750]"),
        (replace(PAID, tries=[*PAID.tries, *PAID.tries]), "[51750, 51750] of 51750"),
        (replace(PAID, state="refunded", told=replace(TOLD, status="refunded")), "it is refunded"),
        (replace(TWICE, refunds=[]), "beside it [51750] were collected and 0 given back"),
        (replace(TWICE, nets={**TWICE.nets, "suspense:bkash": -1}), "beside it"),
        (replace(REVIEWED, nets={**REVIEWED.nets, "suspense:tap": -51_750}), "51750 stand in suspense"),
        (replace(REVIEWED, theirs=PAID.theirs), "it is in_review, and no provider contradicts itself"),
        (replace(PAID, theirs=REVIEWED.theirs), "it is completed, and a provider contradicts itself"),
        (replace(PAID, state="delivering"), "it is delivering"),
    ],
)
def test_books_that_disagree_are_found_out(books: Books, what: str) -> None:
    assert any(what in fault for fault in disagreements(books))


def test_a_cell_that_ends_otherwise_than_the_document_says_is_found_out() -> None:
    cells = {(row, column): f"{row} {column}" for row in CONNECTORS for column in COLUMNS}
    document = f"# The matrix\n\n{as_markdown(cells, CONNECTORS)}\n\n## Why\n"
    assert read_document(document) == cells
    changed = document.replace("tap refund", "tap refund of another kind")
    assert {cell for cell, text in read_document(changed).items() if text != cells[cell]} == {
        ("tap", "refund")
    }


@pytest.mark.parametrize(
    ("books", "text"),
    [
        (PAID, "completed (paid); try approved; there taken"),
        (UNPAID, "expired (failed); try never_paid (cancelled); there cancelled"),
        (REFUNDED, "completed (paid); try approved; refund of 200 done; there taken and 200 given back"),
        (
            TWICE,
            f"completed (paid); {TWO_TRIES}; second money done by hand; there taken, then taken",
        ),
        (
            REVIEWED,
            f"in_review (pending); try disagreed; {TOLD_MORE}; suspense 518.50; alarm collected_mismatch",
        ),
        (
            replace(UNPAID, theirs={}, forged=2),
            "expired (failed); try never_paid (cancelled); there nothing; 2 forged",
        ),
    ],
)
def test_a_payment_is_told_by_what_every_book_holds_of_it(books: Books, text: str) -> None:
    assert "; ".join(told(books)) == text


def test_every_column_is_played() -> None:
    assert sorted(PLAYS) == sorted(COLUMNS)


def test_a_proof_is_renamed_as_the_names_of_both_pages_say() -> None:
    cheap, dear = Names("R1", "9001.SESSION1"), Names("R2", "9002.SESSION2")
    told = {
        "tran_id": "R1",
        "order": "9001",
        "xmlmsg": "<OrderID>9001</OrderID><SessionID>SESSION1</SessionID>",
    }
    assert cheap.as_those_of(dear, told) == {
        "tran_id": "R2",
        "order": "9002",
        "xmlmsg": "<OrderID>9002</OrderID><SessionID>SESSION2</SessionID>",
    }
