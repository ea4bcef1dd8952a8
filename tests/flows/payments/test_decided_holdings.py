"""A payment that went back, about which two persons have decided: the same answer is no news."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.collections.file_proofs import FileStatements
from ekpay_switch.domain.outcome import HalfDone, Inquiry, NoAnswer, NotFound, Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.after_give_back import KNOWN_TO_HOLD, KnownHolding
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from tests.factories import TOTAL
from tests.fakes.world import SmallWorld
from tests.flows.payments.test_resolve_in_doubt import FINAL_SECONDS, in_doubt, resolve

SUSPENSE = "suspense:desco_postpaid"


async def _decided(known: KnownHolding, *, can_be_asked: bool = True) -> SmallWorld:
    small = await in_doubt(deduplicates=False)
    await resolve(small, FINAL_SECONDS)
    payment = small.books.only()
    payment.standing = replace(payment.standing, facts={KNOWN_TO_HOLD: str(known)})
    safety = replace(small.biller.profile.safety, can_be_asked=can_be_asked)
    small.biller.profile = replace(small.biller.profile, safety=safety)
    payment.next_action_at = small.clock.now()
    return small


@pytest.mark.parametrize(
    ("known", "answer", "is_news"),
    [
        (KnownHolding.WHOLE, Posted("R", TOTAL), False),
        (KnownHolding.WHOLE, Posted("R", TOTAL + 100), False),
        (KnownHolding.WHOLE, HalfDone("acknowledge"), False),
        (KnownHolding.HALF, HalfDone("acknowledge"), False),
        (KnownHolding.HALF, Posted("R", TOTAL), True),
    ],
)
async def test_only_what_was_not_decided_about_is_news(
    known: KnownHolding, answer: Inquiry, *, is_news: bool
) -> None:
    small = await _decided(known)
    small.biller.inquiries.append(answer)

    await resolve(small, 1)

    payment = small.books.only()
    assert payment.state is (State.IN_REVIEW if is_news else State.REFUNDED)
    assert bool(small.books.balance(SUSPENSE)) is is_news
    assert payment.next_action_at is None


@pytest.mark.parametrize("answer", [NotFound(), NoAnswer("silent")])
async def test_what_says_nothing_is_taken_as_before(answer: Inquiry) -> None:
    small = await _decided(KnownHolding.WHOLE)
    small.biller.inquiries.append(answer)
    await resolve(small, 1)
    assert small.books.only().state is State.REFUNDED
    assert small.books.only().next_action_at is not None


async def test_an_old_row_of_a_file_is_not_believed_again() -> None:
    small = await _decided(KnownHolding.WHOLE, can_be_asked=False)
    payment = small.books.only()
    statement = FileStatements(amounts=frozenset({TOTAL}), their_reference="T-1")
    small.books.files[payment.claim.attempt_id] = statement
    for leased in await small.books.lease_due(1, 60.0):
        await resolve_in_doubt(leased, small.world)
    assert payment.state is State.REFUNDED
    assert small.books.balance(SUSPENSE) == 0
