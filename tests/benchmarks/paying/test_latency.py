import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console

from benchmarks.kit.open_loop import OpenLoopError, OpenLoopResult, Sample
from benchmarks.paying.latency import BillerPayer, LatencyResult, Spread, pay_on_schedule
from sandbox.billers.desco.institution import DescoInstitution
from sandbox.billers.desco.settings import DescoSettings
from sandbox.kit.institution.clock import Clock


def took(*milliseconds: float, lag: float = 0.0) -> OpenLoopResult:
    """Answers that took so long, one a second from the second second on."""
    samples = [
        Sample(second, second + lag / 1_000, second + each / 1_000, 200)
        for second, each in enumerate(milliseconds, 1)
    ]
    return OpenLoopResult(tuple(samples), queued=0, cpu_seconds=0.0, connections=1)


HUNDRED = took(*(float(number) for number in range(1, 101)))
RESULT = LatencyResult(1_000.0, 500.0, (HUNDRED,), (took(2.0, 2.0, 90.0),), "clean")


def test_the_median_of_the_biller_is_taken_off_and_its_slow_calls_are_not() -> None:
    assert RESULT.added_p50_ms == pytest.approx(48.0)
    assert RESULT.added_p99_ms == pytest.approx(97.0)


def test_turns_are_taken_together_and_their_worst_lateness_counts() -> None:
    spread = Spread.of([took(1.0, 2.0, lag=0.5), took(3.0, lag=0.25)])
    assert spread.count == 3
    assert [spread.p50, spread.longest] == pytest.approx([2.0, 3.0])
    assert spread.lag_p99 == pytest.approx(0.5)


def test_the_first_second_is_left_out() -> None:
    cold = OpenLoopResult(
        (Sample(0.5, 0.5, 9.0, 200), *HUNDRED.samples), queued=0, cpu_seconds=0.0, connections=1
    )
    assert Spread.of([cold]).longest == pytest.approx(100.0)


def test_figures_hold_the_flat_keys_and_the_unreduced_numbers() -> None:
    figures = RESULT.figures()
    assert (figures["added_p50_ms"], figures["added_p99_ms"]) == (48.0, 97.0)
    assert figures["latency"]["switch"]["p99_ms"] == 99.0
    assert figures["latency"]["biller"]["p50_ms"] == 2.0
    json.dumps(figures)


def test_the_table_shows_what_is_added_and_the_audit() -> None:
    console = Console(record=True, width=100)
    RESULT.show(console)
    text = console.export_text()
    assert "97.00" in text
    assert "audit: clean" in text


async def test_a_turn_whose_load_was_late_is_taken_again() -> None:
    lags = iter((9.0, 0.1))

    async def pay(_: Sequence[float]) -> OpenLoopResult:
        return took(1.0, lag=next(lags))

    assert (await pay_on_schedule(pay, [1.0], 5.0)).lag_p99_ms == pytest.approx(0.1)


async def test_a_load_that_is_late_each_time_is_refused() -> None:
    tries = count(1)

    async def pay(_: Sequence[float]) -> OpenLoopResult:
        next(tries)
        return took(1.0, lag=9.0)

    with pytest.raises(OpenLoopError, match=r"9\.0 ms late"):
        await pay_on_schedule(pay, [1.0], 5.0)
    assert next(tries) == 4


@pytest.mark.parametrize("today", [date(2026, 3, 2), date(2026, 3, 30)])
def test_the_biller_saves_what_is_sent_straight_to_it(tmp_path: Path, today: date) -> None:
    moment = datetime(today.year, today.month, today.day, 6, tzinfo=UTC)
    settings = DescoSettings(home=tmp_path, accounts=50, password=SecretStr("desco-sandbox"))
    desco = DescoInstitution.open(settings, Clock(lambda: moment))
    biller = BillerPayer("http://127.0.0.1:1/desco/api", now=lambda: moment)
    try:
        for account in range(10_000_000, 10_000_050):
            listed = _data(desco.list_bills({"accountNo": str(account), "paymentStatus": "0"}))
            bill = _data(desco.bill_info({"billNo": listed[0]["billNo"]}))
            assert desco.save_payment(json.loads(biller.payment_body(bill))).code == "323"
    finally:
        desco.close()


def _data(reply: Any) -> Any:  # noqa: ANN401 - whatever the biller says
    return json.loads(reply.body["body"])["data"]
