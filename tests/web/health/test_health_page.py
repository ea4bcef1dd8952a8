"""`/status`: what is well and what is not, in both languages, and as data."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ekpay_switch.domain.health import HealthRecord, Promises
from ekpay_switch.domain.planned_stops import PlannedStop
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from ekpay_switch.domain.routing.rules import DatedWindow
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.web.health.open_data import COLUMNS
from ekpay_switch.web.health.routes import HealthPage, mount
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.wording import Language, wording_of
from tests.fakes.billers import FakeBiller
from tests.fakes.world import NOON
from tests.web.checkout.checkout_setup import ORIGIN, Browser, Counter, Seen

PROMISES = Promises(answer_seconds=2.0, answered_share=9_800, stop_notice_hours=72, troubled_share=500)


def a_record(institution: str, **changes: object) -> HealthRecord:
    record = HealthRecord(
        institution=institution,
        at=NOON - timedelta(seconds=40),
        tries=200,
        approved=190,
        declined=8,
        failed=1,
        unknown=1,
        in_time=197,
        p50_seconds=0.42,
        p95_seconds=1.26,
        oldest_unknown=NOON - timedelta(minutes=20),
    )
    return replace(record, **changes)  # type: ignore[arg-type]


class FakeHealth:
    """The port `HealthRecords`: what a test put there, or trouble."""

    def __init__(self, *records: HealthRecord) -> None:
        self.records = records
        self.trouble: Exception | None = None

    async def all(self) -> Mapping[str, HealthRecord]:
        if self.trouble is not None:
            raise self.trouble
        return {record.institution: record for record in self.records}


class Stand:
    """Somebody's browser before the page."""

    def __init__(self, *records: HealthRecord, language: str = "en", calls: int = 100) -> None:
        self.counter = Counter(public_url=ORIGIN)
        self.small = self.counter.shopper.small
        self.health = FakeHealth(*records)
        visits = RateLimit(self.small.clock, 1, calls)
        world = self.counter.shopper.world
        mount(self.counter.app, HealthPage(world, self.health, PROMISES, Pages(ORIGIN), visits))
        self.browser = Browser(self.counter, language)
        self.t = wording_of(Language(language))

    async def see(self, path: str = "/status") -> Seen:
        return await self.browser.get(path)


async def test_numbers_stand_beside_the_word_for_them() -> None:
    seen = await Stand(a_record("desco_postpaid")).see()
    assert (seen.status, seen.headers["refresh"]) == (200, "60")
    for text in (
        "DESCO (postpaid) Well",
        "200 payments. Technical failures 0.5%, refused by its own rules 4%, still unknown 0.5%.",
        "Half are answered within 0.4 seconds, 95% within 1.3.",
        "The oldest unknown one is from 11:40",
        "98% of the billers' answers come within 2 seconds. In the last 24 hours it was 99%.",
        "A planned stop is announced 72 hours before.",
        "As of 11:59",
    ):
        assert text in seen.text


async def test_bangla_is_bangla_to_the_digit() -> None:
    seen = await Stand(a_record("desco_postpaid"), language="bn").see()
    assert "ডেসকো (পোস্টপেইড) ভালো" in seen.text
    assert "২০০টি পরিশোধ। কারিগরি ব্যর্থতা" in seen.text
    assert re.search("[0-9]", seen.text.partition(wording_of(Language.BANGLA)("health.what"))[2]) is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"failed": 10, "approved": 181}, "Disturbed"),
        ({"in_time": 100}, "Slow"),
        ({"declined": 150, "approved": 48}, "Well"),
    ],
)
async def test_a_business_decline_is_no_disturbance(changes: dict[str, object], word: str) -> None:
    seen = await Stand(a_record("desco_postpaid", **changes)).see()
    assert f"DESCO (postpaid) {word}" in seen.text


async def test_the_worst_stands_first_and_the_quiet_ones_are_folded() -> None:
    stand = Stand(a_record("agrani"), a_record("bkash", failed=50, approved=141))
    stand.small.routing.breakers["nagad"] = Breaker(BreakerState.OPEN, NOON, "5 in doubt in a row")
    text = (await stand.see()).text
    assert text.index("bKash Disturbed") < text.index("Bank accounts") < text.index("Agrani Bank")
    assert "Nagad Disturbed" in text
    assert "Hardly used in the last 24 hours" in text


async def test_a_planned_stop_is_said_with_its_end() -> None:
    stand = Stand(a_record("bkash"))
    window = DatedWindow(NOON - timedelta(hours=1), NOON + timedelta(hours=2))
    stand.small.routing.rules = replace(stand.small.routing.rules, calendar={"bkash": (window,)})
    seen = await stand.see()
    assert "bKash Planned stop" in seen.text
    assert "Planned stop until 14:00." in seen.text


async def test_without_any_record_nothing_is_claimed() -> None:
    seen = await Stand().see()
    assert "In the last 24 hours nobody was asked." in seen.text
    assert "Well" not in seen.text
    assert "As of" not in seen.text


async def test_the_data_has_a_line_for_each_institution() -> None:
    stand = Stand(a_record("desco_postpaid", p50_seconds=None, oldest_unknown=None))
    seen = await stand.see("/status.csv")
    assert seen.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(seen.body.decode())))
    assert tuple(rows[0]) == COLUMNS
    desco = next(row for row in rows if row["institution"] == "desco_postpaid")
    assert (desco["grade"], desco["tries"], desco["p50_seconds"], desco["p95_seconds"]) == (
        "well",
        "200",
        "",
        "1.260",
    )
    assert datetime.fromisoformat(desco["as_of"]) == a_record("x").at.astimezone(UTC)
    bkash = next(row for row in rows if row["institution"] == "bkash")
    assert (bkash["kind"], bkash["grade"], bkash["tries"], bkash["as_of"]) == ("wallet", "quiet", "", "")


async def test_a_database_that_is_away_gets_a_page_too() -> None:
    stand = Stand(a_record("bkash"))
    stand.health.trouble = OSError("gone")
    seen = await stand.see()
    assert (seen.status, seen.headers["retry-after"]) == (503, "10")
    assert "It says nothing about any bank or biller." in seen.text
    assert (await stand.see("/status.csv")).status == 503


async def test_an_address_that_asks_too_often_is_told_to_wait() -> None:
    stand = Stand(calls=1)
    assert (await stand.see()).status == 200
    seen = await stand.see()
    assert (seen.status, "too many calls" in seen.text) == (429, True)


def with_stops(stand: Stand, *stops: PlannedStop) -> Stand:
    """Let the first biller have these planned stops."""
    biller = stand.small.billers.known[0]
    assert isinstance(biller, FakeBiller)
    biller.profile = replace(biller.profile, stops=stops)
    return stand


def planned(begins_in: float, hours: float = 4, announced: float | None = None) -> PlannedStop:
    """A stop that begins in so many hours, announced so many hours before."""
    begins_at = NOON + timedelta(hours=begins_in)
    announced_at = None if announced is None else begins_at - timedelta(hours=announced)
    return PlannedStop(begins_at, begins_at + timedelta(hours=hours), announced_at)


async def test_planned_stops_stand_apart_with_how_the_promise_was_kept() -> None:
    stops = (planned(24, announced=100), planned(-48, announced=10), planned(-300), planned(-24 * 40))
    text = (await with_stops(Stand(), *stops).see()).text
    assert "Planned stops: 3, announced in time: 1." in text
    assert text.index("in time.") < text.index("later than we promise.") < text.index("was not written down")


async def test_a_biller_in_a_planned_stop_is_stopped_and_not_disturbed() -> None:
    stand = with_stops(Stand(a_record("desco_postpaid", failed=150, approved=40)), planned(-1, announced=80))
    seen = await stand.see()
    assert "DESCO (postpaid) Planned stop" in seen.text
    assert "Planned stop until 15:00." in seen.text
    rows = list(csv.DictReader(io.StringIO((await stand.see("/status.csv")).body.decode())))
    (row,) = [row for row in rows if row["institution"] == "desco_postpaid"]
    assert (row["grade"], row["stopped_until"]) == ("stopped", (NOON + timedelta(hours=3)).isoformat())


async def test_a_stop_that_is_not_announced_yet_is_not_shown() -> None:
    assert "Planned stops" not in (await with_stops(Stand(), planned(200)).see()).text
    assert "Planned stops" not in (await with_stops(Stand(), planned(200, announced=100)).see()).text
    assert "Planned stops" in (await with_stops(Stand(), planned(200, announced=250)).see()).text
