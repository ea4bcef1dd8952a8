"""`ekpay merchants challan-access`: given by finance, told once, rotated, switched."""

import json
from uuid import uuid4

import pytest

from tests.cli.command_result import Ekpay
from tests.cli.two_persons import FOUNDERS, FOUNDERS_PASSPHRASE, on_the_staff, with_both

PHRASE = "a long phrase that opens nothing"
WRITES = {"EKPAY_STAFF_PASSPHRASE": PHRASE, "EKPAY_APPROVER_PASSPHRASE": FOUNDERS_PASSPHRASE}
TERMS = ("--set", "return_hosts=shop.example", "--set", "networks=192.0.2.0/24")


@pytest.fixture
def person(ekpay: Ekpay) -> str:
    return on_the_staff(ekpay, f"fin{uuid4().hex[:8]}", PHRASE)


@pytest.fixture
def merchant(ekpay: Ekpay) -> str:
    name = f"shop{uuid4().hex[:8]}"
    words = ("merchants", "add", name, "--name-en", "A shop", "--name-bn", "দোকান", *TERMS)
    done = with_both(ekpay, *words)
    assert done.code == 0, done.err
    return name


def given(ekpay: Ekpay, merchant: str, person: str, *more: str) -> tuple[int, str, str]:
    words = (
        "--username",
        f"{merchant}_challan_test",
        "--bin",
        "001234560-0001",
        "--by",
        person,
        "--approved-by",
        FOUNDERS[1],
        *more,
    )
    done = ekpay("merchants", "challan-access", "give", merchant, *words, **WRITES)
    return done.code, done.out, done.err


def test_access_is_given_with_a_key_that_is_told_once(ekpay: Ekpay, merchant: str, person: str) -> None:
    code, out, err = given(ekpay, merchant, person, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["partner_id"], told["username"]) == (merchant, f"{merchant}_challan_test")
    listed = ekpay("merchants", "challan-access", "list")
    programs = ekpay("merchants", "challan-access", "list", "--json")
    assert merchant in listed.out
    assert told["key"] not in listed.out + programs.out
    (line,) = [one for one in json.loads(programs.out) if one["partner_id"] == merchant]
    assert (line["bin"], line["is_active"], line["generation"]) == ("001234560-0001", True, 1)


def test_a_key_is_rotated_and_the_access_switched(ekpay: Ekpay, merchant: str, person: str) -> None:
    assert "Shown once" in given(ekpay, merchant, person)[1]

    def say(word: str, *more: str) -> str:
        words = ("merchants", "challan-access", word, merchant, "--by", person, *more)
        done = ekpay(*words, **WRITES)
        assert done.code == 0, done.err
        return done.out

    assert len(json.loads(say("rotate-key", "--approved-by", FOUNDERS[1], "--json"))["key"]) > 40
    assert say("off") == f"{merchant} may raise no challans.\n"
    assert say("on") == f"{merchant} may raise challans.\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [("--bin", "12"), ("--bin", "001234560-00011"), ("--username", "a b"), ("--username", "x")],
)
def test_what_is_no_name_or_number_is_refused(
    ekpay: Ekpay, merchant: str, person: str, option: str, value: str
) -> None:
    code, _, err = given(ekpay, merchant, person, option, value)
    assert code == 2
    assert "is 3 to 64" in err or "13 digits" in err


def test_only_finance_gives_it_and_only_to_merchants(ekpay: Ekpay, merchant: str, person: str) -> None:
    words = ("--username", "other_challan_test", "--bin", "0012345600001", "--by", person)
    done = ekpay(
        "merchants", "challan-access", "give", merchant, *words, EKPAY_STAFF_PASSPHRASE="not it at all"
    )
    assert done.code == 1
    code, _, err = given(ekpay, "nobody", person)
    assert (code, err) == (1, "ekpay: There is no such merchant.\n")


def test_one_person_alone_gives_no_access_and_no_key(ekpay: Ekpay, merchant: str, person: str) -> None:
    words = ("--username", f"{merchant}_challan_test", "--bin", "0012345600001", "--by", person)
    asked = ekpay("merchants", "challan-access", "give", merchant, *words, "--json", **WRITES)
    assert json.loads(asked.out)["state"] == "waits"
    change_id = json.loads(asked.out)["id"]
    assert merchant not in ekpay("merchants", "challan-access", "list").out
    own = ekpay("access", "approve", change_id, "--by", person, EKPAY_APPROVER_PASSPHRASE=PHRASE)
    assert (own.code, "second person" in own.err) == (1, True)
    done = ekpay("access", "approve", change_id, "--by", FOUNDERS[1], "--json", **WRITES)
    assert json.loads(done.out).keys() == {"partner_id", "username", "key"}
    changes = json.loads(ekpay("merchants", "show", merchant, "--json").out)["changes"]
    assert (changes[-1]["by"], changes[-1]["approved_by"]) == (person, FOUNDERS[1])
