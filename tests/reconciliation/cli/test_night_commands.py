"""What whoever runs the nights types, and what programs read of it."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from reconciliation.cli import night_commands
from reconciliation.cli import reconcile_commands as commands
from reconciliation.errors import ConfigurationError
from reconciliation.nightly import night_run as night
from reconciliation.nightly import night_start as waiting
from reconciliation.nightly.night_configuration import NightRules, read_night_settings
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import BREB, MON, SUN, NightStage

ROWS = [
    Movement(f"EKP{number}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 6)
]


def typed(stage: NightStage, *words: str) -> Result:
    return CliRunner().invoke(commands.app, list(words), obj=stage)


@pytest.fixture
def ready(stage: NightStage) -> NightStage:
    """A night before which one row is missing, and everything else is there."""
    return stage.book(BREB, *ROWS).send(BREB, ROWS[1:], SUN).empty(SUN)


def test_a_green_night_says_so_and_leaves_its_reports(ready: NightStage) -> None:
    done = typed(ready, "run", "--night", "2026-04-05")
    assert done.exit_code == 0, done.output
    assert "run 1, night 2026-04-05 number 1, invariants hold" in done.output
    assert "BILLER_NOT_POSTED" in done.output
    left = ready.home_folder / "reconciliation" / "reports" / "2026-04-05-1"
    assert sorted(path.name for path in left.iterdir()) == [
        "night-2026-04-05.json",
        "night-2026-04-05.pdf",
        "night-2026-04-05.xlsx",
        "partners",
    ]
    again = typed(ready, "run", "--night", "2026-04-05")
    assert (again.exit_code, "nothing is new: run 1 of 2026-04-05 stands" in again.output) == (0, True)
    proven = typed(ready, "verify", "1")
    assert (proven.exit_code, proven.output.strip()) == (0, "run 1 is proven")


def test_programs_read_json(ready: NightStage) -> None:
    done = typed(ready, "run", "--night", "2026-04-05", "--json")
    told = json.loads(done.stdout)
    assert (told["night"], told["run"], told["holds"], told["red"]) == ("2026-04-05", 1, True, [])
    assert told["breaks"] == [{"code": "BILLER_NOT_POSTED", "found": 1, "open": 1, "exposure": 100_001}]
    assert told["rows"] == [{"institution": BREB, "matched": 8, "decided": 9, "rate": "88.8 %"}]
    assert told["files"] == [
        {"institution": BREB, "expected": 2, "in_time": 2, "late": 0, "missing": [], "refused": []}
    ]
    assert told["deadline"] == "2026-04-05T19:30:00+00:00"
    assert json.loads(typed(ready, "status", "--json").stdout) == told


def test_a_missing_file_is_red(stage: NightStage) -> None:
    stage.book(BREB, *ROWS).book("somebody", ROWS[0])
    (stage.inbox / "what is this").write_bytes(b"")
    done = typed(stage, "run", "--night", "2026-04-05")
    assert done.exit_code == 1
    assert "2 files are missing, the first is breb_postpaid_20260405_01.txt" in done.output
    assert "nobody watches somebody, 1 lines" in done.output
    assert "names that say nothing: what is this" in done.output
    assert typed(stage, "status").exit_code == 1


def test_one_missing_file_is_told_as_one(ready: NightStage) -> None:
    next(ready.inbox.glob("breb_postpaid_20260405_01.*")).unlink()
    done = typed(ready, "run", "--night", "2026-04-05")
    assert done.exit_code == 1
    assert "a file is missing: breb_postpaid_20260405_01.txt" in done.output
    # The digest of its breaks, of which this is the only one.
    told = json.loads(typed(ready, "run", "--night", "2026-04-05", "--json").stdout)["digests"]
    assert f"\nbreaks {told['findings']}\n" in done.output


def test_a_date_that_is_not_over_is_rehearsed_only_and_none_begins_before_its_day(
    ready: NightStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "now", lambda: datetime(2026, 4, 5, 12, 0, tzinfo=UTC))
    refused = typed(ready, "run", "--night", "2026-04-05")
    assert (refused.exit_code, "is not over yet" in refused.output) == (2, True)
    assert typed(ready, "run", "--night", "2026-04-06", "--early").exit_code == 2
    done = typed(ready, "run", "--early")
    assert (done.exit_code, "2026-04-05 is not over yet" in done.output) == (0, True)
    ready.empty(MON)
    unbegun = typed(ready, "run", "--night", "2026-04-06", "--early")
    assert (unbegun.exit_code, "2026-04-06 has not begun" in unbegun.output) == (2, True)
    # In a rehearsal a date that has not begun follows the night before it.
    ready.is_rehearsal = True
    ahead = typed(ready, "run", "--night", "2026-04-06", "--early")
    assert (ahead.exit_code, "night 2026-04-06 number 1" in ahead.output) == (0, True)
    assert typed(ready, "run", "--night", "2026-04-08", "--early").exit_code == 2


def test_what_is_refused_is_one_line(ready: NightStage) -> None:
    assert typed(ready, "status").output.strip() == "ekpay: no night was run yet"
    (ready.config / "reconciliation.toml").write_text("cut_off_minutes = 90\n", encoding="utf-8")
    done = typed(ready, "run", "--night", "2026-04-05")
    assert (done.exit_code, "ekpay: reconciliation.toml: " in done.output) == (1, True)
    assert typed(ready, "run", "--night", "yesterday").exit_code == 2


def test_what_differs_is_named(ready: NightStage) -> None:
    typed(ready, "run", "--night", "2026-04-05")
    (ready.home_folder / "reconciliation" / "rows" / "000001" / "carried.json").write_text(
        "{}", encoding="utf-8"
    )
    done = typed(ready, "verify", "1")
    assert (done.exit_code, "its rows on disk" in done.output) == (1, True)
    assert typed(ready, "verify", "2").exit_code == 1


def test_a_report_that_cannot_be_left_undoes_nothing(ready: NightStage) -> None:
    in_the_way = ready.home_folder / "reconciliation" / "reports" / ".2026-04-05-1"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("", encoding="utf-8")
    done = typed(ready, "run", "--night", "2026-04-05")
    assert (done.exit_code, "is committed, but not every report" in done.output) == (1, True)
    assert typed(ready, "status").exit_code == 0
    in_the_way.unlink()
    # What lacks is made good by the next run.
    assert typed(ready, "run", "--night", "2026-04-05").exit_code == 0
    assert in_the_way.with_name("2026-04-05-1").is_dir()


@pytest.mark.parametrize(
    ("instant", "ran"),
    [
        (datetime(2026, 4, 5, 19, 29, tzinfo=UTC), ["2026-04-04"]),
        (datetime(2026, 4, 5, 19, 30, tzinfo=UTC), ["2026-04-05"]),
    ],
)
def test_nightly_runs_the_night_whose_cut_off_has_passed(
    stage: NightStage, monkeypatch: pytest.MonkeyPatch, instant: datetime, ran: Sequence[str]
) -> None:
    until: list[datetime] = []
    monkeypatch.setattr(waiting, "now", lambda: instant)
    monkeypatch.setattr(waiting, "wait_until", until.append)
    done = typed(stage, "nightly", "--once")
    assert done.exit_code == 0, done.output
    assert f"night {ran[0]} number 1" in done.output
    assert until[0] <= instant


def test_nightly_waits_for_the_next_cut_off(ready: NightStage, monkeypatch: pytest.MonkeyPatch) -> None:
    until: list[datetime] = []
    typed(ready, "run", "--night", "2026-04-05")
    ready.empty(MON)
    monkeypatch.setattr(waiting, "now", lambda: datetime(2026, 4, 6, 3, 0, tzinfo=UTC))
    monkeypatch.setattr(waiting, "wait_until", until.append)
    done = typed(ready, "nightly", "--once")
    assert (done.exit_code, "night 2026-04-06 number 1" in done.output) == (0, True)
    assert until == [datetime(2026, 4, 6, 19, 30, tzinfo=UTC)]


def test_nightly_tries_again_what_could_not_be_run(
    ready: NightStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    instant = datetime(2026, 4, 5, 20, 0, tzinfo=UTC)
    tried: list[date] = []
    until: list[datetime] = []

    def run_in_vain(_: object, wanted: date, *, as_json: bool) -> None:
        tried.append(wanted)
        if len(tried) < 3:
            raise OSError(f"nothing today, and as_json is {as_json}")
        raise KeyboardInterrupt

    monkeypatch.setattr(night_commands, "_run", run_in_vain)
    monkeypatch.setattr(waiting, "now", lambda: instant)
    monkeypatch.setattr(waiting, "wait_until", until.append)
    done = typed(ready, "nightly")
    assert (done.exit_code, tried) == (130, [SUN, SUN, SUN])
    assert "2026-04-05 was not run: nothing today" in done.output
    assert until[1] == instant + timedelta(minutes=5)


def test_waiting_ends_when_the_instant_has_come() -> None:
    clock = [datetime(2026, 4, 5, 19, 29, tzinfo=UTC)]
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        clock[0] = datetime(2026, 4, 5, 19, 30 - (len(naps) < 2), 40 * (len(naps) < 2), tzinfo=UTC)

    waiting.wait_until(datetime(2026, 4, 5, 19, 30, tzinfo=UTC), lambda: clock[0], nap)
    assert naps == [30.0, 20.0]


def test_a_night_of_the_day_is_over_at_midnight_in_dhaka() -> None:
    assert waiting.last_over(datetime(2026, 4, 5, 17, 59, tzinfo=UTC)) == date(2026, 4, 4)
    assert waiting.last_over(datetime(2026, 4, 5, 18, 0, tzinfo=UTC)) == SUN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cut_off_minutes = 90",
        'cut_off_minutes = 1440\nmemory_limit = "1GB"\nhorizon_days = 40',
        'cut_off_minutes = 90\nmemory_limit = "much"\nhorizon_days = 40',
        'cut_off_minutes = 90\nmemory_limit = "1GB"\nhorizon_days = 40\nmore = 1',
        "cut_off_minutes = ",
    ],
)
def test_settings_of_the_night_are_read_strictly(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reconciliation.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        read_night_settings(path)


def test_rules_are_kept_once_under_their_digest(stage: NightStage, tmp_path: Path) -> None:
    rules = NightRules.read(stage.config)
    folder = tmp_path / "rules"
    folder.mkdir()
    rules.write(folder)
    rules.write(folder)
    (kept,) = folder.iterdir()
    assert (kept.name, NightRules.read(kept).digest) == (rules.digest, rules.digest)


def test_steps_are_told_in_their_order() -> None:
    assert [step.name for step in night.NightStep] == [
        "CLOSE", "READ", "TAKE", "LINES", "JUDGE", "COMMIT", "CLEAR", "DISPUTE", "MIRROR", "REPORT",
        "DONE",
    ]  # fmt: skip
