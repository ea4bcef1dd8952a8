"""Claims of what was sent before a restore of the database: judged by what still matters then."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.payments.claims import Claim
from ekpay_switch.domain.refusals import Refusal
from tests.domain.payments.test_claims import NOW, a_claim, a_quote, a_snapshot, refusal_of


def test_what_was_sent_before_a_restore_comes_neither_too_late_nor_over_its_day() -> None:
    seen = a_snapshot(replace(a_quote(), expires_at=NOW - timedelta(days=2)))
    seen.left_today["bank1"] = 0
    assert refusal_of(replace(a_claim(), is_recovered=True), seen) is None
    assert refusal_of(a_claim(2), seen) is Refusal.BILL_TAKEN


@pytest.mark.parametrize(
    ("claim", "refusal"),
    [(a_claim(paid=99), Refusal.AMOUNT_DIFFERS), (a_claim(quote_id="Q9"), Refusal.QUOTE_EXPIRED)],
)
def test_a_recovered_claim_that_is_refused_burns_nothing(claim: Claim, refusal: Refusal) -> None:
    seen = a_snapshot(a_quote())
    assert refusal_of(replace(claim, is_recovered=True), seen) is refusal
    assert seen.payments == {}


def test_a_recovered_claim_needs_its_prefund_like_any_other() -> None:
    seen = a_snapshot(a_quote(amount=100), headroom=99)
    assert refusal_of(replace(a_claim(), is_recovered=True), seen) is Refusal.PREFUND_TOO_LOW
