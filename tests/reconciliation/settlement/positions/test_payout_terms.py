"""Payout terms, pure: payout dates over the calendar, the row that counts, and files that say it wrongly."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.errors import ConfigurationError
from reconciliation.settlement.instructions.account_registry import read_registry
from reconciliation.settlement.instructions.creditor_instructions import RemainderReason, instructions_of
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.holdbacks import Holdback
from reconciliation.settlement.positions.net_positions import sheet_of
from reconciliation.settlement.positions.payout_terms import DAILY, PayoutTerms, Schedule, TermsByPayee
from tests.reconciliation.settlement.sample_lines import CALENDAR, CONFIG, CYCLES, EKSHOP, MON, REGISTRY, SUN

THURSDAYS = PayoutTerms(Schedule.WEEKLY, frozenset({3}))
FRIDAYS = PayoutTerms(Schedule.WEEKLY, frozenset({4}))
LAST_DAYS = PayoutTerms(Schedule.MONTHLY, day_of_month=31)
COURIER = Party(PartyRole.PAYEE, "ekshop:courier")
JANUARY, THURSDAY = date(2026, 1, 1), date(2026, 4, 9)


def test_a_payout_date_on_which_banks_are_closed_moves_to_the_next_business_day() -> None:
    assert FRIDAYS.next_payout(THURSDAY, None, CALENDAR) == date(2026, 4, 12)
    assert FRIDAYS.next_payout(date(2026, 4, 12), THURSDAY, CALENDAR) is None
    assert THURSDAYS.next_payout(SUN, None, CALENDAR) == THURSDAY
    assert THURSDAYS.next_payout(THURSDAY, SUN, CALENDAR) is None


def test_a_day_beyond_the_month_is_its_last() -> None:
    assert LAST_DAYS.next_payout(date(2026, 4, 29), None, CALENDAR) == date(2026, 4, 30)
    assert LAST_DAYS.next_payout(date(2026, 4, 30), None, CALENDAR) is None
    # 28 February 2026 is a Saturday.
    assert LAST_DAYS.next_payout(date(2026, 2, 26), None, CALENDAR) == date(2026, 3, 1)


def test_a_payout_date_on_which_nobody_has_settled_is_made_up_for_once() -> None:
    assert THURSDAYS.next_payout(date(2026, 4, 12), date(2026, 4, 8), CALENDAR) is None
    assert THURSDAYS.next_payout(date(2026, 4, 13), date(2026, 4, 12), CALENDAR) == date(2026, 4, 16)


TERMS = st.one_of(
    st.builds(lambda days: PayoutTerms(Schedule.WEEKLY, days), st.frozensets(st.integers(0, 6), min_size=1)),
    st.builds(lambda day: PayoutTerms(Schedule.MONTHLY, day_of_month=day), st.integers(1, 31)),
    st.just(DAILY),
)


@given(TERMS, st.lists(st.integers(1, 9), min_size=1, max_size=25))
def test_every_payout_date_is_paid_by_the_first_value_date_from_it_on(
    terms: PayoutTerms, steps: list[int]
) -> None:
    day, settled = CALENDAR.on_or_after(JANUARY), None
    awaited: date | None = None
    for step in steps:
        following = terms.next_payout(day, settled, CALENDAR)
        if awaited is not None and day >= awaited:
            assert following is None, "the date that was said has come"
        elif awaited is not None:
            assert following == awaited, "nothing is paid before it, and it does not move"
        assert following is None or (following > day and CALENDAR.is_business_day(following))
        awaited = following
        settled, day = day, CALENDAR.on_or_after(day + timedelta(days=step))


def test_the_row_of_a_payee_counts_before_that_of_its_role() -> None:
    terms = TermsByPayee({(PartyRole.PAYEE, None): FRIDAYS, (PartyRole.PAYEE, COURIER.name): LAST_DAYS})
    assert terms.terms_for(COURIER) == LAST_DAYS
    assert terms.terms_for(Party(PartyRole.PAYEE, "ekshop:seller")) == FRIDAYS
    assert terms.terms_for(EKSHOP) == DAILY


@given(
    st.integers(-300, 900),
    st.integers(0, 400),
    st.integers(0, 400),
    st.integers(0, 900),
    st.sampled_from([None, THURSDAY]),
)
def test_what_is_owed_is_paid_or_carried_and_terms_are_kept(
    owed: int, resting: int, unreceived: int, minimum: int, next_payout: date | None
) -> None:
    rails = {name: bounds.model_copy(update={"minimum": 1}) for name, bounds in REGISTRY.rails.items()}
    registry = REGISTRY.model_copy(update={"rails": rails})
    held = Holdback(0, unreceived, 0, unreceived, None, resting, minimum, next_payout)
    out = instructions_of(sheet_of(MON, [], CYCLES), registry, {EKSHOP: owed}, None, (), {EKSHOP: held})
    assert owed == out.total + out.carried_amounts.get(EKSHOP, 0)
    if next_payout is not None and owed > 0:
        assert {item.reason for item in out.remainders} == {RemainderReason.NOT_SCHEDULED}
    free = owed - unreceived - resting
    assert out.total == (free if next_payout is None and free > 0 and free >= minimum else 0)
    assert held.newly_at_risk(owed, out.total) == 0, "what rests is not paid at our risk"


def test_what_is_paid_of_unreceived_money_is_at_risk_however_much_rests_beside_it() -> None:
    assert Holdback(0, 0, 50, 50, None, resting=100).newly_at_risk(150, 50) == 50


HEAD = '[[payouts.schedules]]\nrole = "payee"\n'


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('schedule = "weekly"', r"payouts\.schedules\.0: .*weekdays: .*\(payee:all\)"),
        ('weekdays = ["sunday"]', r"payouts\.schedules\.0: .*weekdays: "),
        ('schedule = "weekly"\nweekdays = ["freitag"]', r"payouts\.schedules\.0\.weekdays"),
        ('party = "a:b"\nschedule = "monthly"', r"payouts\.schedules\.0: .*day_of_month: .*\(payee:a:b\)"),
        ('schedule = "monthly"\nday_of_month = 32', r"payouts\.schedules\.0\.day_of_month"),
        ('schedule = "yearly"', r"payouts\.schedules\.0\.schedule"),
        ('minimum = "500"', r"payouts\.schedules\.0\.minimum"),
        ("minimum = 500.0", r"payouts\.schedules\.0\.minimum"),
        ('minimum = "99999999999.00"', r"payouts\.schedules\.0\.minimum: no rail"),
        ("hold_days = -1", r"payouts\.schedules\.0\.hold_days"),
        ("hold_days = 31", r"payouts\.schedules\.0\.hold_days"),
        ('party = ""', r"payouts\.schedules\.0\.party"),
        ('cut_off = "24:00"', r"payouts\.schedules\.0\.cut_off"),
        (HEAD.rstrip(), "schedules: two rows for payee:all"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_with_its_member(tmp_path: Path, row: str, words: str) -> None:
    path = tmp_path / "settlement.toml"
    text = (CONFIG / "settlement.toml").read_text(encoding="utf-8")
    path.write_text(f"{text}\n{HEAD}{row}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        read_registry(path)


def test_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "settlement.toml"
    text = (CONFIG / "settlement.toml").read_text(encoding="utf-8")
    rows = HEAD + 'schedule = "weekly"\nweekdays = ["friday"]\nminimum = "500.00"\nhold_days = 2\n'
    path.write_text(f"{text}\n{rows}", encoding="utf-8")
    terms = read_registry(path).payouts.terms
    assert terms.terms_for(COURIER) == PayoutTerms(Schedule.WEEKLY, frozenset({4}), 0, 50_000, 2)
    assert terms.longest_hold == 2
