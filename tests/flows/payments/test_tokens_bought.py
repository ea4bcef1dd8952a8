"""What a prepaid biller returned is shown again for ever, and never bought again."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.outcome import Approved, InDoubt, Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.flows.payments.pay_bill import PaymentAnswer, pay_bill
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from tests.factories import TOTAL, a_world, an_order
from tests.fakes.billers import LOSES_ANSWER, PROFILE, Deed
from tests.fakes.world import SmallWorld

LINES = tuple(TokenLine(seq, TokenKind.CREDIT, f"{seq:020d}") for seq in range(1, 13))


def a_prepaid_world() -> SmallWorld:
    small = a_world()
    small.biller.profile = replace(PROFILE, gives_tokens=True, steps=("vend",))
    return small


async def bought(small: SmallWorld) -> PaymentAnswer:
    answer = await pay_bill(an_order(), small.world)
    assert isinstance(answer, PaymentAnswer)
    return answer


async def test_every_repeat_shows_the_same_lines_and_vends_nothing() -> None:
    small = a_prepaid_world()
    small.biller.deeds.append(Deed(Approved({}, LINES), posts=True))
    answers = [await bought(small) for _ in range(3)]
    assert [answer.tokens for answer in answers] == [list(LINES)] * 3
    assert len(small.biller.orders) == 1


async def test_a_vend_whose_answer_was_lost_brings_its_token_when_it_is_found() -> None:
    small = a_prepaid_world()
    small.biller.deeds.append(LOSES_ANSWER)
    assert (await bought(small)).tokens == ()
    small.biller.inquiries.append(Posted("A1", TOTAL, {}, LINES))
    small.clock.pass_by(91)
    (leased,) = await small.books.lease_due(16, 60)
    await resolve_in_doubt(leased, small.world)
    assert (await bought(small)).tokens == list(LINES)
    assert len(small.biller.orders) == 1


async def test_a_token_of_a_payment_in_review_is_kept_and_not_told() -> None:
    small = a_prepaid_world()
    small.biller.deeds.append(Deed(InDoubt("cut off"), posts=True))
    await bought(small)
    small.biller.inquiries.append(Posted("A1", TOTAL + 1, {}, LINES))
    small.clock.pass_by(91)
    (leased,) = await small.books.lease_due(16, 60)
    await resolve_in_doubt(leased, small.world)
    answer = await bought(small)
    assert (answer.state, answer.tokens) == (State.IN_REVIEW, ())
    assert small.books.token_lines[small.books.only().claim.payment_id] == LINES


async def test_other_billers_are_not_asked_for_tokens() -> None:
    small = a_world()
    await bought(small)
    assert "tokens" not in small.steps.taken


@pytest.mark.parametrize("digits", ["", "1" * 19, "1" * 21, "1234 5678 9012 3456 78", "১" * 20])
def test_a_line_is_twenty_digits(digits: str) -> None:
    with pytest.raises(ValueError, match="20 digits"):
        TokenLine(1, TokenKind.CREDIT, digits)


def test_a_line_counts_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        TokenLine(0, TokenKind.CREDIT, "1" * 20)


def test_a_line_shows_no_digit_by_accident_and_groups_them_on_purpose() -> None:
    line = TokenLine(1, TokenKind.CREDIT, "12345678901234567890")
    assert "1234" not in repr(line)
    assert line.grouped_digits == "1234 5678 9012 3456 7890"
