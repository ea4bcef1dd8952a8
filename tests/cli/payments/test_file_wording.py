"""What settlement files said of a payment, as its story tells it."""

import pytest

from ekpay_switch.cli.payments.wording import payment_lines
from ekpay_switch.persistence.payments.payment_details import PaymentDetails
from tests.cli.payments.test_payment_wording import NOON, PAYMENT

FACTS = {
    "says": "success",
    "night": "2026-03-01",
    "file": "desco-20260301.csv",
    "row": "7",
    "their_reference": "D-1",
    "amount": "105000",
}
ROW = "1050.00, row 7 of desco-20260301.csv"
LACKS = "a settlement file that had to hold it does not"


def told(kind: str, **facts: str) -> str:
    """The line of one answer."""
    evidence = {"kind": kind, "facts": FACTS | facts, "at": NOON}
    story = PaymentDetails(
        payment=PAYMENT,
        history=[],
        attempts=[],
        evidence=[evidence],
        entries=[],
        postings={},
        notifications=[],
    )
    lines = list(payment_lines(story))
    return lines[lines.index("Answers that decided nothing by themselves") + 1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            told("file:success:2026-03-01:105000"),
            f"a settlement file holds it as done: {ROW}, D-1 over there, night of 2026-03-01",
        ),
        (
            told("file:failed:2026-03-01", says="failed", their_reference=""),
            f"a settlement file holds it as failed: {ROW}, night of 2026-03-01",
        ),
        (
            told("file:absent:2026-03-01", says="absent"),
            f"{LACKS}: night of 2026-03-01",
        ),
        (
            told("aside:biller:reversal:absent:2026-03-01", says="absent"),
            f"{LACKS} (a reversal in a file of its biller, which decides nothing here): night of 2026-03-01",
        ),
    ],
)
def test_what_a_file_says_is_told_in_words(line: str, words: str) -> None:
    assert line.endswith(f"  {words}")


def test_what_an_institution_wrote_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in told("file:success:2026-03-01:1", file="\x1b[2Jx.csv", their_reference="\x1b[31mT")


def test_any_other_answer_is_told_as_before() -> None:
    assert told("begun:pay:2").split("  ")[2].startswith("pay was made ready to be sent, the attempt's")
