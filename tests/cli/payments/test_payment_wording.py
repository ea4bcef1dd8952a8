"""Where a payment's money comes from, as its story tells it."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from ekpay_switch.cli.payments.wording import payment_lines
from ekpay_switch.persistence.payments.payment_details import PaymentDetails

NOON = datetime(2026, 3, 1, 6, tzinfo=UTC)
PAYMENT = {
    "id": UUID(int=1),
    "partner_id": "shop1",
    "reference": "v1:K1",
    "biller_id": "desco_postpaid",
    "bill_key": "092512345678",
    "business_date": date(2026, 3, 1),
    "currency": "BDT",
    "amount": 105_000,
    "rounding": 0,
    "charge": 1_575,
    "fee": 500,
    "vat": 75,
    "bucket": "postpaid",
    "collected_by": None,
    "scroll_no": None,
    "state": "collecting",
    "refusal": None,
    "facts": {},
    "next_action_at": None,
    "asked": 0,
}


def attempt(leg: str) -> dict[str, object]:
    return {
        "leg": leg,
        "far_side": "somebody",
        "reference": "A1",
        "state": "open",
        "outcome": None,
        "step": "pay",
        "sends": 1,
        "opened_at": NOON,
        "closed_at": None,
    }


@pytest.mark.parametrize(
    ("leg", "collected_by", "words"),
    [
        ("delivery", None, "vat 0.75) from the postpaid prefund"),
        ("funds", None, "vat 0.75), to be collected from a payer"),
        ("funds", "bkash", "vat 0.75), collected by bkash"),
    ],
)
def test_a_story_says_where_the_money_comes_from(leg: str, collected_by: str | None, words: str) -> None:
    story = PaymentDetails(
        payment=PAYMENT | {"collected_by": collected_by},
        history=[],
        attempts=[attempt(leg)],
        evidence=[],
        entries=[],
        postings={},
        notifications=[],
    )
    assert words in "\n".join(payment_lines(story))
