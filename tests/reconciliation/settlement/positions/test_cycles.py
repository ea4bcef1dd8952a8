"""Which cycle a movement belongs to and when it is settled: cut-offs, closed days, late and early days."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.calendar import Holiday, read_calendar
from reconciliation.intake.file_names import LogicalKey
from reconciliation.intake.file_schedule import FileSchedule
from reconciliation.settlement.positions.cycles import Cycle, Cycles, Party, PartyRole
from reconciliation.statement.values.dates import dhaka_midnight
from tests.reconciliation.institution_files import at
from tests.reconciliation.settlement.sample_lines import CALENDAR, CONFIG, CYCLES, EKSHOP, MON, NPSB, SUN, THU

JANATA, EBL = Party(PartyRole.CONNECTOR, "janata"), Party(PartyRole.CONNECTOR, "ebl")
instants = st.datetimes(datetime(2026, 4, 1), datetime(2026, 4, 25), timezones=st.just(UTC))  # noqa: DTZ001
institutions = st.sampled_from(sorted(CALENDAR.institutions))


@pytest.mark.parametrize(
    ("party", "instant", "day", "number"),
    [
        (NPSB, "2026-04-09 05:59:59", THU, 1),
        (NPSB, "2026-04-09 06:00:00", THU, 2),
        (NPSB, "2026-04-09 23:59:58", THU, 4),
        (NPSB, "2026-04-10 00:00:00", date(2026, 4, 10), 1),
        (JANATA, "2026-04-08 19:59:59", date(2026, 4, 8), 1),
        (JANATA, "2026-04-08 20:00:00", THU, 1),
        # Behind Thursday's cut-off come two closed days.
        (JANATA, "2026-04-09 20:00:00", date(2026, 4, 12), 1),
        (JANATA, "2026-04-10 12:00:00", date(2026, 4, 12), 1),
        (EKSHOP, "2026-04-10 12:00:00", date(2026, 4, 10), 1),
    ],
)
def test_a_movement_belongs_to_one_cycle(party: Party, instant: str, day: date, number: int) -> None:
    assert CYCLES.cycle_of(party, at(instant)) == Cycle(party, day, number)


def test_what_moves_on_a_closed_day_belongs_to_the_first_cycle_of_the_next(tmp_path: Path) -> None:
    text = (CONFIG / "calendar.toml").read_text(encoding="utf-8")
    changed = tmp_path / "calendar.toml"
    two = 'janata = { days = "business", cut_off = "20:00", cycle_ends = ["12:00", "20:00"]'
    changed.write_text(re.sub(r"^janata = .*\]", two, text, flags=re.MULTILINE), encoding="utf-8")
    cycles = Cycles(read_calendar(changed), CYCLES.own)
    assert cycles.cycle_of(JANATA, at("2026-04-09 15:00:00")) == Cycle(JANATA, THU, 2)
    assert cycles.cycle_of(JANATA, at("2026-04-10 15:00:00")) == Cycle(JANATA, date(2026, 4, 12), 1)


def test_a_utc_instant_before_dhaka_midnight_is_still_that_day() -> None:
    assert CYCLES.cycle_of(NPSB, datetime(2026, 4, 9, 17, 59, 58, tzinfo=UTC)).day == THU
    assert CYCLES.cycle_of(NPSB, datetime(2026, 4, 9, 18, 0, tzinfo=UTC)).day == date(2026, 4, 10)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        CYCLES.cycle_of(NPSB, datetime(2026, 4, 9, 12, 0))  # noqa: DTZ001


def closes_at(cycle: Cycle) -> datetime:
    """The first instant, in UTC, that no longer belongs to the cycle."""
    end = CYCLES.times(cycle.party).cycle_ends[cycle.number - 1]
    return dhaka_midnight(cycle.day) + timedelta(minutes=end)


@given(institutions, instants)
def test_a_cycle_closes_after_each_of_its_movements(institution: str, instant: datetime) -> None:
    party = Party(PartyRole.CONNECTOR, institution)
    cycle = CYCLES.cycle_of(party, instant)
    assert instant < closes_at(cycle)
    before = CYCLES.cycle_of(party, closes_at(cycle) - timedelta(minutes=1))
    assert before == cycle, "the minute before the end is the cycle's own"
    assert CYCLES.cycle_of(party, closes_at(cycle)) > cycle


@given(institutions, days := st.dates(date(2026, 4, 1), date(2026, 4, 20)))
def test_a_value_date_is_the_payout_date_of_the_files(institution: str, day: date) -> None:
    schedule = FileSchedule(CALENDAR, date(2026, 4, 1), date(2026, 4, 30))
    cycle = Cycle(Party(PartyRole.CONNECTOR, institution), day, 1)
    assert CYCLES.value_date(cycle) == schedule.payout_date(LogicalKey(institution, day, 1))


@given(institutions, days, st.lists(st.dates(date(2026, 4, 1), date(2026, 5, 9)), min_size=2, max_size=2))
def test_known_later_is_never_settled_earlier_nor_on_a_closed_day(
    institution: str, day: date, known: list[date]
) -> None:
    cycle = Cycle(Party(PartyRole.CONNECTOR, institution), day, 1)
    first, second = (CYCLES.value_date(cycle, night) for night in sorted(known))
    assert CYCLES.value_date(cycle) <= first <= second
    assert second > max(known)
    assert CALENDAR.is_business_day(second)


def test_a_late_file_is_settled_behind_the_night_in_which_it_came() -> None:
    sunday, monday = Cycle(NPSB, SUN, 1), Cycle(NPSB, MON, 1)
    assert CYCLES.value_date(sunday) == MON
    assert CYCLES.value_date(sunday, date(2026, 4, 8)) == THU
    # Monday's file came first and keeps its own date; one that comes too early waits for it.
    assert CYCLES.value_date(monday, MON) == CYCLES.value_date(monday, SUN) == date(2026, 4, 7)


def test_a_moon_sighted_day_moves_what_is_settled(tmp_path: Path) -> None:
    text = (CONFIG / "calendar.toml").read_text(encoding="utf-8")
    added = '[[holidays]]\non = 2026-04-06\nname = "by circular"\n\n[institutions]'
    changed = tmp_path / "calendar.toml"
    changed.write_text(text.replace("[institutions]", added, 1), encoding="utf-8")
    assert Cycles(read_calendar(changed), CYCLES.own).value_date(Cycle(NPSB, SUN, 1)) == date(2026, 4, 7)


def test_a_merchant_named_like_an_institution_has_times_of_its_own() -> None:
    janata = Party(PartyRole.MERCHANT, "janata")
    assert CYCLES.times(janata) == CYCLES.own != CYCLES.times(JANATA)


def test_a_changed_copy_of_the_calendar_forgets_what_the_old_one_worked_out() -> None:
    assert CALENDAR.is_business_day(MON)
    closed = Holiday(on=MON, name="a day of mourning, by order")
    copied = CALENDAR.model_copy(update={"holidays": (*CALENDAR.holidays, closed)})
    assert not copied.is_business_day(MON)
    assert copied.business_day_after(SUN) == date(2026, 4, 7)
    assert CALENDAR.is_business_day(MON)
