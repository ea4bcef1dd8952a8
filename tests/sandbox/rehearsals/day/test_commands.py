"""`ekpay sandbox statements` as it is typed."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sandbox.billers.desco.book import DescoPayment
from sandbox.billers.desco.institution import DescoInstitution
from sandbox.billers.desco.settings import DescoSettings
from sandbox.commands import app
from sandbox.kit.institution.clock import Clock
from tests.sandbox.caller import NOON, SetClock
from tests.sandbox.conftest import served

NIGHT = "2026-03-10"


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["statements", *arguments])


async def test_files_are_left_once_and_what_is_wrong_is_printed(tmp_path: Path) -> None:
    settings = DescoSettings(home=tmp_path / "books")
    institution = DescoInstitution.open(settings, Clock(SetClock().now))
    for number in range(3):
        bill, account = f"02261000000{number}", f"1000000{number}"
        saved = DescoPayment(bill, f"OURS{number}", account, number, NIGHT, 50_000, 0, 0, 0, NOON.isoformat())
        institution.book.record_saved(saved)
    async with served(institution) as (_, origin):
        where = ("--out", f"{tmp_path / 'out'}", "--home", f"{tmp_path / 'home'}", "--date", NIGHT)
        options = (*where, "--address", f"desco={origin}", "--json")
        first = await asyncio.to_thread(
            typed, *options, "--wrong", "AMOUNT", "--wrong", "DUP_IN_FILE@desco_postpaid"
        )
        again = await asyncio.to_thread(typed, *options)
        refused = await asyncio.to_thread(typed, *options, "--wrong", "LEDGER_ONLY")
    told = json.loads(first.stdout)
    assert (
        told["files"]
        == ["desco_postpaid_20260310_01.csv"]
        == [path.name for path in (tmp_path / "out").iterdir()]
    )
    assert [(one["code"], one["institution"], one["night"]) for one in told["seeded"]] == [
        ("AMOUNT", "desco_postpaid", NIGHT),
        ("DUP_IN_FILE", "desco_postpaid", NIGHT),
    ]
    assert json.loads(again.stdout) == {"files": [], "seeded": []}
    assert refused.exit_code == 1
    assert "LEDGER_ONLY" in refused.output


@pytest.mark.parametrize("wrong", ["NOTHING", "AMOUNT@nobody", "TIMING"])
def test_what_cannot_be_made_wrong_is_refused(wrong: str, tmp_path: Path) -> None:
    done = typed("--out", f"{tmp_path}", "--wrong", wrong)
    assert done.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["desco", "nobody=http://127.0.0.1:1", "desco="])
def test_an_address_that_cannot_be_read_is_refused(address: str, tmp_path: Path) -> None:
    assert typed("--out", f"{tmp_path}", "--address", address).exit_code == 2


def test_who_does_not_answer_is_named(tmp_path: Path) -> None:
    where = ("--out", f"{tmp_path / 'out'}", "--home", f"{tmp_path / 'home'}")
    done = typed(*where, "--address", "breb=http://127.0.0.1:1")
    assert done.exit_code == 1
    assert "breb" in done.output
    assert not (tmp_path / "out").exists()


async def test_what_was_left_is_kept_in_the_home_of_the_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two houses on one machine: what one has left is not taken as left by the other."""
    monkeypatch.setenv("EKPAY_HOME", str(tmp_path / "house"))
    institution = DescoInstitution.open(DescoSettings(home=tmp_path / "books"), Clock(SetClock().now))
    async with served(institution) as (_, origin):
        where = ("--out", f"{tmp_path / 'out'}", "--date", NIGHT, "--address", f"desco={origin}")
        done = await asyncio.to_thread(typed, *where)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "house" / "sandbox" / "day" / "day.json").exists()
