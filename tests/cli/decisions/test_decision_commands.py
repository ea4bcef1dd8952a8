"""`ekpay decide`, `ekpay alarms` and `ekpay staff disable`, as two persons of finance type them."""

import asyncio
import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ekpay_switch.domain.outcome import Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import Recording, plan_posted
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import on_the_staff
from tests.database import database_of
from tests.persistence.books import REFUSED, Books, delivery_of, group_commit_of

FIRST = {"EKPAY_STAFF_PASSPHRASE": "correct horse battery"}
SECOND = {"EKPAY_APPROVER_PASSPHRASE": "another horse battery"}
_NUMBERS = count(1)


@pytest.fixture
def late(home: Path, ekpay: Ekpay) -> UUID:
    """A payment that its biller holds though its money went back."""
    assert ekpay("migrate").code == 0

    async def _late() -> UUID:
        endpoint = EmbeddedPostgres(home).start()
        group_commit = group_commit_of(database_of(endpoint))
        await group_commit.start()
        books = Books(endpoint, group_commit, numbers=count(uuid4().int % 10**9))
        try:
            partner_id = await books.partner(f"bank-{uuid4().hex[:8]}", prefund=1_000_000)
            started = await books.start(partner_id)
            await books.finish(started, REFUSED)
            delivery = delivery_of(started)
            posted = Posted(started.claim.attempt_reference, started.quote.sums.amount.minor)
            await books.submit(Recording(delivery, plan_posted(delivery, State.REFUNDED, posted)))
            return started.claim.payment_id
        finally:
            await group_commit.stop()

    return asyncio.run(_late())


@pytest.fixture
def persons(ekpay: Ekpay) -> tuple[str, str]:
    number = next(_NUMBERS)
    names = (f"Decider {number}", f"Approver {number}")
    for name, shown in zip(names, (FIRST, SECOND), strict=True):
        (passphrase,) = shown.values()
        on_the_staff(ekpay, name, passphrase)
    return names


@pytest.fixture
def alarm_of(ekpay: Ekpay) -> Callable[[UUID], dict[str, object]]:
    """The one open alarm about a payment."""

    def _alarm_of(payment_id: UUID) -> dict[str, object]:
        (alarm,) = json.loads(ekpay("alarms", "list", "--payment", str(payment_id), "--json").out)
        found: dict[str, object] = alarm
        return found

    return _alarm_of


def _propose(ekpay: Ekpay, payment_id: UUID, name: str, *words: str) -> tuple[str, str]:
    """The decision and its code."""
    done = ekpay(
        "decide", "propose", str(payment_id), *words, "--reason", "they said so", "--by", name, **FIRST
    )
    assert done.code == 0, done.err
    return _named(done)


def _named(done: Typed) -> tuple[str, str]:
    found = re.search(r"Decision (\S+):.*\n  code (\w{8})", done.out, re.DOTALL)
    assert found, done.out
    return found[1], found[2]


def test_two_persons_see_the_same_and_decide(
    ekpay: Ekpay, late: UUID, persons: tuple[str, str], alarm_of: Callable[[UUID], dict[str, object]]
) -> None:
    first, second = persons
    shown = ekpay("decide", "show", str(late))
    assert shown.code == 0, shown.err
    assert "Its payee holds 54.25 taka that went back already." in shown.out
    assert "write_off: the biller keeps the money and we bear it" in shown.out
    assert "debit  write_off 54.25" in shown.out
    assert (alarm_of(late)["kind"], alarm_of(late)["owner"]) == ("late_success", "finance")

    decision, code = _propose(ekpay, late, first, "write_off")

    read = ekpay("decide", "show", decision)
    assert f"code {code}" in read.out
    assert "debit  write_off 54.25" in read.out
    wrong = ekpay("decide", "approve", decision, "--code", "00000000", "--by", second, **SECOND)
    assert (wrong.code, "not the one of this proposal" in wrong.err) == (1, True)
    done = ekpay("decide", "approve", decision, "--code", code, "--by", second, **SECOND)
    assert (done.code, done.out) == (0, f"Decision {decision} is approved.\n")
    assert json.loads(ekpay("alarms", "list", "--payment", str(late), "--json").out) == []
    ended = ekpay("alarms", "list", "--payment", str(late), "--ended", "--json")
    assert [alarm["ended_by"] for alarm in json.loads(ended.out)] == ["decision"]


def test_one_person_is_not_two(ekpay: Ekpay, late: UUID, persons: tuple[str, str]) -> None:
    first, _ = persons
    decision, code = _propose(ekpay, late, first, "write_off")
    again = {"EKPAY_APPROVER_PASSPHRASE": FIRST["EKPAY_STAFF_PASSPHRASE"]}
    done = ekpay("decide", "approve", decision, "--code", code, "--by", first, **again)
    assert (done.code, "second person" in done.err) == (1, True)
    rejected = ekpay("decide", "reject", decision, "--reason", "on second thought", "--by", first, **again)
    assert rejected.out == f"Decision {decision} is rejected: on second thought.\n"


def test_a_wrong_passphrase_proposes_nothing(ekpay: Ekpay, late: UUID, persons: tuple[str, str]) -> None:
    words = ("write_off", "--reason", "x", "--by", persons[0])
    done = ekpay("decide", "propose", str(late), *words, EKPAY_STAFF_PASSPHRASE="a guess at random")
    assert done.code == 1
    assert "Proposed before" not in ekpay("decide", "show", str(late)).out


def test_a_person_who_has_left_decides_nothing_any_more(
    ekpay: Ekpay, late: UUID, persons: tuple[str, str]
) -> None:
    first, second = persons
    decision, code = _propose(ekpay, late, first, "write_off")
    left = ekpay("staff", "disable", first, "--by", second, **SECOND)
    waits = "What they asked for waits and is not carried out, reject it: 1 decisions.\n"
    assert (left.code, left.out) == (0, f"{first} may do nothing any more.\n{waits}")

    done = ekpay("decide", "approve", decision, "--code", code, "--by", second, **SECOND)

    assert (done.code, f"{first} may decide nothing any more" in done.out) == (1, True)
    words = ("write_off", "--reason", "x", "--by", first)
    assert ekpay("decide", "propose", str(late), *words, **FIRST).code == 1


def test_the_journal_posts_only_what_the_chart_lets_meet(ekpay: Ekpay, persons: tuple[str, str]) -> None:
    first, second = persons
    words = ("--reason", "a fee of the bank", "--reference", "BANK-7", "--by", first)
    lines = ("--posting", "bank_charges=12.50", "--posting", "settlement_bank=-12.50")
    decision, code = _named(ekpay("decide", "journal", *lines, *words, **FIRST))
    assert ekpay("decide", "approve", decision, "--code", code, "--by", second, **SECOND).code == 0

    for wrong, why in (
        (("--posting", "in_flight=1", "--posting", "write_off=-1"), "may not meet"),
        (("--posting", "bank_charges=1", "--posting", "settlement_bank=-2"), "do not sum to zero"),
        (("--posting", "bank_charges=x", "--posting", "settlement_bank=-2"), "posting"),
    ):
        done = ekpay("decide", "journal", *wrong, *words, **FIRST)
        assert (done.code != 0, why in done.err) == (True, True), done.err


def test_an_alarm_is_worked_on_and_not_closed_while_money_waits(
    ekpay: Ekpay, late: UUID, persons: tuple[str, str], alarm_of: Callable[[UUID], dict[str, object]]
) -> None:
    alarm_id = str(alarm_of(late)["alarm_id"])
    done = ekpay("alarms", "acknowledge", alarm_id, "--by", persons[0], **FIRST)
    assert done.out == f"{persons[0]} works on late success, about payment {late}.\n"
    assert alarm_of(late)["acknowledged_by"] == persons[0]
    shown = ekpay("alarms", "show", alarm_id)
    assert "ekpay decide show PAYMENT" in shown.out
    refused = ekpay("alarms", "close", alarm_id, "--reason", "looks fine", "--by", persons[0], **FIRST)
    assert (refused.code, "still waits" in refused.err) == (1, True)
    table = ekpay("alarms", "list", "--kind", "late_success")
    assert str(late) in table.out


def test_cases_are_listed_with_what_is_proposed(ekpay: Ekpay, late: UUID, persons: tuple[str, str]) -> None:
    decision, _ = _propose(ekpay, late, persons[0], "write_off")
    cases = json.loads(ekpay("decide", "list", "--kind", "review", "--limit", "10000", "--json").out)
    (case,) = [case for case in cases if case["subject"] == str(late)]
    assert (case["kind"], case["amount"], case["proposal_id"]) == ("review", 6_000, decision)
    assert str(late) in ekpay("decide", "list").out
