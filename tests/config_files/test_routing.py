"""config/routing.toml: what is taken, and each fault with its line."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ekpay_switch.cli.connectors.profiles import profiles_of
from ekpay_switch.config_files.routing import RoutingFileError, read_routing_rules
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import BreakerRules
from ekpay_switch.domain.routing.rules import (
    Action,
    Condition,
    DatedWindow,
    FailureCost,
    RecordRules,
    RoutingRules,
    Rule,
    WeeklyWindow,
)
from ekpay_switch.settings import Settings
from tests.fakes.connectors import BKASH
from tests.scenarios.routing import ACQUIRER, CARDS

ROOT = Path(__file__).parents[2]
PROFILES = [BKASH, *(replace(ACQUIRER, id=name) for name in (*CARDS, "dbbl_nexus"))]
BILLERS = {"desco_postpaid", "breb_postpaid"}
SMALL = 'version = "1"\n[instruments]\ncard = ["ebl", "brac_bank", "city_bank"]\n'
WHOLE = """
version = "2026-12-01"
[instruments]
card = ["ebl", "brac_bank", "city_bank"]
nexus = ["dbbl_nexus"]
[record]
outcomes_max = 100
outcomes_min = 20
window_minutes = 10
unknown_percent = 90
exploration_percent = "1.50"
[failure_cost]
fixed = "5.00"
percent = "0.25"
[breaker]
doubts_in_a_row = 3
window = 10
doubts_in_window = 4
memory_minutes = 30
hold_seconds = 15
by_itself_seconds = 300.5
[daily_caps]
ebl = "5000000.00"
[[maintenance]]
connector = "city_bank"
weekday = "friday"
start = "22:30"
end = "24:00"
[[maintenance]]
connector = "city_bank"
start = 2026-12-05T01:00:00
end = 2026-12-05T05:00:00
[[rules]]
name = "shares of the banks"
instruments = ["card"]
billers = ["desco_postpaid"]
partners = ["shop 1"]
amount_min = "10.00"
amount_max = "100000.00"
time_from = "09:00"
time_until = "17:30"
split = { brac_bank = 60, ebl = 40 }
[[rules]]
name = "not at night"
exclude = ["city_bank"]
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], RoutingRules]:
    def _read(text: str) -> RoutingRules:
        file = tmp_path / "routing.toml"
        file.write_text(text)
        return read_routing_rules(file, PROFILES, BILLERS)

    return _read


def test_the_file_of_the_house_is_right() -> None:
    settings = Settings(config=ROOT / "config")
    rules = read_routing_rules(ROOT / "config" / "routing.toml", profiles_of(settings), ())
    assert set(rules.instruments) == {"card"}
    assert (rules.record, rules.breaker, rules.failure_cost) == (RecordRules(), BreakerRules(), FailureCost())


def test_everything_is_read(read: Callable[[str], RoutingRules]) -> None:
    rules = read(WHOLE)
    assert rules.version.startswith("2026-12-01 ")
    assert rules.instruments == {"card": CARDS, "nexus": ("dbbl_nexus",)}
    assert rules.record == RecordRules(100, 20, 600.0, 90, 15_000)
    assert rules.failure_cost == FailureCost(Money(500), 25)
    assert rules.breaker == BreakerRules(3, 10, 4, 1_800.0, 15.0, 300.5)
    assert rules.daily_caps == {"ebl": Money(500_000_000)}
    assert rules.calendar == {
        "city_bank": (
            WeeklyWindow(4, 1_350, 1_440),
            DatedWindow(datetime(2026, 12, 4, 19, tzinfo=UTC), datetime(2026, 12, 4, 23, tzinfo=UTC)),
        )
    }
    condition = Condition(
        instruments=frozenset({"card"}),
        billers=frozenset({"desco_postpaid"}),
        partners=frozenset({"shop 1"}),
        amount_min=Money(1_000),
        amount_max=Money(10_000_000),
        minute_from=540,
        minute_until=1_050,
    )
    split = Rule(
        "shares of the banks",
        condition,
        Action.SPLIT,
        frozenset({"ebl", "brac_bank"}),
        (("brac_bank", 60), ("ebl", 40)),
    )
    assert rules.rules == (split, Rule("not at night", Condition(), Action.EXCLUDE, frozenset({"city_bank"})))


def test_the_version_names_the_content(read: Callable[[str], RoutingRules]) -> None:
    assert read(SMALL).version != read(SMALL + "# a word\n").version
    assert read(SMALL).version == read(SMALL).version


def test_without_a_file_nothing_is_routable(tmp_path: Path) -> None:
    assert read_routing_rules(tmp_path / "routing.toml", PROFILES, BILLERS) == RoutingRules()


def a_rule(**lines: str) -> str:
    members = {"name": '"r"', **lines}
    return SMALL + "[[rules]]\n" + "".join(f"{name} = {value}\n" for name, value in members.items())


def a_window(**lines: str) -> str:
    members = {"connector": '"ebl"', **lines}
    return SMALL + "[[maintenance]]\n" + "".join(f"{name} = {value}\n" for name, value in members.items())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("version = ", "Invalid value"),
        ('[instruments]\ncard = ["ebl"]', "version: Field required"),
        ('version = "1"\nsurprise = 1', "surprise: Extra inputs are not permitted"),
        ('version = "1"\n[instruments]\ncard = []', "instruments.card: List should have at least 1 item"),
        ('version = "1"\n[instruments]\ncard = ["townbank"]', "instruments.card: there is no townbank"),
        ('version = "1"\n[instruments]\ncard = ["ebl", "ebl"]', "instruments.card: ebl stands twice"),
        ('version = "1"\n[instruments]\nbkash = ["ebl"]', "this is the id of a connector"),
        ('version = "1"\n[instruments]\nmix = ["ebl", "bkash"]', "card and wallet are priced apart"),
        (SMALL + "[record]\noutcomes_min = 300", "outcomes_min must be no more than outcomes_max"),
        (SMALL + '[record]\nexploration_percent = "2.005"', "not a percentage"),
        (SMALL + "[breaker]\ndoubts_in_a_row = 21", "must be no more than window"),
        (SMALL + "[breaker]\nhold_seconds = 700", "by_itself_seconds must be no less than hold_seconds"),
        (SMALL + '[failure_cost]\nfixed = "1.234"', "not an amount in taka"),
        (SMALL + '[daily_caps]\nebl = "1e9"', "not an amount in taka"),
        (SMALL + '[daily_caps]\ntownbank = "1.00"', "daily_caps: there is no townbank"),
        (a_window(weekday='"friday"', start='"25:00"', end='"26:00"'), "not a time of the Dhaka day"),
        (a_window(weekday='"friyay"', start='"01:00"', end='"02:00"'), "weekday must be one of monday"),
        (a_window(start='"01:00"', end='"02:00"'), "a window has a weekday and two times"),
        (a_window(weekday='"friday"', start="2026-12-05T01:00:00", end='"02:00"'), "a window has a weekday"),
        (a_window(start="2026-12-05T01:00:00Z", end="2026-12-05T02:00:00Z"), "no offset (Dhaka)"),
        (a_window(weekday='"friday"', start='"23:00"', end='"01:00"'), "a night is two windows"),
        (a_window(start="2026-12-05T02:00:00", end="2026-12-05T02:00:00"), "start must be before end"),
        (a_window(connector='"townbank"', weekday='"friday"', start='"01:00"', end='"02:00"'), "no townbank"),
        (a_rule(), "a rule does one thing"),
        (a_rule(only='["ebl"]', prefer='["ebl"]'), "a rule does one thing"),
        (a_rule(only='["ebl"]', amount_min='"2.00"', amount_max='"1.00"'), "amount_min is more than"),
        (a_rule(only='["ebl"]', time_from='"22:00"', time_until='"06:00"'), "a night is two rules"),
        (a_rule(only='["dbbl_nexus"]'), "rules 'r': dbbl_nexus stands for none of its instruments"),
        (a_rule(only='["ebl"]', instruments='["nexus"]'), "rules 'r': there is no nexus"),
        (a_rule(only='["ebl"]', billers='["nobody"]'), "rules 'r': there is no nobody"),
        (a_rule(split="{ ebl = 60, brac_bank = 30 }"), "the shares of a split sum to 90, not to 100"),
        (a_rule(split="{ ebl = 100, brac_bank = 0 }"), "greater than or equal to 1"),
        (a_rule(only='["ebl"]') + '[[rules]]\nname = "r"\nonly = ["ebl"]\n', "rules: r stands twice"),
        (
            a_rule(split="{ ebl = 100 }") + '[[rules]]\nname = "s"\nsplit = { brac_bank = 100 }\n',
            "rules: 's' splits what 'r' has split already",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    read: Callable[[str], RoutingRules], text: str, fault: str
) -> None:
    with pytest.raises(RoutingFileError) as refused:
        read(text)
    assert str(refused.value).startswith("routing.toml: ")
    assert fault in str(refused.value)


WEEKLY = '[[maintenance]]\nconnector = "ebl"\nweekday = "{}"\nstart = "{}"\nend = "{}"\n'
DATED = '[[maintenance]]\nconnector = "ebl"\nstart = 2026-12-05T{}:00\nend = 2026-12-05T{}:00\n'


@pytest.mark.parametrize(
    ("one", "other", "is_taken"),
    [
        (WEEKLY.format("friday", "01:00", "02:00"), WEEKLY.format("friday", "01:59", "03:00"), False),
        (WEEKLY.format("friday", "01:00", "02:00"), WEEKLY.format("friday", "02:00", "03:00"), True),
        (WEEKLY.format("friday", "01:00", "02:00"), WEEKLY.format("monday", "01:00", "02:00"), True),
        (DATED.format("01:00", "02:00"), DATED.format("01:30", "03:00"), False),
        (DATED.format("01:00", "02:00"), DATED.format("02:00", "03:00"), True),
        (WEEKLY.format("saturday", "01:00", "02:00"), DATED.format("01:00", "03:00"), True),
    ],
)
def test_windows_of_one_kind_do_not_overlap(
    read: Callable[[str], RoutingRules], one: str, other: str, *, is_taken: bool
) -> None:
    if is_taken:
        assert len(read(SMALL + one + other).calendar["ebl"]) == 2
        return
    with pytest.raises(RoutingFileError, match="two windows of ebl overlap"):
        read(SMALL + one + other)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "routing.toml"
    file.write_bytes(b"version = '\xff'")
    with pytest.raises(RoutingFileError, match="not UTF-8: byte"):
        read_routing_rules(file, PROFILES, BILLERS)
