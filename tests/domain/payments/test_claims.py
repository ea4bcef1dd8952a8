"""Who may start, judged a batch at a time: architecture.md 6; ekpay-syndicate-api.md, "Binding"."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import (
    AcceptedClaim,
    Claim,
    ClaimVerdict,
    ConflictingClaim,
    PaymentRecord,
    QuotedBill,
    RefusedClaim,
    RepeatedClaim,
    Snapshot,
    decide_claims,
)
from ekpay_switch.domain.refusals import Refusal

NOW = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
PREFUND = "prefund:bank1:postpaid"


def a_quote(quote_id: str = "Q1", amount: int = 100, *, fee: int = 0, vat: int = 0) -> QuotedBill:
    return QuotedBill(
        quote_id=quote_id,
        biller_id="desco_postpaid",
        bill_key=f"bill of {quote_id}",
        bucket="postpaid",
        is_paid=False,
        sums=Sums(Money(amount), Money(0), Money(fee), Money(vat)),
        expires_at=NOW + timedelta(minutes=15),
        biller_quote={"billToken": "T"},
    )


def a_claim(number: int = 1, quote_id: str = "Q1", paid: int = 100, reference: str | None = None) -> Claim:
    return Claim(
        payment_id=UUID(int=number),
        attempt_id=UUID(int=1_000 + number),
        attempt_reference=f"A{number}",
        partner_id="bank1",
        lane=0,
        reference=reference or f"R{number}",
        fingerprint=f"{quote_id} {paid}".encode(),
        quote_id=quote_id,
        biller_id="desco_postpaid",
        paid=Money(paid),
        stated_total=None,
        stated_fee=None,
        send_seconds=5,
        lease_seconds=25,
    )


def a_snapshot(*quotes: QuotedBill, headroom: int = 1_000) -> Snapshot:
    return Snapshot(
        now=NOW,
        payments={},
        quotes={("bank1", quote.quote_id): quote for quote in quotes},
        taken_bills={},
        headroom={PREFUND: headroom},
    )


def refusals(verdicts: list[ClaimVerdict]) -> list[Refusal | None]:
    """Each verdict's reason, None for an accepted claim; a repeat or a conflict has no place here."""
    assert all(isinstance(verdict, AcceptedClaim | RefusedClaim) for verdict in verdicts)
    return [verdict.refusal if isinstance(verdict, RefusedClaim) else None for verdict in verdicts]


def refusal_of(claim: Claim, seen: Snapshot) -> Refusal | None:
    return refusals(decide_claims([claim], seen))[0]


def test_a_claim_on_a_live_quote_is_accepted_and_says_who_pays() -> None:
    claim, quote = a_claim(), a_quote()
    (verdict,) = decide_claims([claim], a_snapshot(quote))
    assert verdict == AcceptedClaim(claim, quote)
    assert isinstance(verdict, AcceptedClaim)
    assert verdict.prefund == PREFUND


def test_of_60_60_and_30_on_100_the_first_and_the_third_are_accepted() -> None:
    amounts = {"Q1": 60, "Q2": 60, "Q3": 30}
    seen = a_snapshot(*(a_quote(name, amount) for name, amount in amounts.items()), headroom=100)
    claims = [a_claim(number, f"Q{number}", amounts[f"Q{number}"]) for number in (1, 2, 3)]
    assert refusals(decide_claims(claims, seen)) == [None, Refusal.PREFUND_TOO_LOW, None]
    assert seen.headroom[PREFUND] == 10


def test_a_prefund_may_be_emptied_to_the_last_paisa() -> None:
    seen = a_snapshot(a_quote(amount=100, fee=7, vat=1), headroom=108)
    assert refusal_of(a_claim(), seen) is None
    assert seen.headroom[PREFUND] == 0


def test_the_fee_counts_against_the_prefund_even_if_the_partner_paid_without_it() -> None:
    seen = a_snapshot(a_quote(amount=100, fee=7, vat=1), headroom=107)
    assert refusal_of(a_claim(paid=100), seen) is Refusal.PREFUND_TOO_LOW


def test_a_partner_without_the_bucket_has_no_headroom() -> None:
    seen = replace(a_snapshot(a_quote()), headroom={})
    assert refusal_of(a_claim(), seen) is Refusal.PREFUND_TOO_LOW


# ---- the echoed values


@pytest.mark.parametrize("paid", [100, 108])
def test_a_partner_may_pay_with_or_without_our_fee(paid: int) -> None:
    assert refusal_of(a_claim(paid=paid), a_snapshot(a_quote(fee=7, vat=1))) is None


@pytest.mark.parametrize("paid", [0, 99, 101, 107, 109])
def test_another_amount_than_the_bill_is_refused(paid: int) -> None:
    assert refusal_of(a_claim(paid=paid), a_snapshot(a_quote(fee=7, vat=1))) is Refusal.AMOUNT_DIFFERS


@pytest.mark.parametrize(
    ("stated_total", "stated_fee", "refusal"),
    [
        (100, 8, None),
        (100, None, None),
        (None, 8, None),
        (108, 8, Refusal.AMOUNT_DIFFERS),
        (100, 7, Refusal.AMOUNT_DIFFERS),
        (100, 0, Refusal.AMOUNT_DIFFERS),
        (0, None, Refusal.AMOUNT_DIFFERS),
    ],
)
def test_an_echoed_total_or_fee_that_differs_is_refused_never_corrected(
    stated_total: int | None, stated_fee: int | None, refusal: Refusal | None
) -> None:
    claim = replace(
        a_claim(),
        stated_total=None if stated_total is None else Money(stated_total),
        stated_fee=None if stated_fee is None else Money(stated_fee),
    )
    assert refusal_of(claim, a_snapshot(a_quote(fee=7, vat=1))) is refusal


def test_another_biller_than_the_quotes_is_refused() -> None:
    claim = replace(a_claim(), biller_id="dpdc_postpaid")
    assert refusal_of(claim, a_snapshot(a_quote())) is Refusal.AMOUNT_DIFFERS


def test_the_same_number_in_another_currency_is_refused() -> None:
    claim = replace(a_claim(), paid=Money(100, "USD"))
    assert refusal_of(claim, a_snapshot(a_quote())) is Refusal.AMOUNT_DIFFERS


# ---- the quote


def test_an_unknown_a_foreign_and_an_expired_quote_are_refused_alike() -> None:
    unknown = a_snapshot()
    foreign = replace(a_snapshot(), quotes={("bank2", "Q1"): a_quote()})
    expired = a_snapshot(replace(a_quote(), expires_at=NOW))
    assert {refusal_of(a_claim(), seen) for seen in (unknown, foreign, expired)} == {Refusal.QUOTE_EXPIRED}


def test_a_quote_pays_until_the_last_moment() -> None:
    seen = a_snapshot(replace(a_quote(), expires_at=NOW + timedelta(microseconds=1)))
    assert refusal_of(a_claim(), seen) is None


def test_a_bill_that_the_biller_calls_paid_is_refused() -> None:
    assert refusal_of(a_claim(), a_snapshot(replace(a_quote(), is_paid=True))) is Refusal.ALREADY_PAID


def test_a_quote_pays_at_most_once() -> None:
    seen = a_snapshot(a_quote())
    assert refusals(decide_claims([a_claim(1), a_claim(2)], seen)) == [None, Refusal.BILL_TAKEN]


def test_a_bill_fetched_twice_is_paid_once() -> None:
    again = replace(a_quote("Q2"), bill_key=a_quote("Q1").bill_key)
    seen = a_snapshot(a_quote("Q1"), again)
    assert refusals(decide_claims([a_claim(1, "Q1"), a_claim(2, "Q2")], seen)) == [None, Refusal.BILL_TAKEN]


def test_a_bill_being_paid_by_anybody_is_taken() -> None:
    seen = a_snapshot(a_quote())
    seen.taken_bills["desco_postpaid", a_quote().bill_key] = UUID(int=99)
    assert refusal_of(a_claim(), seen) is Refusal.BILL_TAKEN


def test_the_same_key_at_two_billers_is_two_bills() -> None:
    seen = a_snapshot(a_quote())
    seen.taken_bills["dpdc_postpaid", a_quote().bill_key] = UUID(int=99)
    assert refusal_of(a_claim(), seen) is None


def test_a_bill_keyed_by_its_quote_is_paid_once_a_quote() -> None:
    """Where a biller takes any number of payments, the key names the quote."""
    seen = a_snapshot(*(replace(a_quote(name), bill_key=name) for name in ("Q1", "Q2")))
    claims = [a_claim(1, "Q1"), a_claim(2, "Q2"), a_claim(3, "Q1")]
    assert refusals(decide_claims(claims, seen)) == [None, None, Refusal.BILL_TAKEN]


def test_a_refused_claim_leaves_quote_and_bill_free_for_the_next_reference() -> None:
    seen = a_snapshot(a_quote())
    verdicts = decide_claims([a_claim(1, paid=99), a_claim(2)], seen)
    assert refusals(verdicts) == [Refusal.AMOUNT_DIFFERS, None]


def test_reasons_are_checked_in_one_order() -> None:
    """A claim with everything wrong, put right one thing at a time."""
    bad_quote = replace(a_quote(), is_paid=True, expires_at=NOW)
    seen = a_snapshot(bad_quote, headroom=0)
    seen.taken_bills["desco_postpaid", a_quote().bill_key] = UUID(int=99)
    bad_claim = a_claim(1, paid=99)
    found = [refusal_of(replace(bad_claim, quote_id="Q0"), seen), refusal_of(a_claim(2, paid=99), seen)]
    seen.taken_bills.clear()
    found.append(refusal_of(a_claim(3, paid=99), seen))
    for repaired in (replace(bad_quote, is_paid=False), a_quote()):
        seen.quotes["bank1", "Q1"] = repaired
        found.append(refusal_of(a_claim(10 + len(found), paid=99), seen))
    seen.left_today["bank1"] = 0
    found.append(refusal_of(a_claim(20), seen))
    seen.headroom[PREFUND] = 1_000
    found.append(refusal_of(a_claim(21), seen))
    assert found == [
        Refusal.QUOTE_EXPIRED,
        Refusal.BILL_TAKEN,
        Refusal.ALREADY_PAID,
        Refusal.QUOTE_EXPIRED,
        Refusal.AMOUNT_DIFFERS,
        Refusal.PREFUND_TOO_LOW,
        Refusal.DAILY_LIMIT_REACHED,
    ]


# ---- the reference


def standing_of(claim: Claim, state: State = State.DELIVERING, epoch: int = 1) -> PaymentRecord:
    return PaymentRecord(
        payment_id=claim.payment_id,
        partner_id=claim.partner_id,
        reference=claim.reference,
        fingerprint=claim.fingerprint,
        state=state,
        epoch=epoch,
        refusal=Refusal.AMOUNT_DIFFERS if state is State.DECLINED else None,
        quote_id=claim.quote_id,
        biller_id=claim.biller_id,
    )


def with_standing(standing: PaymentRecord, *quotes: QuotedBill) -> Snapshot:
    seen = a_snapshot(*quotes)
    seen.payments[standing.partner_id, standing.reference] = standing
    return seen


@pytest.mark.parametrize("state", State)
def test_the_same_reference_with_the_same_content_gets_its_payments_truth(state: State) -> None:
    standing = standing_of(a_claim(1), state)
    assert decide_claims([a_claim(2, reference="R1")], with_standing(standing, a_quote())) == [
        RepeatedClaim(standing)
    ]


@pytest.mark.parametrize("state", State)
def test_the_same_reference_with_other_content_conflicts(state: State) -> None:
    standing = standing_of(a_claim(1), state)
    claim = a_claim(2, "Q2", reference="R1")
    assert decide_claims([claim], with_standing(standing, a_quote("Q2"))) == [ConflictingClaim(standing)]


def test_the_same_reference_of_another_partner_is_another_reference() -> None:
    foreign = replace(standing_of(a_claim(9, reference="R1")), partner_id="bank2")
    assert refusal_of(a_claim(1), with_standing(foreign, a_quote())) is None


def test_a_reference_twice_in_one_batch_is_accepted_once() -> None:
    first, second = decide_claims([a_claim(1), a_claim(2, reference="R1")], a_snapshot(a_quote()))
    assert isinstance(first, AcceptedClaim)
    assert isinstance(second, RepeatedClaim)
    assert (second.payment.payment_id, second.payment.state) == (UUID(int=1), State.DELIVERING)


def test_a_refused_reference_stays_refused_though_its_reason_is_gone() -> None:
    seen = a_snapshot(a_quote(), headroom=0)
    assert refusal_of(a_claim(1), seen) is Refusal.PREFUND_TOO_LOW
    seen.headroom[PREFUND] = 1_000
    (verdict,) = decide_claims([a_claim(2, reference="R1")], seen)
    assert isinstance(verdict, RepeatedClaim)
    assert (verdict.payment.state, verdict.payment.refusal) == (State.DECLINED, Refusal.PREFUND_TOO_LOW)


def test_a_claim_that_was_written_but_not_heard_of_is_accepted_again() -> None:
    claim = a_claim()
    seen = with_standing(standing_of(claim), a_quote())
    seen.taken_bills["desco_postpaid", a_quote().bill_key] = claim.payment_id
    assert decide_claims([claim], seen) == [AcceptedClaim(claim, a_quote())]
    assert seen.headroom[PREFUND] == 1_000


@pytest.mark.parametrize(
    ("state", "epoch"),
    [(State.DELIVERING, 2), (State.COMPLETED, 1), (State.REFUNDED, 2), (State.DECLINED, 1)],
)
def test_a_claim_that_somebody_took_over_is_never_sent_for_again(state: State, epoch: int) -> None:
    claim = a_claim()
    standing = standing_of(claim, state, epoch)
    assert decide_claims([claim], with_standing(standing, a_quote())) == [RepeatedClaim(standing)]


def test_a_claim_whose_quote_is_gone_is_never_sent_for_again() -> None:
    standing = standing_of(a_claim())
    assert decide_claims([a_claim()], with_standing(standing)) == [RepeatedClaim(standing)]


# ---- whatever comes

QUOTES = {f"Q{number}": a_quote(f"Q{number}", 20 * number, fee=number % 3) for number in range(1, 6)}
# Q5 is the bill of Q1, fetched again.
QUOTES["Q5"] = replace(QUOTES["Q5"], bill_key=QUOTES["Q1"].bill_key)
ORDERS = st.lists(
    st.tuples(
        st.sampled_from([*QUOTES, "Q0"]),
        st.integers(min_value=1, max_value=8),
        st.sampled_from([0, 0, 0, 1]),
    ),
    max_size=25,
)


def claims_of(orders: list[tuple[str, int, int]]) -> list[Claim]:
    claims = []
    for number, (quote_id, reference, surplus) in enumerate(orders):
        owed = QUOTES[quote_id].sums.amount.minor if quote_id in QUOTES else 0
        claims.append(a_claim(number, quote_id, owed + surplus, f"R{reference}"))
    return claims


@given(ORDERS, st.integers(min_value=0, max_value=250))
def test_no_batch_overdraws_a_prefund_or_pays_anything_twice(
    orders: list[tuple[str, int, int]], headroom: int
) -> None:
    seen = a_snapshot(*QUOTES.values(), headroom=headroom)
    verdicts = decide_claims(claims_of(orders), seen)
    accepted = [verdict for verdict in verdicts if isinstance(verdict, AcceptedClaim)]
    spent = sum(verdict.quote.sums.total.minor for verdict in accepted)
    assert spent <= headroom
    assert seen.headroom[PREFUND] == headroom - spent
    for key in (
        Counter(verdict.claim.reference for verdict in accepted),
        Counter(verdict.quote.bill_key for verdict in accepted),
        Counter(verdict.quote.quote_id for verdict in accepted),
    ):
        assert all(count == 1 for count in key.values())


@given(ORDERS, st.integers(min_value=0, max_value=250), st.integers(min_value=0, max_value=25))
def test_how_claims_fall_into_batches_changes_nothing(
    orders: list[tuple[str, int, int]], headroom: int, cut: int
) -> None:
    claims = claims_of(orders)
    whole = decide_claims(claims, a_snapshot(*QUOTES.values(), headroom=headroom))
    seen = a_snapshot(*QUOTES.values(), headroom=headroom)
    assert decide_claims(claims[:cut], seen) + decide_claims(claims[cut:], seen) == whole


@given(ORDERS, st.integers(min_value=0, max_value=250))
def test_a_batch_written_again_is_decided_alike_and_takes_nothing_more(
    orders: list[tuple[str, int, int]], headroom: int
) -> None:
    seen = a_snapshot(*QUOTES.values(), headroom=headroom)
    claims = claims_of(orders)
    first = decide_claims(claims, seen)
    left = seen.headroom[PREFUND]
    again = decide_claims(claims, seen)
    assert seen.headroom[PREFUND] == left
    assert [isinstance(verdict, AcceptedClaim) for verdict in again] == [
        isinstance(verdict, AcceptedClaim) for verdict in first
    ]
