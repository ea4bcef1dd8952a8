"""The demo as a person runs it: a command that starts processes and must end with a proof."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import sandbox
from sandbox.rehearsals.demo.citizens.script import CitizenCourse
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse
from sandbox.rehearsals.demo.collecting.script import COLLECTED_MIN
from sandbox.rehearsals.demo.deciding.doors import DOORS

ROOT = Path(str(sandbox.__file__)).parent.parent
EKPAY = Path(sys.executable).with_name("ekpay")
STATES = ("completed", "refunded", "declined", "expired", "in_review", "open")
OF_PAYERS = (*STATES, "owed")
CITIZENS = 20
SIZE = ("--payments", "60", "--collected", str(COLLECTED_MIN), "--citizens", str(CITIZENS))


async def start(home: Path, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        str(EKPAY),
        *arguments,
        env=os.environ | {"EKPAY_HOME": str(home)} | settings,
        cwd=home,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def total(counts: dict[str, dict[str, int]]) -> int:
    return sum(sum(codes.values()) for codes in counts.values())


def hurried(folder: Path) -> Path:
    """The configuration with quotes of NESCO that die sooner: nobody waits long for a payer who left."""
    shutil.copytree(ROOT / "config", folder)
    manifest = folder / "billers" / "nesco_prepaid.toml"
    text, times = re.subn(r"(?m)^quote_life_seconds = \d+", "quote_life_seconds = 600", manifest.read_text())
    assert times == 1
    manifest.write_text(text)
    return folder


async def test_a_small_demo_explains_every_payment_and_leaves_its_reports(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = hurried(tmp_path_factory.mktemp("hurried") / "config")
    size = (*SIZE, "--seed", "3")
    process = await start(tmp_path, "demo", *size, "--out", "outcome.json", EKPAY_CONFIG=str(config))
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    told: dict[str, Any] = json.loads((tmp_path / "outcome.json").read_text())
    assert told["payments"] == sum(told[state] for state in STATES)
    assert (told["unexplained"], told["open"], told["expired"], told["audit"]) == (0, 0, 0, "clean")
    assert told["completed"] >= 45
    assert told["in_review"] == 2
    payers = told["payers"]
    citizens = told["citizens"]
    paid = told["completed"] + payers["completed"] + citizens["bills"]["paid"]
    assert sum(told["posted"].values()) == paid + told["in_review"]
    assert set(told["posted"]) == {"DESCO", "BREB", "NESCO", "the others"}
    assert (told["notified"]["strangers"], told["notified"]["events"] >= 15) == (0, True)
    assert told["refunded"] >= 2
    assert told["declined"] >= 3
    assert len(told["faults"]) >= 40
    assert len(told["bad_requests"]) == total(told["bad_requests"]) == 12
    assert (told["seed"], told["time_divisor"], told["disagreements"]) == (3, 20, [])
    assert_that_the_output_is_short(said.decode())
    assert sorted(names_in(tmp_path)) == ["demo", "outcome.json"]
    assert sorted(names_in(tmp_path / "demo")) == ["logs", "outcome.json", "report.txt", "reports"]
    assert_that_every_provider_was_paid(payers, citizens["refunds"])
    assert_that_citizens_read_what_the_books_say(citizens)
    assert_that_the_night_found_what_was_wrong(told["night"])
    assert_that_payees_were_paid_to_the_paisa(told["night"]["payouts"])
    assert_that_people_decided_what_waits(told["doors"])


def assert_that_the_output_is_short(said: str) -> None:
    lines = said.splitlines()
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("PROVEN in ") for line in lines) == 1
    assert "  reports      demo" in lines
    assert "paisa" not in said


def assert_that_citizens_read_what_the_books_say(citizens: dict[str, Any]) -> None:
    """Every course was taken, and a bill that its biller refused went back alone."""
    assert (citizens["citizens"], citizens["unexplained"]) == (CITIZENS, 0)
    assert set(citizens["courses"]) == {course.value for course in CitizenCourse}
    refused = citizens["courses"][CitizenCourse.ONE_REFUSED]
    assert (refused["given_back"] * 2, refused.keys()) == (refused["paid"], {"given_back", "paid"})
    assert citizens["courses"][CitizenCourse.CANCELLED].keys() == {"nothing_taken"}
    assert citizens["tracked"] >= 1


def assert_that_people_decided_what_waits(doors: dict[str, Any]) -> None:
    """Every kind of door was opened, and no alarm is left that nobody can explain."""
    assert {door["door"] for door in doors["played"]} >= DOORS
    assert all(door["acts"] for door in doors["played"])
    assert doors["unexplained"] == []
    assert all(alarm["cause"] for alarm in doors["alarms"])


def assert_that_the_night_found_what_was_wrong(night: dict[str, Any]) -> None:
    assert (night["missed"], night["unexplained"], night["position_sum_paisa"]) == ([], [], 0)
    assert len(night["seeded"]) >= 8
    assert (len(night["decided"]), night["closed"]) == (2, night["nights"][: len(night["closed"])])
    assert len(night["nights"]) >= 4
    assert night["files"] > 200
    assert night["reports"]


def assert_that_payees_were_paid_to_the_paisa(payouts: dict[str, Any]) -> None:
    """The bank was odd in each of its ways, and what came in has left by its own book, or is held."""
    assert payouts["faults"] == []
    for line in (payouts, *payouts["payees"]):
        assert line["came_paisa"] == line["paid_paisa"] + line["held_paisa"]
    assert payouts["paid_paisa"] > payouts["held_paisa"] >= 0
    assert all(line["why"] for line in payouts["payees"] if line["held_paisa"])
    assert [len(payouts[fate]) for fate in ("rejected", "returned", "late")] == [1, 1, 1]
    assert payouts["orders"][0]["payees"] > len(payouts["payees"]) // 2
    assert len(payouts["orders"]) >= 3
    assert payouts["bank_paisa"] == payouts["statement_paisa"]
    assert (payouts["cover_paisa"] >= 0, payouts["unidentified_lines"]) == (True, 0)


def assert_that_every_provider_was_paid(payers: dict[str, Any], refunds_of_citizens: int) -> None:
    """What a small day must have brought in, whichever providers there are.

    A provider's own book has the refunds of payers and those of citizens.
    """
    connectors = payers["connectors"]
    assert payers["payments"] == sum(payers[state] for state in OF_PAYERS)
    assert payers["payments"] == sum(one["payments"] for one in connectors.values())
    assert (payers["unexplained"], payers["open"], payers["notices"]["untaken"]) == (0, 0, 0)
    assert set(payers["courses"]) == {course.value for course in CollectionCourse}
    assert all(one["completed"] >= 1 for one in connectors.values())
    # A family's troubles are dealt out among its providers, so only all of them together have each.
    assert min(payers["expired"], payers["refunded"], payers["in_review"], payers["owed"]) >= 1
    assert payers["work_items"] > payers["owed"]
    assert set(payers["refunds"]) == {"refund", "give_back", "unexpected"}
    gives_back = [one for one in connectors.values() if one["refunds"]]
    refunds = sum(payers["refunds"].values()) + refunds_of_citizens
    assert sum(one["refunds"] for one in gives_back) == refunds
    # What a provider tells wrongly is believed by our ledger until two persons have looked.
    for one in connectors.values():
        assert one["in_review"] or one["owed_paisa"] == one["receivable_paisa"]
    assert payers["came_back"] >= payers["payments"] // 2


async def test_an_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    process = await start(tmp_path, "demo", *SIZE)
    assert process.stdout is not None
    async with asyncio.timeout(300):
        while b"making staff" not in await process.stdout.readline():
            assert process.returncode is None
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 130
    assert names_in(tmp_path) == []
