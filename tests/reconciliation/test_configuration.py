"""Layouts, calendar and the table of codes are data; what they may not say stops the run."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from reconciliation.breaks.codes import BreakCode, BreakRules, DifferenceCause, read_rules
from reconciliation.breaks.explanation import Explainer
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.calendar import Calendar, read_calendar
from reconciliation.errors import ConfigurationError
from reconciliation.statement.layout import read_layout, read_layouts

CONFIG = Path(__file__).parents[2] / "config"
CALENDAR = read_calendar(CONFIG / "calendar.toml")
RULES = read_rules(CONFIG / "breaks.toml")
BANGLA = re.compile("[\u0980-\u09ff]")


def changed(tmp_path: Path, source: str, found: str, instead: str) -> Path:
    text = (CONFIG / source).read_text(encoding="utf-8")
    assert found in text
    path = tmp_path / Path(source).name
    path.write_text(text.replace(found, instead, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize("code", list(BreakCode))
def test_every_code_says_everything_in_both_languages(code: BreakCode) -> None:
    meaning = RULES.meanings[code]
    assert BANGLA.search(meaning.bn)
    assert not BANGLA.search(meaning.en)
    named = [set(re.findall(r"{(\w+)}", sentence)) for sentence in (meaning.en, meaning.bn)]
    assert named[0] == named[1], "both sentences tell the same facts"
    assert "institution" in named[0] or code is BreakCode.TIMING


@pytest.mark.parametrize("code", list(BreakCode))
def test_every_code_can_be_explained(code: BreakCode) -> None:
    one = BreakFinding(
        FindingKey(code, "bkash", "EKF1"), amount=-12_345, difference=-5, diagnosis=DifferenceCause.FEE
    )
    told = Explainer(RULES, CALENDAR).explain(one, date(2026, 4, 9), date(2026, 4, 15))
    assert "{" not in told.en + told.bn
    assert told.exposure >= 0
    # Friday, Saturday and the two days of the new year are no business days.
    assert (told.age, told.deadline > date(2026, 4, 11)) == (2, True)


def test_the_bangla_sentence_has_bangla_digits_and_lakhs_apart() -> None:
    one = BreakFinding(FindingKey(BreakCode.LEDGER_ONLY, "desco_postpaid", "EKF1"), amount=26_924_122)
    told = Explainer(RULES, CALENDAR).explain(one, date(2026, 4, 9), date(2026, 4, 15))
    assert "২,৬৯,২৪১.২২ টাকা" in told.bn


@pytest.mark.parametrize("code", [BreakCode.FILE_ONLY, BreakCode.THEY_SUCCESS_WE_FAILED])
def test_nobody_is_told_to_give_back_what_was_not_collected(code: BreakCode) -> None:
    explainer, day = Explainer(RULES, CALENDAR, {"desco_postpaid"}), date(2026, 4, 9)
    actions = [
        explainer.explain(BreakFinding(FindingKey(code, name, "R1"), amount), day, day).action
        for name, amount in (
            ("bkash", 500),
            ("bkash", -500),
            ("desco_postpaid", 500),
            ("desco_postpaid", -500),
        )
    ]
    assert ["give the money back" in action for action in actions] == [True, False, False, False]


@pytest.mark.parametrize("cause", list(DifferenceCause))
def test_every_diagnosis_has_words(cause: DifferenceCause) -> None:
    assert BANGLA.search(RULES.diagnoses[cause].bn)


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ('code = "TIMING"', 'code = "TIMELY"'),
        ('code = "TIMING"', 'code = "AMOUNT"'),
        ('owner = "operations"\n', ""),
        ("deadline_business_days = 1", "deadline_business_days = 0"),
        ('reverse = "open again when that file is withdrawn"', 'reverse = "none"'),
        ('exposure = "open_total"', 'exposure = "much"'),
        ("vat = {", "tax = {"),
        ('level = "file"', 'level = "file"\nmood = "sad"'),
        ("[[breaks]]", "[[breaks"),
    ],
)
def test_a_table_of_codes_that_lacks_something_is_refused(tmp_path: Path, found: str, instead: str) -> None:
    with pytest.raises(ConfigurationError, match=r"breaks\.toml"):
        read_rules(changed(tmp_path, "breaks.toml", found, instead))


def test_kept_rules_may_lack_the_words_of_later_diagnoses_and_no_others(tmp_path: Path) -> None:
    earlier = changed(tmp_path, "breaks.toml", "paid_in_stand_in = {", "# paid_in_stand_in = {")
    assert DifferenceCause.PAID_IN_STAND_IN not in read_rules(earlier, are_kept=True).diagnoses
    with pytest.raises(ConfigurationError, match="paid_in_stand_in"):
        read_rules(earlier)
    with pytest.raises(ConfigurationError, match="vat"):
        read_rules(changed(tmp_path, "breaks.toml", "\nvat = {", "\n# vat = {"), are_kept=True)


def test_rules_are_whole() -> None:
    assert isinstance(RULES, BreakRules)
    assert set(RULES.meanings) == set(BreakCode)
    assert RULES.rounding_bound_paisa == 10


def test_the_business_days_of_the_month_are_those_of_the_contract() -> None:
    days = [day for day in range(1, 31) if CALENDAR.is_business_day(date(2026, 4, day))]
    assert days == [1, 2, 5, 6, 7, 8, 9, 12, 15, 16, 19, 20, 21, 22, 23, 26, 27, 28, 29, 30]


def test_a_weekend_and_a_holiday_add_no_age() -> None:
    assert CALENDAR.age(date(2026, 4, 9), date(2026, 4, 12)) == 1
    assert CALENDAR.age(date(2026, 4, 12), date(2026, 4, 14)) == 0
    assert CALENDAR.age(date(2026, 4, 12), date(2026, 4, 15)) == 1


def test_files_come_after_their_lag_in_business_days() -> None:
    assert CALENDAR.arrival("bkash", date(2026, 4, 3)) == date(2026, 4, 5)
    assert CALENDAR.arrival("sslcommerz", date(2026, 4, 9)) == date(2026, 4, 15)
    assert CALENDAR.arrival("npsb", date(2026, 4, 3)) == date(2026, 4, 3)


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ('zone = "Asia/Dhaka"', 'zone = "UTC"'),
        ("weekend = [4, 5]", "weekend = []"),
        ('cut_off = "23:00", cycle_ends = ["23:00"]', 'cut_off = "23:00", cycle_ends = ["22:00"]'),
        ('cut_off = "23:00"', 'cut_off = "24:30"'),
        ('"06:00", "12:00"', '"12:00", "06:00"'),
        ("lag = 2", "lag = -1"),
        ("lag = 2", "lags = 2"),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused(tmp_path: Path, found: str, instead: str) -> None:
    with pytest.raises(ConfigurationError, match=r"calendar\.toml"):
        read_calendar(changed(tmp_path, "calendar.toml", found, instead))


def test_every_institution_has_a_layout_and_times() -> None:
    layouts = read_layouts(CONFIG / "statements")
    assert set(layouts) == set(CALENDAR.institutions)
    assert {layout.payout.bank for layout in layouts.values() if layout.payout} <= set(layouts)
    assert isinstance(CALENDAR, Calendar)


def test_whoever_states_gross_and_net_may_be_a_paisa_off() -> None:
    """Each rounds fee and VAT by itself, and a file is not refused whole for it."""
    layouts = read_layouts(CONFIG / "statements").values()
    stating = [one for one in layouts if one.fields and one.fields.gross and one.fields.net]
    assert stating
    assert [one.institution for one in stating if one.rounding != 1] == []


def test_whoever_has_chargeback_rows_says_by_when_they_are_answered() -> None:
    layouts = read_layouts(CONFIG / "statements").values()
    told = [one for one in layouts if one.events and "chargeback" in one.events.words.values()]
    assert {one.institution for one in told} == {"bkash", "brac_bank", "ebl", "mutual_trust"}
    assert all("chargeback_answer_days" in one.model_fields_set for one in told)


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ('kept = "serviceFee"', 'kept = "fee"'),
        ('columns = ["completedTime"]', 'columns = ["finished"]'),
        ('unit = "taka"', 'unit = "rupee"'),
        ('institution = "bkash"', 'institution = "nagad"'),
        ('payout.bank = "stmt_sonali"\n', ""),
        ('container = "text"', 'container = "workbook"'),
        ('version = "1"', 'version = "1"\nif = "x > 1"'),
        ("basis_points = 150", 'basis_points = "1.5 %"'),
        ('Refund = "back"', 'Refund = "maybe"'),
        ("chargeback_answer_days = 7", "chargeback_answer_days = -1"),
        ("chargeback_answer_days = 7", "chargeback_answer_days = 121"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_refused(tmp_path: Path, found: str, instead: str) -> None:
    with pytest.raises(ConfigurationError, match=r"bkash\.toml"):
        read_layout(changed(tmp_path, "statements/bkash.toml", found, instead))


def test_a_trailer_without_controls_is_refused(tmp_path: Path) -> None:
    path = CONFIG / "statements" / "upay.toml"
    control = next(
        line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("control")
    )
    with pytest.raises(ConfigurationError, match="a trailer is there to be checked"):
        read_layout(changed(tmp_path, "statements/upay.toml", control, ""))


def test_the_lengths_of_fixed_records_are_those_of_the_contract() -> None:
    for name, length in (("janata", 120), ("achallan_generic", 100)):
        text = tomllib.loads((CONFIG / "statements" / f"{name}.toml").read_text(encoding="utf-8"))
        assert [sum(text[kind]["widths"]) for kind in ("header", "row", "trailer")] == [length] * 3
