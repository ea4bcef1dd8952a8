"""`ekpay disputes`: a dispute from its letter to its end, by its number and without copying an id."""

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from ekpay_switch.cli.disputes.notice_file import COLUMNS
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import on_the_staff
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of
from tests.persistence.collections.collection_setup import open_till
from tests.persistence.refunds.refund_setup import Office, open_office

FIRST = {"EKPAY_STAFF_PASSPHRASE": "correct horse battery"}
SECOND = {"EKPAY_APPROVER_PASSPHRASE": "another horse battery"}
WORD = ("--word", "LETTER-1")
_NUMBERS = count(1)


@pytest.fixture
def paid(home: Path, persons: tuple[str, str]) -> LockedTry:
    """A completed payment in the database of the commands; its persons come first."""
    assert persons

    async def _make(work: Callable[[Office], Awaitable[LockedTry]]) -> LockedTry:
        endpoint = EmbeddedPostgres(home).start()
        group_commit = group_commit_of(database_of(endpoint))
        await group_commit.start()
        books = Books(endpoint, group_commit)
        try:
            if not await books.count("partners", "id = 'bank1'"):
                await books.partner()
            async with open_till(books) as till, open_office(till) as office:
                till.pages = uuid4().int % 10**9
                return await work(office)
        finally:
            await group_commit.stop()

    return asyncio.run(_make(lambda office: office.completed()))


@pytest.fixture
def persons(ekpay: Ekpay) -> tuple[str, str]:
    number = next(_NUMBERS)
    names = (f"Dalia {number}", f"Faruk {number}")
    for name, shown in zip(names, (FIRST, SECOND), strict=True):
        (passphrase,) = shown.values()
        on_the_staff(ekpay, name, passphrase)
    return names


def _done(typed: Typed) -> str:
    assert typed.code == 0, typed.err
    return typed.out


def _open(ekpay: Ekpay, paid: LockedTry, name: str, as_: str, *more: str) -> Typed:
    words = ("--amount", "400", "--reason", "card 4111 1111 1111 1111", "--due", "2026-12-09", "--by", as_)
    return ekpay("disputes", "open", str(paid.payment_id), "--name", name, *words, *more, **FIRST)


def test_a_dispute_from_its_letter_to_its_second_round(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str], tmp_path: Path
) -> None:
    asks, approves = persons
    name = f"D-{asks[-1]}"
    assert _done(_open(ekpay, paid, name, asks)).endswith("is notified, round 1.\n")
    first, second = ("--last", "--by", asks), ("--last", "--by", approves)
    _done(ekpay("disputes", "accept", *first, *WORD, **FIRST))
    _done(ekpay("disputes", "reject", *second, "--reason", "we have a receipt", **SECOND))
    waits = ekpay("disputes", "held", *first, "--movement", f"CB-{name}", *WORD, "--our-loss", **FIRST)
    assert "It waits: ekpay disputes approve " in _done(waits)
    assert "4111 1111 1111 1111" not in _done(ekpay("disputes", "show", "--last"))
    _done(ekpay("disputes", "approve", *second, **SECOND))

    proof = tmp_path / "receipt.txt"
    proof.write_text(f"the receipt {name}")
    _done(ekpay("disputes", "evidence", *first, "--due", "2026-12-12", *WORD, **FIRST))
    _done(ekpay("disputes", "attach", *first, "--file", str(proof), **FIRST))
    assert "is represented" in _done(ekpay("disputes", "represent", *first, *WORD, **FIRST))
    _done(ekpay("disputes", "won", *first, *WORD, **FIRST))
    assert "is won, round 1" in _done(ekpay("disputes", "approve", *second, **SECOND))
    again = _open(ekpay, paid, name, asks)
    assert again.code == 1
    assert "ekpay disputes open-round" in again.err
    _done(ekpay("disputes", "open-round", *first, "--round", "2", "--due", "2026-12-20", *WORD, **FIRST))
    (line,) = [one for one in json.loads(ekpay("disputes", "list", "--json").out) if one["name"] == name]
    assert (line["state"], line["round"], line["amount"]) == ("notified", 2, 40_000)
    _done(ekpay("disputes", "settle", *first, "--settlement", "BANK-7", *WORD, **FIRST))
    _done(ekpay("disputes", "approve", *second, **SECOND))

    shown = _done(ekpay("disputes", "show", str(line["id"])))
    assert "settled by BANK-7" in shown
    (sha,) = [words.split(", ")[-2] for words in shown.splitlines() if "evidence of round 1" in words]
    copy = tmp_path / "copy.txt"
    _done(ekpay("disputes", "file", str(line["id"]), "--sha256", sha, "--out", str(copy)))
    assert copy.read_text() == proof.read_text()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert ekpay("audit").out == "clean\n"


def test_what_is_typed_wrong_names_its_field_and_changes_nothing(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str]
) -> None:
    asks = persons[0]
    for words, why in (
        (("show",), "DISPUTE"),
        (("show", "999999"), "dispute: there is none of the number 999999"),
        (("show", "1", "--last"), "DISPUTE"),
    ):
        typed = ekpay("disputes", *words)
        assert typed.code != 0
        assert why in typed.err
    name = f"E-{asks[-1]}"
    assert "collected" in _open(ekpay, paid, name, asks, "--transaction", "another's").err
    assert name not in ekpay("disputes", "list", "--all").out


def test_a_file_of_notices_is_recorded_once_and_its_money_waits_for_a_second_person(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str], tmp_path: Path
) -> None:
    asks, approves = persons
    name, told = f"F-{asks[-1]}", tmp_path / "notices.csv"
    lines = (
        ",".join(COLUMNS),
        f"{name},notified,{paid.order.reference},400,2026-12-09,not received,,",
        f"{name},money_held,,,,,CB-{name},letter",
    )
    told.write_text("\n".join(lines))
    words = ("disputes", "read", str(told), "--connector", "bkash", "--our-loss", "--by", asks)
    (opened, waits) = _done(ekpay(*words, **FIRST)).splitlines()
    assert f"({name}) is notified" in opened
    assert f"({name}): money held waits for approval" in waits
    _done(ekpay("disputes", "approve", "--last", "--by", approves, **SECOND))
    assert _done(ekpay(*words, **FIRST)).splitlines()[1].endswith("money held is known")
    due = f"{name},evidence_requested,,,2026-12-15,,,mail"
    told.write_text("\n".join((lines[0], f"{name}9,won,,,,,,letter", *lines[1:], due)))
    unknown = ekpay(*words, **FIRST)
    assert unknown.code == 1
    assert f"line 2: dispute: bkash has told of none of the name {name}9" in unknown.err
    assert unknown.out.splitlines()[2].endswith("evidence is due on 2026-12-15")
    told.write_text("\n".join((lines[0], f"{name},won,,,,,,")))
    assert "notices.csv: line 2, word: missing" in ekpay(*words, **FIRST).err
