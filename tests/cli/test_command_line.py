"""What holds for every command: help, exit codes, one line for an error, and strangers' commands."""

import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint, version
from pathlib import Path
from pkgutil import resolve_name

import pytest
import typer

from ekpay_switch.cli.command_table import CORE, FREQUENT
from ekpay_switch.cli.main import build, carry_out, typed_arguments
from ekpay_switch.cli.operations.database import without_password
from ekpay_switch.cli.operations.plugin_commands import (
    OTHER_HEADING,
    Listing,
    add_plugin_commands,
    installed_apps,
    listing_of,
)
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from tests.cli.all_commands import load_all_commands
from tests.cli.command_result import Ekpay


def test_help_lists_every_command(ekpay: Ekpay) -> None:
    done = ekpay("--help")
    assert done.code == 0
    assert all(re.search(rf"\b{name}\b", done.out) for name in CORE)
    assert "Finance" in done.out


def test_the_list_says_what_each_command_says_of_itself() -> None:
    listed = {name: known.summary for name, known in CORE.items()}
    listed |= {point.name: listing_of(point).summary for point in installed_apps()}
    own = {name: command.help.partition("\n")[0] for name, command in load_all_commands().items()}
    assert listed == own


def test_the_list_imports_no_command() -> None:
    code = (
        "import sys; from ekpay_switch.cli.main import build, carry_out; "
        "carry_out(build(['--help']), ['--help']); "
        "print(*sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    imported = set(ended.stdout.splitlines()[-1].split())
    assert imported.isdisjoint(
        {"sqlalchemy", "asyncpg", "pydantic", "aiohttp", "fastapi", "sandbox.commands"}
    )


def test_what_is_typed_most_is_the_command_of_its_group() -> None:
    everything = load_all_commands()
    for (group, name), place in FREQUENT.items():
        assert everything[group].commands[name].callback.__wrapped__ is resolve_name(place)


def test_a_list_imports_no_wire_no_page_and_only_its_own_tables() -> None:
    code = (
        "import sys; from ekpay_switch.cli.main import build; "
        "build(['payments', 'list']); print(*sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    imported = set(ended.stdout.split())
    assert imported.isdisjoint({"aiohttp", "fastapi", "jinja2", "sandbox", "joserfc", "structlog"})
    assert "ekpay_switch.persistence.schema.books" in imported
    assert "ekpay_switch.persistence.schema.whole_schema" not in imported


def test_the_version_is_that_of_the_package(ekpay: Ekpay) -> None:
    done = ekpay("--version")
    assert (done.code, done.out) == (0, f"ekpay {version('ekpay_switch')}\n")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, ["typed"]),
        ({"COMP_WORDS": "ekpay payments li"}, ["typed"]),
        ({"_EKPAY_COMPLETE": "complete_bash", "COMP_WORDS": "ekpay payments li"}, ["payments", "li"]),
        ({"_EKPAY_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "ekpay db 'ps"}, ["db", "'ps"]),
        ({"_EKPAY_COMPLETE": "complete_zsh"}, ["typed"]),
    ],
)
def test_a_completion_is_about_what_is_typed_so_far(environment: dict[str, str], words: list[str]) -> None:
    assert typed_arguments(["typed"], environment) == words


@pytest.mark.parametrize(
    ("words", "number", "completions"),
    [
        ("ekpay paym", 1, {"payments"}),
        ("ekpay payments li", 2, {"list"}),
        ("ekpay settle po", 2, {"positions"}),
    ],
)
def test_a_shell_completes_commands(words: str, number: int, completions: set[str]) -> None:
    environment = {"_EKPAY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(number)}
    code = "from ekpay_switch.cli.main import run; run()"
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert set(ended.stdout.split()) == completions


@pytest.mark.parametrize("words", [*sorted([name] for name in CORE), ["partners", "top-up"], ["db", "psql"]])
def test_every_command_explains_itself(words: list[str], ekpay: Ekpay) -> None:
    done = ekpay(*words, "--help")
    assert done.code == 0
    assert "Usage: ekpay" in done.out


@pytest.mark.parametrize(
    "words",
    [
        ["bogus"],
        ["payments", "bogus"],
        ["payments", "list", "--limit", "0"],
        ["payments", "list", "--state", "lost"],
        ["payments", "show"],
        ["payments", "show", "no such payment"],
        ["payments", "show", "00000000-0000-0000-0000-000000000000"],
        ["partners", "add", "Capital", "--name", "x", "--by", "a"],
        ["partners", "add", "p:1", "--name", "x", "--by", "a"],
        ["partners", "add", "p1", "--name", "x", "--nd-id", "1", "--by", "a"],
        ["partners", "add", "p1", "--name", "x", "--syndct-id", "S1", "--by", "a"],
        ["partners", "top-up", "p1", "gold", "5", "--reference", "r", "--by", "a"],
        ["partners", "top-up", "p1", "prepaid", "1e3", "--reference", "r", "--by", "a"],
        ["partners", "approve", "not-an-id", "--by", "a"],
        ["staff", "add", "Rahima\n"],
        ["staff", "add", "Rahima"],
        ["serve", "--port", "0"],
    ],
)
def test_misuse_is_one_clear_line_and_exit_code_2(words: list[str], ekpay: Ekpay) -> None:
    done = ekpay(*words)
    assert done.code == 2
    assert re.fullmatch(r"ekpay: .{10,}\n", done.err)


def test_a_broken_setting_is_named_and_not_quoted(ekpay: Ekpay) -> None:
    done = ekpay("partners", "list", EKPAY_MASTER_KEY="open-sesame")
    assert (done.code, done.err) == (1, "ekpay: EKPAY_MASTER_KEY must hold 32 random bytes in base64\n")
    done = ekpay("partners", "list", EKPAY_PORT="open-sesame")
    assert done.code == 1
    assert done.err.startswith("ekpay: EKPAY_PORT: ")
    assert "sesame" not in done.err


def test_a_database_that_is_not_there_is_one_line_without_its_password(ekpay: Ekpay) -> None:
    done = ekpay("payments", "list", EKPAY_DATABASE_URL="postgresql://u:open-sesame@127.0.0.1:1/x")
    assert done.code == 1
    assert re.fullmatch(r"ekpay: the database cannot be reached: .*\n", done.err)
    assert "sesame" not in done.err


def test_a_database_without_tables_says_what_to_run(ekpay: Ekpay, home: Path) -> None:
    endpoint = EmbeddedPostgres(home).endpoint
    empty = endpoint.dsn("postgres").replace(f"/{endpoint.database}?", "/postgres?")
    done = ekpay("payments", "list", EKPAY_DATABASE_URL=empty)
    assert (done.code, done.err) == (1, "ekpay: the database has no tables yet: run ekpay migrate\n")


def test_an_error_nobody_expected_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise LookupError("first line\x1b[31m\nsecond line")

    assert carry_out(app, []) == 1
    assert capsys.readouterr().err.startswith("ekpay: LookupError: first line\\x1b[31m\\nsecond line (set ")


def test_migrating_twice_changes_nothing(ekpay: Ekpay) -> None:
    assert ekpay("migrate").code == 0
    assert ekpay("migrate").code == 0


def test_the_doctor_finds_all_well_and_names_what_is_not(
    ekpay: Ekpay, own_home: Path, tmp_path: Path
) -> None:
    done = ekpay("doctor", EKPAY_HOME=str(own_home))
    assert done.code == 0
    assert done.out.count(" ok ") == 7
    done = ekpay("doctor", EKPAY_CONFIG=str(tmp_path), EKPAY_MASTER_KEY="x")
    assert done.code == 1
    assert "lacks agents.toml, alarms.toml, calendar.toml" in done.out
    assert "EKPAY_MASTER_KEY must hold" in done.out
    done = ekpay("doctor", EKPAY_TIME_DIVISOR="0")
    assert done.code == 1
    assert "EKPAY_TIME_DIVISOR" in done.out


def test_a_password_never_reaches_the_command_line_of_psql() -> None:
    assert without_password("postgresql://u:p%40ss@h:5/d?x=1") == ("postgresql://u@h:5/d?x=1", "p@ss")
    assert without_password("postgresql://h/d") == ("postgresql://h/d", "")


def test_only_the_command_that_is_typed_is_imported() -> None:
    """What one command imports, another need not wait for."""
    code = (
        "import sys; from ekpay_switch.cli.main import build; build(['staff', 'list']); "
        "print(*sorted(name for name in sys.modules if name.startswith('ekpay_switch.cli.')))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    rooms = {name.split(".")[2] for name in ended.stdout.split()}
    assert "parties" in rooms
    assert rooms.isdisjoint({"billers", "connectors", "merchants", "payments", "refunds", "routing"})


def test_garbage_is_collected_again_once_a_command_is_imported_and_not_while_it_is() -> None:
    code = (
        "import gc; seen = []; gc.callbacks.append(lambda phase, _: seen.append(phase)); "
        "from ekpay_switch.cli import main; seen.clear(); main.build_without_collector(['staff', 'list']); "
        "print(seen, gc.isenabled(), gc.get_freeze_count() > 10_000)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert ended.stdout == "[] True True\n"


# ---- commands that other packages bring


def a_point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "ekpay.apps")


def _with(*points: EntryPoint, leading: str = "serve") -> typer.Typer:
    app = build([leading])
    add_plugin_commands(app, points, CORE)
    return app


def test_a_group_and_a_single_command_join(capsys: pytest.CaptureFixture[str]) -> None:
    group = a_point("states", "ekpay_switch.cli.billers.commands:app")
    single = a_point("look", "ekpay_switch.cli.operations.doctor:doctor")
    assert carry_out(_with(group, single), ["--help"]) == 0
    shown = capsys.readouterr().out
    assert "states" in shown
    assert "look" in shown
    assert carry_out(_with(group, single), ["states", "list", "--help"]) == 0


@pytest.mark.parametrize("value", ["no_such_package.commands:app", "ekpay_switch.cli.main:no_such_name"])
def test_a_broken_plugin_breaks_its_own_command_only(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    app = _with(a_point("broken", value))
    assert carry_out(app, ["--help"]) == 0
    assert "Not available" in capsys.readouterr().out
    assert carry_out(app, ["broken", "--any", "thing"]) == 1
    assert re.fullmatch(rf"ekpay: broken cannot be loaded from {value}: .*\n", capsys.readouterr().err)


def test_a_command_that_is_not_listed_by_its_package_is_listed_all_the_same() -> None:
    listing = listing_of(a_point("unlisted", "no_such_package:app"))
    assert listing == Listing(OTHER_HEADING, "A command of no_such_package:app.")


def test_a_summary_that_cannot_be_loaded_costs_nobody_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("broken", "no_such_package:SUMMARY", "ekpay.app_summaries")]
    monkeypatch.setattr("ekpay_switch.cli.operations.plugin_commands.entry_points", lambda **_: points)
    listing = listing_of(a_point("broken", "no_such_package:app"))
    assert listing == Listing(OTHER_HEADING, "Not available: ModuleNotFoundError.")


def test_a_plugin_cannot_take_a_name_of_the_core(capsys: pytest.CaptureFixture[str]) -> None:
    app = _with(a_point("audit", "ekpay_switch.cli.operations.doctor:doctor"), leading="audit")
    assert "ignored" in capsys.readouterr().err
    assert carry_out(app, ["audit", "--help"]) == 0
    assert "Prove the books" in capsys.readouterr().out
