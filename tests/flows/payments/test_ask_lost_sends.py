"""Asking about what a restored database has lost: never a pay call, and within the budget."""

from collections.abc import Sequence
from dataclasses import replace

from ekpay_switch.domain.outcome import Inquiry
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.domain.payments.lost_sends import LostState
from ekpay_switch.flows.payments.ask_lost_sends import ask_lost_sends
from ekpay_switch.flows.payments.pay_bill import pay_bill
from tests.factories import a_world, an_order, quote_another
from tests.fakes.billers import FakeBiller, FakeBillers
from tests.fakes.sends import FakeLostSends
from tests.fakes.world import SmallWorld


async def a_loss(*references: str) -> tuple[SmallWorld, FakeLostSends]:
    """Payments of which the journal knows and the books do not."""
    small = a_world()
    for number, reference in enumerate(references, start=1):
        quote_another(small, f"L{number}")
        await pay_bill(an_order(reference, f"L{number}"), small.world)
    small.steps.taken.clear()
    return small, FakeLostSends.of(small.sends.lines)


def states(lost_sends: FakeLostSends) -> Sequence[LostState]:
    return [lost.state for lost in lost_sends.rows.values()]


async def test_what_the_biller_holds_is_found_and_nothing_is_paid() -> None:
    small, lost_sends = await a_loss("R1", "R2")
    await ask_lost_sends(lost_sends, small.world)
    assert states(lost_sends) == [LostState.POSTED, LostState.POSTED]
    assert "pay" not in small.steps.taken


async def test_what_it_does_not_hold_is_proven_once_that_is_final() -> None:
    small, lost_sends = await a_loss("R1")
    small.biller.book.clear()
    await ask_lost_sends(lost_sends, small.world)
    assert states(lost_sends) == [LostState.UNKNOWN]
    small.clock.pass_by(200)
    await ask_lost_sends(lost_sends, small.world)
    assert states(lost_sends) == [LostState.NOT_POSTED]


async def test_what_is_proven_is_not_asked_again() -> None:
    small, lost_sends = await a_loss("R1")
    await ask_lost_sends(lost_sends, small.world)
    small.steps.taken.clear()
    await ask_lost_sends(lost_sends, small.world)
    assert small.steps.taken == []


async def test_the_budget_of_a_biller_is_kept() -> None:
    small, lost_sends = await a_loss(*(f"R{number}" for number in range(1, 7)))
    before = small.clock.monotonic()
    await ask_lost_sends(lost_sends, small.world)
    per_second = small.biller.profile.inquiries_per_second
    assert small.clock.monotonic() - before >= 5 / per_second - 0.001


async def test_who_cannot_be_asked_is_not_asked() -> None:
    small, lost_sends = await a_loss("R1", "R2", "R3")
    one, two, three = lost_sends.rows.values()
    lost_sends.rows[one.lost_id] = replace(one, send=replace(one.send, far_side="gone"))
    lost_sends.rows[two.lost_id] = replace(two, send=replace(two.send, order=None))
    del lost_sends.rows[three.lost_id]
    await ask_lost_sends(lost_sends, small.world)
    assert small.steps.taken == []
    assert {lost.finding.why for lost in lost_sends.rows.values()} == {
        "it cannot be asked here: its settlement file will tell"
    }
    profile = small.biller.profile
    small.biller.profile = replace(profile, safety=replace(profile.safety, can_be_asked=False))
    lost_sends.rows = {three.lost_id: three}
    await ask_lost_sends(lost_sends, small.world)
    assert lost_sends.rows[three.lost_id].finding.why == "the biller cannot be asked by our reference"


async def test_one_that_cannot_be_read_hides_no_other() -> None:
    small, lost_sends = await a_loss("R1", "R2")
    one, two = lost_sends.rows.values()
    small.world = replace(
        small.world, billers=FakeBillers([ForgetfulBiller(small.biller, one.send.reference)])
    )
    await ask_lost_sends(lost_sends, small.world)
    assert lost_sends.rows[one.lost_id].finding.why == "it could not be asked: KeyError"
    assert lost_sends.rows[two.lost_id].state is LostState.POSTED


class ForgetfulBiller(FakeBiller):
    """Raises at one reference, as no adapter may."""

    def __init__(self, like: FakeBiller, reference: str) -> None:
        super().__init__(like.clock, like.steps, like.profile, book=like.book)
        self._reference = reference

    async def inquire(self, order: PayOrder) -> Inquiry:
        if order.reference == self._reference:
            raise KeyError(self._reference)
        return await super().inquire(order)
