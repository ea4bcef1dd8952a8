"""Stand-in from the command line: off and on by two persons, on record, and refused by name."""

import json
import re

import pytest

from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import new_name, on_the_staff

ASKER, APPROVER = "correct horse battery", "another horse battery"
BOTH = {"EKPAY_STAFF_PASSPHRASE": ASKER, "EKPAY_APPROVER_PASSPHRASE": APPROVER}


@pytest.fixture
def persons(ekpay: Ekpay) -> tuple[str, str]:
    asks, approves = new_name("Nilufa"), new_name("Jamal")
    on_the_staff(ekpay, asks, ASKER)
    on_the_staff(ekpay, approves, APPROVER)
    return asks, approves


def _typed(ekpay: Ekpay, *words: str) -> Typed:
    return ekpay("billers", "stand-in", *words, **BOTH)


def _id_of(done: Typed) -> str:
    waiting = re.search(r"stand-in approve (\S+)", done.out)
    assert waiting is not None, done
    return waiting[1]


def test_two_persons_turn_it_off_and_on(ekpay: Ekpay, persons: tuple[str, str]) -> None:
    asks, approves = persons
    done = _typed(ekpay, "stop", "desco_postpaid", "--reason", "a strike", "--by", asks)
    assert done.out.startswith("Stand-in for desco_postpaid off waits: ")
    change_id = _id_of(done)
    done = _typed(ekpay, "approve", change_id, "--by", approves)
    assert done.out == "Stand-in for desco_postpaid is off from now on.\n"
    done = _typed(ekpay, "resume", "desco_postpaid", "--reason", "it is over", "--by", asks)
    words = ("billers", "stand-in", "approve", _id_of(done), "--by", asks)
    done = ekpay(*words, EKPAY_APPROVER_PASSPHRASE=ASKER)
    assert (done.code, "takes a second person" in done.err) == (1, True)
    listed = json.loads(_typed(ekpay, "list", "--json").out)
    assert [(line["is_stopped"], line["state"]) for line in listed] == [(True, "approved"), (False, "waits")]
    assert "desco_postpaid" in _typed(ekpay, "list").out
    done = _typed(ekpay, "reject", listed[1]["id"], "--by", approves)
    assert done.out == "Rejected; stand-in for desco_postpaid stays as it is.\n"


def test_a_biller_that_does_not_allow_it_is_refused_by_name(ekpay: Ekpay, persons: tuple[str, str]) -> None:
    asks, _ = persons
    done = _typed(ekpay, "stop", "epassport_fee", "--reason", "a strike", "--by", asks)
    assert done.code == 2
    assert "these do: desco_postpaid, dhaka_wasa, titas_metered" in " ".join(done.err.split())
