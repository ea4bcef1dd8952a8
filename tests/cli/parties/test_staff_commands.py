"""The staff from the command line: one shell is not two persons."""

import json
import re
from itertools import count
from pathlib import Path

import pytest

from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import (
    BOTH_FOUNDERS,
    FOUNDERS,
    FOUNDERS_PASSPHRASE,
    founders,
    on_the_staff,
)

PASSPHRASE = "correct horse battery"
OWN = {"EKPAY_STAFF_PASSPHRASE": PASSPHRASE, "EKPAY_APPROVER_PASSPHRASE": PASSPHRASE}
AMINA, BADAL = FOUNDERS
_NUMBERS = count(1)


@pytest.fixture
def own_ekpay(ekpay: Ekpay, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Ekpay:
    """Types commands at an installation where nobody is on the staff."""
    monkeypatch.setenv("EKPAY_HOME", str(own_home))
    return ekpay


def _name() -> str:
    return f"Tuhin of the staff {next(_NUMBERS)}"


def _ask(ekpay: Ekpay, name: str, *words: str, by: str = AMINA) -> Typed:
    return ekpay("staff", "ask", name, *words, "--by", by, "--json", **BOTH_FOUNDERS)


def _asked(ekpay: Ekpay, name: str, *words: str, by: str = AMINA) -> dict[str, str]:
    done = _ask(ekpay, name, *words, by=by)
    assert done.code == 0, done.err
    told: dict[str, str] = json.loads(done.out)
    return told


def _approve(ekpay: Ekpay, change_id: str, by: str = BADAL, **more: str) -> Typed:
    return ekpay("staff", "approve", change_id, "--by", by, "--json", **BOTH_FOUNDERS | more)


def _code_of(ekpay: Ekpay, name: str) -> str:
    asked = _asked(ekpay, name, "--passphrase")
    return f"{asked['code_part']} {json.loads(_approve(ekpay, asked['id']).out)['code_part']}"


def _member(ekpay: Ekpay, name: str) -> dict[str, object]:
    listed = json.loads(ekpay("staff", "list", "--json").out)
    (line,) = [member for member in listed if member["name"] == name]
    return dict(line)


def _choose(ekpay: Ekpay, name: str, code: str, passphrase: str = PASSPHRASE) -> Typed:
    return ekpay("staff", "passphrase", name, EKPAY_STAFF_CODE=code, EKPAY_STAFF_PASSPHRASE=passphrase)


def test_one_shell_is_not_two_persons(own_ekpay: Ekpay) -> None:
    """Whoever types at a shell and knows one passphrase makes no third person, and moves no money alone."""
    founders(own_ekpay)
    third = own_ekpay("staff", "add", "Somebody else", **OWN)
    assert (third.code, "staff ask" in third.err) == (1, True)
    asked = _asked(own_ekpay, "Somebody else", "--role", "finance")
    alone = _approve(own_ekpay, asked["id"], AMINA)
    assert (alone.code, "second person" in alone.err) == (1, True)
    # Who asks knows the first part of the code, who approves the second: neither is the new person alone.
    approved = json.loads(_approve(own_ekpay, asked["id"]).out)
    for code in (asked["code_part"], approved["code_part"], f"{approved['code_part']} {asked['code_part']}"):
        assert _choose(own_ekpay, "Somebody else", code).code == 1
    assert own_ekpay("staff", "disable", AMINA, "--by", "Somebody else", **OWN).code == 1
    assert _member(own_ekpay, "Somebody else")["has_passphrase"] is False
    assert own_ekpay("audit").code == 0


def test_the_first_two_come_by_installation_and_are_of_finance(own_ekpay: Ekpay) -> None:
    refused = own_ekpay("staff", "add", AMINA, "--role", "operator", **BOTH_FOUNDERS)
    assert (refused.code, "of finance" in refused.err) == (1, True)
    weak = own_ekpay("staff", "add", AMINA, EKPAY_STAFF_PASSPHRASE="short")
    assert (weak.code, weak.err) == (1, "ekpay: a passphrase has 12 to 256 characters\n")
    assert own_ekpay("staff", "add", AMINA, **BOTH_FOUNDERS).out == f"{AMINA} is on the staff: finance.\n"
    again = own_ekpay("staff", "add", AMINA, **BOTH_FOUNDERS)
    assert (again.code, again.err) == (1, "ekpay: Somebody of that name is on the staff already.\n")
    founders(own_ekpay)
    # Two have ever been there: that one of them left gives nobody a place.
    own_ekpay("staff", "disable", BADAL, "--by", AMINA, **BOTH_FOUNDERS)
    assert own_ekpay("staff", "add", "A third", **BOTH_FOUNDERS).code == 1
    assert [line["came_by"] for line in json.loads(own_ekpay("staff", "list", "--json").out)] == [
        "installation",
        "installation",
    ]


def test_two_persons_add_a_third_who_chooses_their_passphrase(ekpay: Ekpay) -> None:
    founders(ekpay)
    name = _name()
    asking = ("staff", "ask", name, "--role", "finance", "--role", "operator", "--reason", "nights")
    asked = ekpay(*asking, "--by", AMINA, **BOTH_FOUNDERS)
    change_id = re.search(r"staff approve (\S+)", asked.out)
    first = re.search(r"shown once: (\S+)", asked.out)
    assert change_id, asked
    assert first, asked
    waits = json.loads(ekpay("staff", "changes", "--json").out)
    assert (waits[-1]["state"], waits[-1]["subject"], waits[-1]["reason"]) == ("waits", name, "nights")
    assert name in ekpay("staff", "changes").out
    approved = ekpay("staff", "approve", change_id[1], "--by", BADAL, **BOTH_FOUNDERS)
    second = re.search(r"shown once: (\S+)", approved.out)
    assert second, approved
    weak = _choose(ekpay, name, f"{first[1]} {second[1]}", "short")
    assert (weak.code, weak.err) == (1, "ekpay: a passphrase has 12 to 256 characters\n")
    assert _choose(ekpay, name, f"{first[1]}{second[1].lower()}").code == 0
    # A code works once.
    assert _choose(ekpay, name, f"{first[1]}{second[1]}", "another horse battery").code == 1
    member = _member(ekpay, name)
    assert member.pop("since")
    assert member == {
        "name": name,
        "roles": ["finance", "operator"],
        "came_by": "two_persons",
        "asked_by": AMINA,
        "approved_by": BADAL,
        "reason": None,
        "has_passphrase": True,
        "is_enabled": True,
        "disabled_at": None,
        "disabled_by": None,
    }
    assert first[1] not in ekpay("staff", "changes", "--all", "--json").out
    assert ekpay("staff", "list").code == 0
    assert ekpay("audit").code == 0


def test_other_roles_take_two_persons_and_nobody_approves_their_own(ekpay: Ekpay) -> None:
    founders(ekpay)
    name = on_the_staff(ekpay, _name(), PASSPHRASE)
    asked = _asked(ekpay, name, "--role", "finance", "--role", "operator")
    assert asked["code_part"] == ""
    own = _approve(ekpay, asked["id"], name, **OWN)
    assert (own.code, "takes another person" in own.err) == (1, True)
    # The same request is answered as before, another one waits for it.
    assert _asked(ekpay, name, "--role", "operator", "--role", "finance")["id"] == asked["id"]
    assert _ask(ekpay, name, "--role", "operator").code == 1
    assert _approve(ekpay, asked["id"]).code == 0
    assert _member(ekpay, name)["roles"] == ["finance", "operator"]
    stands = _ask(ekpay, name, "--role", "finance", "--role", "operator")
    assert (stands.code, stands.err) == (1, "ekpay: The person has these very roles.\n")
    again = _approve(ekpay, asked["id"])
    assert (again.code, f"was approved by {BADAL}" in again.err) == (1, True)
    assert ekpay("audit").code == 0


def test_another_passphrase_takes_two_persons_and_ends_the_one_before(ekpay: Ekpay) -> None:
    founders(ekpay)
    name = on_the_staff(ekpay, _name(), PASSPHRASE)
    older, newer = _code_of(ekpay, name), _code_of(ekpay, name)
    assert _choose(ekpay, name, older, "quite another horse").code == 1
    assert _choose(ekpay, name, newer, "quite another horse").code == 0
    refused = ekpay("staff", "disable", "nobody", "--by", name, **OWN)
    assert "do not belong together" in refused.err
    known = ekpay("staff", "disable", "nobody", "--by", name, EKPAY_APPROVER_PASSPHRASE="quite another horse")
    assert "Nobody of that name" in known.err
    assert _ask(ekpay, "nobody at all", "--passphrase").code == 1
    assert ekpay("audit").code == 0


def test_what_waits_is_rejected_also_by_who_asked(ekpay: Ekpay) -> None:
    founders(ekpay)
    name = _name()
    asked = _asked(ekpay, name, "--role", "operator")
    # The first part of a code is shown once, so the same request is not answered again.
    lost = _ask(ekpay, name, "--role", "operator")
    assert (lost.code, asked["id"] in lost.err) == (1, True)
    reject = ("staff", "reject", asked["id"], "--by", AMINA, "--reason")
    assert ekpay(*reject, " ", **BOTH_FOUNDERS).code == 2
    done = ekpay(*reject, "code lost", **BOTH_FOUNDERS)
    assert done.out == f"{name} as new person, operator was rejected; nothing has changed.\n"
    assert ekpay(*reject, "code lost", **BOTH_FOUNDERS).code == 1
    assert _approve(ekpay, asked["id"]).code == 1
    assert asked["id"] not in ekpay("staff", "changes", "--json").out
    assert "code lost" in ekpay("staff", "changes", "--all").out


def test_what_somebody_asked_for_lapses_when_they_are_disabled(ekpay: Ekpay) -> None:
    founders(ekpay)
    leaver, name = on_the_staff(ekpay, _name(), PASSPHRASE), _name()
    told = ekpay("staff", "ask", name, "--role", "finance", "--by", leaver, "--json", **OWN)
    change_id = json.loads(told.out)["id"]
    left = ekpay("staff", "disable", leaver, "--by", AMINA, **BOTH_FOUNDERS)
    assert "1 changes of access" in left.out
    states = {line["id"]: line["state"] for line in json.loads(ekpay("staff", "changes", "--json").out)}
    assert states[change_id] == "lapsed"
    done = _approve(ekpay, change_id)
    assert (done.code, f"{leaver} may decide nothing any more" in done.err) == (1, True)
    rejected = ekpay("staff", "reject", change_id, "--by", BADAL, "--reason", "left", **BOTH_FOUNDERS)
    assert rejected.code == 0
    # A name is not given again, so that what they did stays theirs.
    assert "not given again" in _ask(ekpay, leaver, "--role", "finance").err
    assert _member(ekpay, leaver)["disabled_by"] == AMINA


def test_an_operator_neither_asks_nor_approves(ekpay: Ekpay) -> None:
    founders(ekpay)
    operator = on_the_staff(ekpay, _name(), PASSPHRASE, "operator")
    done = ekpay("staff", "ask", _name(), "--role", "finance", "--by", operator, **OWN)
    assert "do not belong together" in done.err
    asked = _asked(ekpay, _name(), "--role", "finance")
    assert _approve(ekpay, asked["id"], operator, **OWN).code == 1


def test_a_request_names_roles_or_a_passphrase(ekpay: Ekpay) -> None:
    founders(ekpay)
    for words in ((), ("--role", "finance", "--passphrase")):
        assert _ask(ekpay, "Somebody", *words).code == 2


def test_who_is_lost_is_replaced_by_the_owner_of_the_database_with_an_alarm(own_ekpay: Ekpay) -> None:
    founders(own_ekpay)
    recover = ("staff", "recover", "Chaity", "--reason", "Badal has left the bank")
    refused = own_ekpay(*recover, **OWN)
    assert (refused.code, "Two persons can decide" in refused.err) == (1, True)
    left = own_ekpay("staff", "disable", BADAL, "--by", AMINA, **BOTH_FOUNDERS)
    assert f"only {AMINA} is left who can decide" in left.err
    assert own_ekpay(*recover, **OWN).code == 0
    assert _member(own_ekpay, "Chaity")["came_by"] == "recovery"
    alarms = json.loads(own_ekpay("alarms", "list", "--json").out)
    assert [(line["kind"], line["subject"]) for line in alarms] == [("staff_recovered", "staff Chaity")]
    assert own_ekpay("audit").code == 0
    # Both have lost their passphrases: the owner says so, and they are disabled.
    lost = ("staff", "recover", "Dipa", "--reason", "both lost", "--lost", AMINA, "--lost", "Chaity")
    nobody = own_ekpay(*lost, "--lost", "nobody", **OWN)
    assert (nobody.code, "nobody is not on the staff" in nobody.err) == (1, True)
    done = own_ekpay(*lost, **OWN)
    assert (done.code, "only Dipa is left" in done.err) == (0, True)
    assert _member(own_ekpay, AMINA)["disabled_by"] == "the owner of the database"
    assert own_ekpay("staff", "recover", "Ela", "--reason", "a second person", **OWN).code == 0
    asked = ("staff", "ask", "Farid", "--role", "finance", "--by", "Dipa", "--json")
    change_id = json.loads(own_ekpay(*asked, **OWN).out)["id"]
    assert own_ekpay("staff", "approve", change_id, "--by", "Ela", **OWN).code == 0
    assert own_ekpay("audit").code == 0


def test_nobody_takes_the_rights_of_the_last_two_without_being_told(own_ekpay: Ekpay) -> None:
    founders(own_ekpay)
    asked = _asked(own_ekpay, BADAL, "--role", "operator")
    third = on_the_staff(own_ekpay, "A third", PASSPHRASE)
    approved = _approve(own_ekpay, asked["id"], third, **OWN)
    assert (approved.code, approved.err) == (0, "")
    left = own_ekpay("staff", "disable", third, "--by", AMINA, **BOTH_FOUNDERS)
    assert "the owner of the database adds somebody with ekpay staff recover" in left.err
    assert FOUNDERS_PASSPHRASE not in left.err
