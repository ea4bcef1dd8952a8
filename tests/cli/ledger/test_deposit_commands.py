"""`ekpay billers deposits`, `deposit`, `approve-deposit` and their corrections as people type them."""

import json
import re
from uuid import uuid4

import pytest

from tests.cli.command_result import Ekpay
from tests.cli.two_persons import new_name, on_the_staff

ASKER, APPROVER = "correct horse battery", "another horse battery"
BOTH = {"EKPAY_STAFF_PASSPHRASE": ASKER, "EKPAY_APPROVER_PASSPHRASE": APPROVER}
UTILITY = "nesco_prepaid"


@pytest.fixture
def persons(ekpay: Ekpay) -> tuple[str, str]:
    asks, approves = new_name("Shirin"), new_name("Tareq")
    on_the_staff(ekpay, asks, ASKER)
    on_the_staff(ekpay, approves, APPROVER)
    return asks, approves


def _left(ekpay: Ekpay) -> int:
    listed = json.loads(ekpay("billers", "deposits", "--json").out)
    (line,) = [line for line in listed if line["biller_id"] == UTILITY]
    return int(line["balance_paisa"])


def _deposit(asks: str, *more: str, biller: str = UTILITY, taka: str = "1250.50") -> tuple[str, ...]:
    words = ("billers", "deposit", biller, taka, "--reference", f"BANK-{uuid4()}", "--by", asks)
    return (*words, *more)


def test_two_persons_book_a_transfer_to_a_utility(ekpay: Ekpay, persons: tuple[str, str]) -> None:
    asks, approves = persons
    before = _left(ekpay)
    done = ekpay(*_deposit(asks, "--approved-by", approves), **BOTH)
    assert (done.code, done.err) == (0, "")
    assert _left(ekpay) - before == 125_050
    assert UTILITY in ekpay("billers", "deposits").out


def test_the_second_person_may_come_later(ekpay: Ekpay, persons: tuple[str, str]) -> None:
    asks, approves = persons
    before = _left(ekpay)
    waiting = ekpay(*_deposit(asks), EKPAY_STAFF_PASSPHRASE=ASKER)
    assert _left(ekpay) == before
    transfer = re.search(r"approve-deposit (\S+)", waiting.out)
    assert transfer is not None
    approve = ("billers", "approve-deposit", transfer[1], "--by")
    assert ekpay(*approve, asks, EKPAY_APPROVER_PASSPHRASE=ASKER).code == 1
    assert ekpay(*approve, approves, EKPAY_APPROVER_PASSPHRASE=APPROVER).code == 0
    assert _left(ekpay) - before == 125_050


@pytest.mark.parametrize(
    "change", [{"biller": "desco_postpaid"}, {"biller": "nobody"}, {"taka": "-5"}, {"taka": "1.234"}], ids=str
)
def test_a_transfer_that_makes_no_sense_changes_nothing(
    ekpay: Ekpay, persons: tuple[str, str], change: dict[str, str]
) -> None:
    asks, approves = persons
    before = _left(ekpay)
    refused = ekpay(*_deposit(asks, "--approved-by", approves, **change), **BOTH)
    assert refused.code == 2
    assert _left(ekpay) == before


def test_one_person_is_not_two(ekpay: Ekpay, persons: tuple[str, str]) -> None:
    asks, _ = persons
    assert ekpay(*_deposit(asks, "--approved-by", asks), **BOTH).code == 1


def _waiting(ekpay: Ekpay, transfer_id: str) -> list[str]:
    listed = json.loads(ekpay("billers", "transfers", "--json").out)
    return [line["waits_for"] for line in listed if line["id"] == transfer_id]


def test_a_wrong_transfer_is_rejected_or_reversed(ekpay: Ekpay, persons: tuple[str, str]) -> None:
    (asks, approves), reference, before = persons, f"BANK-{uuid4()}", _left(ekpay)

    def _ask(taka: str) -> str:
        words = ("billers", "deposit", UTILITY, taka, "--reference", reference, "--by", asks)
        waiting = re.search(r"approve-deposit (\S+)", ekpay(*words, **BOTH).out)
        assert waiting is not None
        return waiting[1]

    def _done(command: str, *words: str) -> int:
        return ekpay("billers", command, *words, **BOTH).code

    wrong, by, why = _ask("12505"), ("--by", approves), ("--reason", "a digit too many")
    assert _waiting(ekpay, wrong) == ["approval"]
    assert _done("reject-deposit", wrong, *why, "--by", approves) == 0
    posted = _ask("125.05")
    assert _done("approve-deposit", posted, *by) == 0
    for _ in range(2):
        assert _done("reverse-deposit", posted, *why, "--by", asks) == 0
        assert _waiting(ekpay, posted) == ["reversal"]
        assert _done("reject-deposit-reversal", posted, *why, "--by", approves) == 0
    assert _left(ekpay) - before == 12_505
    assert _done("reverse-deposit", posted, *why, "--by", asks) == 0
    assert _done("approve-deposit-reversal", posted, *by) == 0
    assert _left(ekpay) == before
    assert _done("approve-deposit", _ask("1250.50"), *by) == 0
    assert _left(ekpay) - before == 125_050
