"""Far sides that go dark under load: how often they are asked meanwhile, and that nothing is guessed.

A flood of status inquiries is what took a national scheme down for five hours
(api-conventions-and-security.md, finding 15).
"""

from itertools import pairwise, repeat

from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.payment import State
from ekpay_switch.wire.breaker import Breaker, BreakerSettings
from tests.fakes.billers import PROFILE, TIMING
from tests.fakes.payments import books_balance
from tests.jobs.mass_outage import FAR_SIDES, DarkBiller, Storm

DARK_SECONDS = 600.0
PAUSE_SECONDS = 4.0
IN_THE_BURST = 30
PROBE_SECONDS = BreakerSettings().probe_seconds
FUZZ_SECONDS = 1e-6


def spaced(moments: list[float], seconds: float) -> bool:
    return all(later - earlier >= seconds - FUZZ_SECONDS for earlier, later in pairwise(moments))


def most_within(moments: list[float], seconds: float) -> int:
    """The largest number of moments in any stretch of this length."""
    return max(sum(start <= moment < start + seconds for moment in moments) for start in moments)


def asked_no_more_than_scheduled(side: DarkBiller, now: float) -> bool:
    """Whether each question about each payment came no earlier than its schedule has it."""
    for reference, moments in side.asked_at.items():
        told = side.told_at[reference]
        earliest = [told + after for after in TIMING.ask_after_seconds if told + after <= now]
        if len(moments) > len(earliest):
            return False
        if any(moment < at for moment, at in zip(moments, earliest, strict=False)):
            return False
    return True


def within_budget(side: DarkBiller) -> bool:
    asked, per_second = side.inquiries(), PROFILE.inquiries_per_second
    return spaced(asked, 1 / per_second) and most_within(asked, 1.0) <= per_second


async def all_settled(storm: Storm) -> None:
    """After the light returned: each payment ends as its biller's book says, and nothing is held any more."""
    await storm.pass_by(2 * TIMING.ask_every_seconds)
    for side in storm.sides:
        completed = {
            reference for reference, kept in storm.payments(side).items() if kept.state is State.COMPLETED
        }
        assert completed == set(side.book)
        assert within_budget(side), "those who waited for the light do not all ask at once"
    assert storm.states() == {State.COMPLETED, State.REFUNDED}
    assert storm.small.books.balance(IN_FLIGHT) == 0
    assert books_balance(storm.small.books)
    assert storm.small.alarms.raised == []


async def test_status_storm() -> None:
    storm = Storm(repeat(None))
    started = storm.now
    await storm.burst(IN_THE_BURST)
    await storm.under_load(DARK_SECONDS, PAUSE_SECONDS)
    assert storm.now == started + DARK_SECONDS
    assert len(storm.small.books.payments) == FAR_SIDES * IN_THE_BURST + DARK_SECONDS / PAUSE_SECONDS
    for side in storm.sides:
        assert within_budget(side)
        assert len(side.inquiries()) <= DARK_SECONDS * PROFILE.inquiries_per_second
        assert asked_no_more_than_scheduled(side, storm.now)
        in_the_burst = [reference for reference, told in side.told_at.items() if told == started]
        assert [len(side.asked_at[reference]) for reference in in_the_burst] == [2] * IN_THE_BURST
    assert storm.states() == {State.DELIVERING}, "silence proves nothing"
    storm.let_there_be_light()
    await all_settled(storm)


async def test_while_breakers_are_open_one_probe_serves_all_payments() -> None:
    storm = Storm(Breaker(BreakerSettings()) for _ in range(FAR_SIDES))
    started = storm.now
    await storm.burst(IN_THE_BURST)
    assert all(side.breaker is not None and side.breaker.is_open for side in storm.sides)
    await storm.under_load(DARK_SECONDS, PAUSE_SECONDS)
    for side in storm.sides:
        sent, probes = side.reached_at[:IN_THE_BURST], side.reached_at[IN_THE_BURST:]
        assert sent == [started] * IN_THE_BURST
        assert spaced([started, *probes], PROBE_SECONDS)
        assert 1 <= len(probes) <= DARK_SECONDS / PROBE_SECONDS
        assert asked_no_more_than_scheduled(side, storm.now)
        states = {reference: kept.state for reference, kept in storm.payments(side).items()}
        assert {states.pop(reference) for reference in side.told_at} == {State.DELIVERING}
        assert set(states.values()) <= {State.REFUNDED}, "what never left us holds no money"
    storm.let_there_be_light()
    await all_settled(storm)
