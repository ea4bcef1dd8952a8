"""Wrong top-ups, as people correct them: rejected before they are approved, reversed afterwards."""

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
    asks, approves = new_name("Nasrin"), new_name("Jamal")
    on_the_staff(ekpay, asks, ASKER)
    on_the_staff(ekpay, approves, APPROVER)
    return asks, approves


def _prefund(ekpay: Ekpay, partner: str) -> int:
    listed = json.loads(ekpay("partners", "list", "--json").out)
    (line,) = [line for line in listed if line["id"] == partner]
    return int(line["prefunds"]["postpaid"])


def _ask(ekpay: Ekpay, partner: str, taka: str, reference: str, asks: str) -> str:
    words = ("partners", "top-up", partner, "postpaid", taka, "--reference", reference, "--by", asks)
    done = ekpay(*words, EKPAY_STAFF_PASSPHRASE=ASKER)
    waiting = re.search(r"partners approve (\S+)", done.out)
    assert waiting is not None, done
    return waiting[1]


def _approve(ekpay: Ekpay, top_up_id: str, approves: str) -> Typed:
    return ekpay("partners", "approve", top_up_id, "--by", approves, **BOTH)


def test_a_top_up_can_be_corrected(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    """A wrong request is rejected, a wrong posting reversed; each time the reference is free again."""
    (asks, approves), reference = persons, f"BANK-{uuid4()}"
    wrong = _ask(ekpay, partner, "12505.00", reference, asks)
    reject = ("partners", "reject", wrong, "--reason", "a digit too many", "--by", approves)
    assert ekpay(*reject, **BOTH).code == 0
    assert _approve(ekpay, wrong, approves).code == 1

    posted = _ask(ekpay, partner, "125.05", reference, asks)
    assert _approve(ekpay, posted, approves).code == 0
    assert _prefund(ekpay, partner) == 12_505
    reverse = ("partners", "reverse", posted, "--reason", "a digit too few", "--by", asks)
    assert ekpay(*reverse, **BOTH).code == 0
    done = ekpay("partners", "approve-reversal", posted, "--by", approves, **BOTH)
    assert done.code == 0
    assert _prefund(ekpay, partner) == 0

    right = _ask(ekpay, partner, "1250.50", reference, asks)
    assert _approve(ekpay, right, approves).code == 0
    assert _prefund(ekpay, partner) == 125_050
    assert ekpay("audit").code == 0


def _waiting(ekpay: Ekpay, top_up_id: str) -> list[dict[str, object]]:
    listed = json.loads(ekpay("partners", "top-ups", "--json").out)
    return [line for line in listed if line["id"] == top_up_id]


def test_what_waits_is_listed(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    (asks, approves), reference = persons, f"BANK-{uuid4()}"
    top_up_id = _ask(ekpay, partner, "5", reference, asks)
    (line,) = _waiting(ekpay, top_up_id)
    assert line.pop("asked_at")
    assert line == {
        "id": top_up_id,
        "party": partner,
        "bucket": "postpaid",
        "amount_paisa": 500,
        "reference": reference,
        "waits_for": "approval",
        "asked_by": asks,
        "reason": "",
    }
    assert reference in ekpay("partners", "top-ups").out
    assert _approve(ekpay, top_up_id, approves).code == 0
    assert _waiting(ekpay, top_up_id) == []


def test_a_rejected_reversal_leaves_the_top_up(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    asks, approves = persons
    top_up_id = _ask(ekpay, partner, "5", f"BANK-{uuid4()}", asks)
    assert _approve(ekpay, top_up_id, approves).code == 0
    reverse = ("partners", "reverse", top_up_id, "--reason", "wrong?", "--by", asks)
    done = ekpay(*reverse, **BOTH)
    assert done.out == (
        f"The reversal of 5.00 BDT waits: ekpay partners approve-reversal {top_up_id} --by NAME\n"
    )
    assert [line["waits_for"] for line in _waiting(ekpay, top_up_id)] == ["reversal"]
    reject = ("partners", "reject-reversal", top_up_id, "--reason", "no", "--by", approves)
    assert ekpay(*reject, **BOTH).code == 0
    assert _prefund(ekpay, partner) == 500


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("reject", "--by"),
        ("reverse", "--by"),
        ("approve-reversal", "--by"),
        ("reject-reversal", "--by"),
    ],
)
def test_nobody_corrects_with_a_wrong_passphrase(
    ekpay: Ekpay, partner: str, persons: tuple[str, str], command: str, option: str
) -> None:
    top_up_id = _ask(ekpay, partner, "5", f"BANK-{uuid4()}", persons[0])
    reason = () if command == "approve-reversal" else ("--reason", "wrong")
    wrong = dict.fromkeys(BOTH, "no horse battery")
    done = ekpay("partners", command, top_up_id, *reason, option, persons[1], **wrong)
    assert done.code == 1
    assert "passphrase do not belong together" in done.err
    assert len(_waiting(ekpay, top_up_id)) == 1


def test_a_refusal_names_what_is_wrong(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    asks, approves = persons
    top_up_id = _ask(ekpay, partner, "5", f"BANK-{uuid4()}", asks)
    reject = ("partners", "reject", top_up_id, "--by", approves, "--reason")
    done = ekpay(*reject, " ", **BOTH)
    assert done.code == 2
    assert "--reason" in done.err
    reverse = ("partners", "reverse", top_up_id, "--reason", "wrong", "--by", asks)
    assert ekpay(*reverse, **BOTH).err == f"ekpay: id: {top_up_id} is not approved, reject it instead\n"
