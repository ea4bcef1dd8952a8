"""Limits of partners from the command line: by two persons, on record, and refused by name."""

import json
import re
from uuid import uuid4

import pytest

from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import new_name, on_the_staff, with_both

ASKER, APPROVER = "correct horse battery", "another horse battery"
BOTH = {"EKPAY_STAFF_PASSPHRASE": ASKER, "EKPAY_APPROVER_PASSPHRASE": APPROVER}


@pytest.fixture
def partner(ekpay: Ekpay) -> str:
    partner = f"p{uuid4().hex[:10]}"
    assert with_both(ekpay, "partners", "add", partner, "--name", "A wallet").code == 0
    return partner


@pytest.fixture
def persons(ekpay: Ekpay) -> tuple[str, str]:
    asks, approves = new_name("Sultana"), new_name("Habib")
    on_the_staff(ekpay, asks, ASKER)
    on_the_staff(ekpay, approves, APPROVER)
    return asks, approves


def _ask(ekpay: Ekpay, partner: str, limit: str, taka: str, asks: str) -> Typed:
    words = ("partners", "limits", "ask", partner, limit, taka, "--reason", "agreed", "--by", asks)
    return ekpay(*words, **BOTH)


def _id_of(done: Typed) -> str:
    waiting = re.search(r"limits approve (\S+)", done.out)
    assert waiting is not None, done
    return waiting[1]


def _approve(ekpay: Ekpay, change_id: str, approves: str) -> Typed:
    return ekpay("partners", "limits", "approve", change_id, "--by", approves, **BOTH)


def _shown(ekpay: Ekpay, *words: str) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = json.loads(ekpay("partners", "limits", "show", *words, "--json").out)
    return lines


def test_two_persons_set_a_limit_and_are_named(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    asks, approves = persons
    done = _ask(ekpay, partner, "daily", "1250.50", asks)
    assert done.out.startswith(f"daily of {partner}: 1250.50 BDT waits: "), done
    change_id = _id_of(done)
    assert [line["state"] for line in _shown(ekpay, partner)] == ["waits"]
    done = _approve(ekpay, change_id, approves)
    assert done.out == f"daily of {partner}: 1250.50 BDT was approved and binds every payment from now on.\n"
    (line,) = _shown(ekpay, partner)
    assert line.pop("asked_at")
    assert line.pop("approved_at")
    assert line == {
        "id": change_id,
        "partner": partner,
        "limit": "daily",
        "amount_paisa": 125_050,
        "state": "in_force",
        "reason": "agreed",
        "asked_by": asks,
        "approved_by": approves,
        "rejected_by": None,
        "rejection_reason": "",
    }
    assert line in [{k: v for k, v in each.items() if k in line} for each in _shown(ekpay)]
    assert ekpay("audit").code == 0


def test_what_was_replaced_is_shown_of_one_partner(
    ekpay: Ekpay, partner: str, persons: tuple[str, str]
) -> None:
    asks, approves = persons
    for taka in ("100", "none"):
        assert _approve(ekpay, _id_of(_ask(ekpay, partner, "daily", taka, asks)), approves).code == 0
    assert [(line["amount_paisa"], line["state"]) for line in _shown(ekpay, partner)] == [
        (10_000, "replaced"),
        (None, "in_force"),
    ]
    assert [line["amount_paisa"] for line in _shown(ekpay) if line["partner"] == partner] == [None]
    assert "none" in ekpay("partners", "limits", "show", partner).out


def test_what_waits_is_rejected(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    asks, approves = persons
    change_id = _id_of(_ask(ekpay, partner, "postpaid_floor", "100", asks))
    reject = ("partners", "limits", "reject", change_id, "--reason", "too much", "--by", approves)
    done = ekpay(*reject, **BOTH)
    assert done.out == f"postpaid_floor of {partner}: 100.00 BDT was rejected; the limit stays as it is.\n"
    assert "too much" in ekpay("partners", "limits", "show", partner).out
    done = _approve(ekpay, change_id, approves)
    assert (done.code, done.err) == (1, f"ekpay: id: {change_id} was rejected by {approves}: too much\n")


def test_one_person_alone_cannot(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    asks, approves = persons
    change_id = _id_of(_ask(ekpay, partner, "daily", "1", asks))
    words = ("partners", "limits", "approve", change_id, "--by", asks)
    assert ekpay(*words, EKPAY_APPROVER_PASSPHRASE=ASKER).code == 1
    assert ekpay(*words, EKPAY_APPROVER_PASSPHRASE=APPROVER).code == 1
    assert [line["state"] for line in _shown(ekpay, partner)] == ["waits"]
    assert _approve(ekpay, change_id, approves).code == 0


@pytest.mark.parametrize(
    ("limit", "taka", "code"),
    [("daily", "1.005", 2), ("daily", "-1", 2), ("weekly", "1", 2), ("prepaid_floor", "none", 1)],
)
def test_what_is_no_limit_is_refused(
    ekpay: Ekpay, partner: str, persons: tuple[str, str], limit: str, taka: str, code: int
) -> None:
    assert _ask(ekpay, partner, limit, taka, persons[0]).code == code
    assert _shown(ekpay, partner) == []


def test_a_partner_that_is_not_there_is_refused(ekpay: Ekpay, persons: tuple[str, str]) -> None:
    done = _ask(ekpay, "nobody", "daily", "1", persons[0])
    assert (done.code, done.err) == (1, "ekpay: There is no such partner.\n")
