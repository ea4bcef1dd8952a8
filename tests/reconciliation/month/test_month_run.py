"""A whole run: what it proves of itself, when it opens the key, what it reports, what the command says."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from reconciliation.calendar import read_calendar
from reconciliation.canonical_row import FILE, LEDGER
from reconciliation.cli import reconcile_commands as commands
from reconciliation.digests import sha256_of
from reconciliation.engine.invariants import Invariant, MonthChecks
from reconciliation.engine.seal import Seal
from reconciliation.errors import MonthError
from reconciliation.intake.file_register import FileRegister
from reconciliation.matching.engines import Engine, PolarsEngine, Sources
from reconciliation.month.month_run import run_month
from reconciliation.month.sealed_key import open_key
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.small_month import CONFIG, Outcome, SmallMonth

pytestmark = pytest.mark.isolated_reading

SUN = date(2026, 4, 5)
ROWS = [
    Movement(f"{number:012d}", at("2026-04-05 10:00:00"), 100_000 + number, theirs=f"T{number}")
    for number in range(1, 9)
]
SEEDED = (
    "AMOUNT,npsb,000000000002,2026-04-05,a word",
    "LEDGER_ONLY,npsb,000000000001,2026-04-05,another",
)


def sealed(lines: Iterable[str]) -> str:
    body = "code,institution,reference,night,cause\n" + "".join(f"{line}\n" for line in lines)
    count = body.count("\n") - 1
    return f"{body}SEAL,{count},{sha256_of(body.encode())},,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two days of one institution with two things wrong, and the key that says so."""
    month = SmallMonth(tmp_path / "month", ["npsb"], days=2).book("npsb", *ROWS)
    month.send("npsb", [ROWS[1].but(gross=5), *ROWS[2:]], SUN).write()
    (tmp_path / "month" / "key").write_text(sealed(SEEDED), encoding="utf-8")
    return tmp_path / "month"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Our configuration, where nobody but NPSB sends files."""
    copied = tmp_path / "config"
    shutil.copytree(CONFIG, copied)
    calendar = copied / "calendar.toml"
    head, _, institutions = calendar.read_text(encoding="utf-8").partition("[institutions]\n")
    kept = [line for line in institutions.splitlines() if line.startswith("npsb ")]
    calendar.write_text(f"{head}[institutions]\n{kept[0]}\n", encoding="utf-8")
    return copied


def nobody(*_: object) -> None:
    """Watches nothing."""


def test_a_run_finds_what_was_seeded_and_says_so(folder: Path, config: Path, tmp_path: Path) -> None:
    report = run_month(folder, config, tmp_path / "state", nobody)
    told = json.loads(report.as_json())
    assert report.is_perfect
    assert {name: told[name] for name in ("rows", "seeded", "found", "invented", "invariants")} == {
        "rows": 15,
        "seeded": 2,
        "found": 2,
        "invented": 0,
        "invariants": "hold",
    }
    assert told["by_code"]["AMOUNT"] == {"seeded": 1, "found": 1, "invented": 0}
    assert len(told["by_code"]) == 24
    assert (told["missed"], told["inventions"]) == ([], [])
    assert told["key_sha256"] == sha256_of((folder / "key").read_bytes())
    assert re.fullmatch(r"[0-9a-f]{64}", told["run_digest"])


def test_a_right_code_in_a_wrong_night_is_invented_and_missed(
    folder: Path, config: Path, tmp_path: Path
) -> None:
    moved = [SEEDED[0].replace("04-05", "04-06"), SEEDED[1]]
    (folder / "key").write_text(sealed(moved), encoding="utf-8")
    report = run_month(folder, config, tmp_path / "state", nobody)
    told = json.loads(report.as_json())
    assert not report.is_perfect
    assert told["missed"] == [["AMOUNT", "npsb", "000000000002", "2026-04-06"]]
    assert told["inventions"] == [["AMOUNT", "npsb", "000000000002", "2026-04-05"]]


def test_the_same_month_has_the_same_digest_and_another_has_another(
    folder: Path, config: Path, tmp_path: Path
) -> None:
    first = run_month(folder, config, tmp_path / "one", nobody)
    assert run_month(folder, config, tmp_path / "two", nobody).run_digest == first.run_digest
    calendar = config / "calendar.toml"
    text = calendar.read_text(encoding="utf-8")
    version = read_calendar(calendar).version
    calendar.write_text(text.replace(version, "another", 1), encoding="utf-8")
    assert run_month(folder, config, tmp_path / "three", nobody).run_digest != first.run_digest


def test_the_digest_is_sealed_before_the_key_is_looked_at(folder: Path, config: Path, tmp_path: Path) -> None:
    (folder / "key").unlink()
    with pytest.raises(MonthError, match="the key cannot be read"):
        run_month(folder, config, tmp_path / "state", nobody)
    assert json.loads((tmp_path / "state" / "seal.json").read_text(encoding="utf-8"))["findings"] == 2


def test_a_key_does_not_open_without_a_seal_on_disk(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "seal.json"
    with pytest.raises(MonthError, match="stays closed"):
        open_key(folder / "key", Seal("0" * 64, path))
    path.write_text('{"run_digest": "another"}', encoding="utf-8")
    with pytest.raises(MonthError, match="stays closed"):
        open_key(folder / "key", Seal("0" * 64, path))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("AMOUNT", "CURRENCY"),
        lambda text: text.replace(SEEDED[0] + "\n", ""),
        lambda text: text.rsplit("SEAL", 1)[0],
        lambda text: text.replace("SEAL,2", "SEAL,3"),
        lambda _: "",
        lambda _: sealed([SEEDED[0], SEEDED[0]]),
        lambda _: sealed(["AMOUNT,npsb,1"]),
        lambda _: sealed(["AMOUNT,npsb,1,yesterday,x"]),
    ],
)
def test_a_key_whose_seal_or_lines_are_wrong_is_an_error(
    folder: Path, tmp_path: Path, spoil: Callable[[str], str]
) -> None:
    key = folder / "key"
    key.write_text(spoil(key.read_text(encoding="utf-8")), encoding="utf-8")
    seal = tmp_path / "seal.json"
    seal.write_text(json.dumps({"run_digest": "d"}), encoding="utf-8")
    with pytest.raises(MonthError):
        open_key(key, Seal("d", seal))


def test_evidence_is_left_behind(folder: Path, config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    run_month(folder, config, state, nobody)
    breaks = [json.loads(line) for line in (state / "breaks.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["code"] for one in breaks] == ["AMOUNT", "LEDGER_ONLY"]
    assert breaks[0]["passes"] == ["1: the amounts differ", "2: the gross differs, so no fee explains it"]
    assert "npsb" in breaks[0]["en"]
    assert (state / "positions.csv").read_text(encoding="utf-8").startswith("institution,settled,gross,fees")
    assert "npsb_20260405_04.txt,loaded,7" in (state / "files.csv").read_text(encoding="utf-8")
    assert json.loads((state / "invariants.json").read_text(encoding="utf-8")) == {}


@pytest.mark.parametrize("missing", ["ledger", "files/2026-04-06"])
def test_a_folder_that_is_no_month_is_refused(
    folder: Path, config: Path, tmp_path: Path, missing: str
) -> None:
    shutil.rmtree(folder / missing)
    with pytest.raises(MonthError):
        run_month(folder, config, tmp_path / "state", nobody)


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (",success,", ",perhaps,"),
        ("100001,0,0,100001", "100001,1,0,100001"),
        ("2026-04-05\n", "2026-04-06\n"),
        ("gross", "amount"),
    ],
)
def test_books_that_are_wrong_stop_the_run(
    folder: Path, config: Path, tmp_path: Path, found: str, instead: str
) -> None:
    day = folder / "ledger" / "2026-04-05.csv"
    day.write_text(day.read_text(encoding="utf-8").replace(found, instead, 1), encoding="utf-8")
    with pytest.raises(MonthError):
        run_month(folder, config, tmp_path / "state", nobody)


# ---- each invariant can fail


class Liar(PolarsEngine):
    """An engine that loses the last group it was asked for."""

    def judge(self, sources: Sources) -> pl.DataFrame:
        groups = super().judge(sources)
        return groups.sort("reference", "direction").with_columns(file_net=pl.col("file_net") + 1)


class Forgetful(PolarsEngine):
    """An engine that goes by the order in which rows lie."""

    def judge(self, sources: Sources) -> pl.DataFrame:
        first = next(iter(sources["ledger"]["reference"]), "")
        verdict = pl.when(pl.col("reference") == first).then(pl.lit("silent")).otherwise("verdict")
        return super().judge(sources).with_columns(verdict=verdict)


def checks(done: Outcome, engine: Engine | None = None) -> MonthChecks:
    used = engine or PolarsEngine()
    return MonthChecks(done.month, done.setting, done.progress, (PolarsEngine(), used))


@pytest.fixture
def done(tmp_path: Path) -> Outcome:
    month = SmallMonth(tmp_path / "checked", ["npsb"], days=3).book("npsb", *ROWS)
    month.send("npsb", [ROWS[1].but(gross=5), *ROWS[2:]], SUN)
    return month.send("npsb", ROWS, SUN, correction=1, night=1).run()


def all_checked(checked: MonthChecks, done: Outcome) -> MonthChecks:
    for night in done.nights:
        checked.after(night)
    checked.at_the_end()
    return checked


def test_all_invariants_hold(done: Outcome) -> None:
    checked = all_checked(checks(done), done)
    assert (checked.outcome(), checked.broken) == ("hold", {})


def test_an_engine_that_differs_is_seen(done: Outcome) -> None:
    checked = all_checked(checks(done, Liar()), done)
    assert Invariant.ENGINE_INDEPENDENCE in checked.broken


def test_an_outcome_that_goes_by_order_is_seen(done: Outcome) -> None:
    assert all_checked(checks(done, Forgetful()), done).outcome() == "order_independence"


def test_a_file_that_has_an_effect_twice_is_seen(done: Outcome) -> None:
    forgotten = FileRegister()
    forgotten.arrivals = list(done.progress.register.arrivals)
    done.progress.register = forgotten
    checked = checks(done)
    checked.after(done.nights[0])
    assert checked.outcome() == "idempotence"


def spoilt(done: Outcome, change: Callable[[pl.DataFrame], pl.DataFrame]) -> MonthChecks:
    """The rows of the store as somebody changed them behind our back."""
    folder = done.month.folder / "rows"
    for path in folder.glob("*/settled.parquet"):
        change(pl.read_parquet(path)).write_parquet(path)
    return all_checked(checks(done), done)


def test_a_row_that_was_lost_is_seen(done: Outcome) -> None:
    lost = spoilt(done, lambda rows: rows.filter(pl.col("reference") != ROWS[4].ours))
    assert lost.outcome() == "conservation"


def test_a_row_of_our_books_that_was_lost_is_seen(done: Outcome) -> None:
    def lose(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter((pl.col("source") == FILE) | (pl.col("reference") != ROWS[4].ours))

    assert "of our books" in spoilt(done, lose).broken[Invariant.CONSERVATION]


def test_a_restated_day_that_differs_from_scratch_is_seen(done: Outcome) -> None:
    def change(rows: pl.DataFrame) -> pl.DataFrame:
        verdict = pl.when(pl.col("reference") == ROWS[1].ours).then(pl.lit("break")).otherwise("verdict")
        return rows.with_columns(verdict=verdict)

    assert spoilt(done, change).outcome() == "restatement"


def test_money_that_appears_in_a_matched_row_is_seen(done: Outcome) -> None:
    def change(rows: pl.DataFrame) -> pl.DataFrame:
        is_ours = (pl.col("reference") == ROWS[1].ours) & (pl.col("source") == LEDGER)
        return rows.with_columns(net=pl.when(is_ours).then(pl.col("net") + 7).otherwise("net"))

    assert Invariant.NETTING in spoilt(done, change).broken


def test_a_row_of_ours_in_two_groups_is_seen(done: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = done.progress.store.all_rows()
    ours = rows.filter((pl.col("source") == LEDGER) & (pl.col("reference") == ROWS[1].ours))
    twice = pl.concat([rows, ours.with_columns(reference=pl.lit("other"))])
    monkeypatch.setattr(done.progress.store, "all_rows", lambda _columns: twice)
    checked = checks(done)
    checked.at_the_end()
    assert Invariant.NO_DOUBLE_USE in checked.broken


# ---- the command


def test_the_command_writes_the_report_and_exits_by_it(
    folder: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "CONFIG", config)
    report = tmp_path / "report.json"
    asked = ["month", str(folder), "--out", str(report), "--keep", str(tmp_path / "kept")]
    answer = CliRunner().invoke(commands.app, asked)
    assert answer.exit_code == 0, answer.output
    assert json.loads(report.read_text(encoding="utf-8"))["found"] == 2
    assert "invariants hold" in answer.output
    assert (tmp_path / "kept" / "breaks.jsonl").exists()
    again = CliRunner().invoke(commands.app, asked)
    assert again.exit_code == 2, "a folder of another run is never written over"


def test_the_command_exits_1_where_something_is_missed(
    folder: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "CONFIG", config)
    (folder / "key").write_text(sealed([*SEEDED, "TIMING,npsb,9,2026-04-05,x"]), encoding="utf-8")
    assert CliRunner().invoke(commands.app, ["month", str(folder)]).exit_code == 1


HEAVY = (
    "adbc_driver_manager",
    "duckdb",
    "fastexcel",
    "ibis",
    "lxml",
    "mt940",
    "pandas",
    "polars",
    "pyarrow",
    "xlsxwriter",
)


@pytest.mark.parametrize(
    "module",
    [
        "reconciliation.cli.reconcile_commands",
        "ekpay_switch.composition.switch",
        "ekpay_switch.cli.main",
        "ekpay_switch.api.syndicate",
    ],
)
def test_neither_the_web_process_nor_the_help_imports_anything_heavy(module: str) -> None:
    program = f"import {module}, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert seen.stdout.strip() == "[]"


def test_without_the_extra_the_command_says_what_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "reconciliation.month.month_run", None)
    answer = CliRunner().invoke(commands.app, ["month", str(folder)])
    assert answer.exit_code == 1
    assert "the extra reconciliation is not installed" in answer.output
