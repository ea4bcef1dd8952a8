"""The storm that does not happen: three far sides dark for ten minutes of life, and partners that pay on.

A flood of status inquiries is what took a national scheme down for five hours
(api-conventions-and-security.md, finding 15). Waiting times
are divided and the budgets of the manifests are not, so that five times as many questions want to be asked in
the same budget; and they want to be asked every 30 s of life, which is more often than in any manifest.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from biller_adapters.manifest import read_manifest
from ekpay_switch.wire.breaker import BreakerSettings
from sandbox.callers.partner.client import PartnerClient
from sandbox.network.proxy.faults import NetworkFault
from sandbox.rehearsals.demo.paying.partner import PartnerSide
from tests.faults.billers.books import prefund_faults
from tests.faults.billers.stage import DESKS, Site, open_site
from tests.faults.crashes.payment_checks import Verdict
from tests.faults.installation import ROOT
from tests.faults.matrix_table import Printed
from tests.faults.outages.call_counts import (
    Limits,
    Sample,
    asked_early,
    most_within_a_second,
    sample,
    too_much,
    watch,
)
from tests.faults.outages.paying_partners import Crowd, Heard

DIVISOR = 5
LIFE_SECONDS = 600
DARK_SECONDS = LIFE_SECONDS / DIVISOR
ASK_EVERY = 30
HURRY = {"ask_after_seconds": f"[{ASK_EVERY}, 60, 90]", "ask_every_seconds": f"{ASK_EVERY}"}
PARTNERS = 3
# The first are sent before anybody can know, the others come while the breakers are open.
AT_ONCE, ALL_THE_TIME, FETCHES = 60, 360, 40
ANSWER_SECONDS_MAX = 25
PROCESSES = 2  # the web process and the worker, each with breakers of its own
# Five questions must have failed first: the first are asked 30 s of life after a time-out, and time out.
OPEN_AFTER_SECONDS = 30.0
CLOCK_FUZZ_SECONDS = 0.5

ASKED_AT = """
SELECT payment_id::text AS payment, extract(epoch FROM at)::float8 AS at FROM evidence
WHERE kind = 'inquiry' AND extract(epoch FROM at) < $1
"""


@dataclass(frozen=True, slots=True)
class Storm:
    """What was counted while it was dark, and what stood when the light was back."""

    samples: Sequence[Sample]
    heard: Heard
    in_doubt: int
    asked_at: Mapping[str, Sequence[float]]
    unsettled: int
    verdict: Verdict
    prefunds: list[str]
    audit: tuple[bool, str]

    @property
    def seconds(self) -> float:
        return self.samples[-1].at - self.samples[0].at

    def reached(self, far_side: str) -> tuple[int, int, int]:
        """The inquiries, the pay calls and all the exchanges that a far side got while it was dark."""
        first, last = self.samples[0], self.samples[-1]
        return (
            last.inquiries(far_side) - first.inquiries(far_side),
            last.pay_calls(far_side) - first.pay_calls(far_side),
            last.all_of(far_side) - first.all_of(far_side),
        )

    def told(self) -> str:
        """The numbers, as a person reads them."""
        paid = sum(self.heard.of_payments.values())
        lines = [f"{self.seconds:.0f} s dark; {paid} payments, {self.in_doubt} of them in doubt"]
        for far_side in DESKS:
            asked, paid, reached = self.reached(far_side)
            allowed = limits(far_side).budget(self.seconds)
            most = most_within_a_second(self.samples, far_side)
            lines.append(
                f"{far_side:<6} {asked:>4} inquiries of {allowed:.0f} allowed, at most {most} in a second; "
                f"{paid} pay calls, {reached} calls in all"
            )
        heard, fetches = dict(self.heard.of_payments), dict(self.heard.of_fetches)
        lines.append(
            f"partners heard {heard} of payments and {fetches} of fetches; the longest wait was "
            f"{self.heard.longest_seconds:.1f} s"
        )
        return "\n".join(lines)


def limits(far_side: str) -> Limits:
    manifests = [read_manifest(path) for path in (ROOT / "config" / "billers").glob(f"{far_side}_*.toml")]
    return Limits(
        per_second=manifests[0].inquiries_per_second,
        probe_seconds=BreakerSettings().probe_seconds / DIVISOR,
        processes=PROCESSES,
        open_after_seconds=OPEN_AFTER_SECONDS,
    )


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Storm:
    weathered = asyncio.run(weather(tmp_path_factory.mktemp("storm")))
    pytestconfig.pluginmanager.register(Printed("the storm that does not happen", weathered.told()))
    return weathered


async def weather(folder: Path) -> Storm:
    async with open_site(folder, DIVISOR, HURRY, PARTNERS) as site:
        return await site.stage.children.watched(weather_on(site))


async def weather_on(site: Site) -> Storm:
    async with AsyncExitStack() as closing:
        clients = [PartnerClient(site.cast.address, player.credentials()) for player in site.cast.partners]
        for client in clients:
            await closing.enter_async_context(client)
        crowd = Crowd(site, [PartnerSide(*pair) for pair in zip(site.cast.partners, clients, strict=True)])
        await crowd.fill(AT_ONCE + ALL_THE_TIME, FETCHES)
        samples, went_light_at = await darkness(site, crowd)
        in_doubt = len(crowd.pending())
        asked_at: dict[str, list[float]] = {}
        for row in await site.rows(ASKED_AT, went_light_at):
            asked_at.setdefault(row["payment"], []).append(row["at"])
        await crowd.settle()
        return Storm(
            samples=samples,
            heard=crowd.heard,
            in_doubt=in_doubt,
            asked_at=asked_at,
            unsettled=len(crowd.pending()),
            verdict=await crowd.verdict(),
            prefunds=await prefund_faults(site),
            audit=await site.stage.tool.ask("audit"),
        )


async def darkness(site: Site, crowd: Crowd) -> tuple[list[Sample], float]:
    """Let everything go dark under load and be light again; the samples of the dark, and when it ended."""
    for far_side in DESKS:
        await site.proxy.arm(far_side, NetworkFault.BLACK_HOLE_BEFORE)
    samples = [await sample(site.proxy)]
    watching = asyncio.create_task(watch(site.proxy, samples))
    await asyncio.gather(crowd.pay_at_once(AT_ONCE), crowd.pay_all_the_time(DARK_SECONDS))
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    samples.append(await sample(site.proxy))
    for far_side in DESKS:
        await site.proxy.lift(far_side)
    return samples, time.time()


@pytest.mark.parametrize("far_side", DESKS)
def test_a_dark_far_side_is_asked_within_its_limits(storm: Storm, far_side: str) -> None:
    assert storm.seconds >= DARK_SECONDS
    assert list(too_much(storm.samples, far_side, limits(far_side))) == []


@pytest.mark.parametrize("far_side", DESKS)
def test_it_was_a_storm_to_be_weathered(storm: Storm, far_side: str) -> None:
    asked, paid, _ = storm.reached(far_side)
    # So many in doubt would ask this often, if nobody held them back.
    assert paid / (ASK_EVERY / DIVISOR) > limits(far_side).per_second
    assert asked > 0


def test_no_payment_is_asked_about_sooner_than_its_manifest_says(storm: Storm) -> None:
    assert list(asked_early(storm.asked_at, ASK_EVERY / DIVISOR - CLOCK_FUZZ_SECONDS)) == []


def test_each_payment_is_sent_once_while_nobody_answers(storm: Storm) -> None:
    assert sum(storm.reached(far_side)[1] for far_side in DESKS) == storm.in_doubt


def test_partners_hear_that_it_is_in_progress_or_was_not_sent_and_nothing_else(storm: Storm) -> None:
    assert set(storm.heard.of_payments) == {"0102", "1007"}
    assert set(storm.heard.of_fetches) == {"1007"}
    assert storm.heard.statuses == {}
    assert storm.heard.longest_seconds < ANSWER_SECONDS_MAX


def test_when_the_light_is_back_everything_settles_and_nothing_is_lost_or_doubled(storm: Storm) -> None:
    assert storm.unsettled == 0
    assert storm.verdict.faults == ()
    assert storm.prefunds == []
    is_clean, last_line = storm.audit
    assert is_clean, last_line


# ---- the counter itself, with storms that are made up

FORGED = Limits(per_second=5, probe_seconds=6, processes=2, open_after_seconds=30)


def forged(inquiries_at: Sequence[float], fetches_at: Sequence[float] = ()) -> list[Sample]:
    """Samples of two minutes, a second apart."""
    return [
        Sample(
            float(second),
            {
                "desco": {
                    "/desco/api/payment-status": sum(at <= second for at in inquiries_at),
                    "/desco/api/bill": sum(at <= second for at in fetches_at),
                }
            },
        )
        for second in range(121)
    ]


def test_calm_weather_is_not_too_much() -> None:
    calm = forged([number / 5 for number in range(100)], [30 + number * 6 for number in range(15)])
    assert list(too_much(calm, "desco", FORGED)) == []


@pytest.mark.parametrize(
    ("samples", "what"),
    [
        (forged([number / 6 for number in range(720)]), "719 inquiries in 120 s, 600 allowed"),
        (forged([10.5] * 11), "11 inquiries in one second, 5 allowed"),
        (forged([], [40 + number for number in range(60)]), "60 calls in 90 s of open breakers, 32 allowed"),
        (forged([])[:20], "nothing is known of the time after its breakers opened"),
    ],
)
def test_a_forged_storm_is_found(samples: list[Sample], what: str) -> None:
    assert f"desco: {what}" in list(too_much(samples, "desco", FORGED))


def test_a_payment_that_is_asked_about_too_soon_is_found() -> None:
    moments = {"patient": [10.0, 16.5, 23.0], "hasty": [10.0, 12.0]}
    assert list(asked_early(moments, 6.0)) == ["hasty: asked again after 2.0 s"]
