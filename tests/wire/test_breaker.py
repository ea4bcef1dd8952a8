from ekpay_switch.wire.breaker import Breaker, BreakerSettings

SETTINGS = BreakerSettings(failures_max=3, open_seconds=30, probe_seconds=10)


def an_open_breaker(at: float = 100.0) -> Breaker:
    breaker = Breaker(SETTINGS)
    for _ in range(3):
        breaker.record_failure(at)
    return breaker


def test_stays_closed_below_the_limit() -> None:
    breaker = Breaker(SETTINGS)
    breaker.record_failure(1)
    breaker.record_failure(2)
    assert breaker.admits(3, moves_money=True)


def test_an_answer_starts_the_count_again() -> None:
    breaker = Breaker(SETTINGS)
    breaker.record_failure(1)
    breaker.record_failure(2)
    breaker.record_success()
    breaker.record_failure(3)
    assert not breaker.is_open


def test_open_holds_money_back() -> None:
    assert not an_open_breaker().admits(129.9, moves_money=True)


def test_open_lets_one_harmless_request_through_per_probe_time() -> None:
    breaker = an_open_breaker()
    assert not breaker.admits(109.9, moves_money=False)
    assert breaker.admits(110, moves_money=False)
    assert not breaker.admits(110, moves_money=False)
    assert not breaker.admits(119.9, moves_money=False)
    assert breaker.admits(120, moves_money=False)


def test_a_probe_that_is_answered_closes_it_for_money() -> None:
    breaker = an_open_breaker()
    assert breaker.admits(110, moves_money=False)
    breaker.record_success()
    assert breaker.admits(110.1, moves_money=True)


def test_a_probe_that_fails_keeps_it_open_for_the_whole_time_again() -> None:
    breaker = an_open_breaker()
    breaker.admits(110, moves_money=False)
    breaker.record_failure(115)
    assert not breaker.admits(144.9, moves_money=True)


def test_a_far_side_that_is_only_paid_gets_one_try_after_the_open_time() -> None:
    breaker = an_open_breaker()
    assert breaker.admits(130, moves_money=True)
    assert not breaker.admits(130, moves_money=True), "the others wait for its answer"
    assert not breaker.admits(130, moves_money=False)
    breaker.record_failure(131)
    assert not breaker.admits(160.9, moves_money=True)
    assert breaker.admits(161, moves_money=True)
