"""Merchants and their payees from the command line."""

import json
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import FOUNDERS, FOUNDERS_PASSPHRASE, on_the_staff, with_both

PASSPHRASE = "correct horse battery"
SECOND = FOUNDERS[1]
WRITES = {"EKPAY_STAFF_PASSPHRASE": PASSPHRASE, "EKPAY_APPROVER_PASSPHRASE": FOUNDERS_PASSPHRASE}
TERMS = ("--set", "return_hosts=shop.example pay.shop.example:8443", "--set", "networks=192.0.2.0/24")
NAMES = ("--name-en", "A shop", "--name-bn", "একটি দোকান")
_NUMBERS = count(1)


@pytest.fixture
def by(ekpay: Ekpay) -> str:
    name = f"Rahima of shops {next(_NUMBERS)}"
    on_the_staff(ekpay, name, PASSPHRASE)
    return name


@pytest.fixture
def shop(ekpay: Ekpay, by: str) -> str:
    """A merchant's partner id."""
    return str(_added(ekpay, by)["partner_id"])


def _added(ekpay: Ekpay, by: str, *more: str) -> dict[str, str]:
    done = _add(ekpay, by, f"s{uuid4().hex[:10]}_test", *more)
    assert done.code == 0, done.err
    told: dict[str, str] = json.loads(done.out)
    return told


def _add(ekpay: Ekpay, by: str, reg_id: str, *more: str) -> Typed:
    return ekpay("merchants", "add", reg_id, *NAMES, *TERMS, *more, *_both(by), "--json", **WRITES)


def _both(by: str) -> tuple[str, ...]:
    """Who asks, and the second person of the fixtures, who approves."""
    return "--by", by, "--approved-by", SECOND


def _shown(ekpay: Ekpay, shop: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(ekpay("merchants", "show", shop, "--json").out)
    return shown


def _change(ekpay: Ekpay, shop: str, by: str, *terms: str) -> Typed:
    set_ = [word for term in terms for word in ("--set", term)]
    return ekpay("merchants", "change", shop, *set_, *_both(by), "--json", **WRITES)


def test_a_new_merchant_is_told_its_pass_key_once(ekpay: Ekpay, by: str) -> None:
    told = _added(ekpay, by)

    assert told.keys() == {"partner_id", "mer_reg_id", "pass_key", "ipn_endpoint", "ipn_public_key"}
    assert told["partner_id"] == told["mer_reg_id"].replace("_", "-")
    assert len(told["pass_key"]) == 24
    assert told["pass_key"].isalnum()
    seen = ekpay("merchants", "list").out + ekpay("merchants", "show", told["partner_id"]).out
    assert "A shop" in seen
    assert "একটি দোকান" in seen
    assert told["pass_key"] not in seen
    shown = _shown(ekpay, told["partner_id"])
    assert shown["return_hosts"] == ["pay.shop.example:8443", "shop.example"]
    assert (shown["networks"], shown["instruments"]) == (["192.0.2.0/24"], None)
    assert (shown["fee_plan"], shown["charges_on_refund"]) == ("*", "kept")
    assert (shown["refund_limit"], shown["debt_limit"], shown["owed"]) == (0, 0, 0)
    assert shown in [line | {"changes": shown["changes"]} for line in _listed(ekpay)]


def _listed(ekpay: Ekpay) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(ekpay("merchants", "list", "--json").out)
    return listed


def test_a_merchant_is_a_partner_without_the_syndicate_api(ekpay: Ekpay, shop: str) -> None:
    (line,) = (one for one in json.loads(ekpay("partners", "list", "--json").out) if one["id"] == shop)
    assert (line["nd_id"], line["syndct_id"], line["user_id"], line["prefunds"]) == (None, None, None, {})
    assert shop in ekpay("partners", "list").out

    done = with_both(ekpay, "partners", "rotate-secret", shop)

    assert (done.code, done.err) == (
        1,
        "ekpay: This partner does not speak the syndicate API, so it has no shared secret.\n",
    )
    top_up = ("partners", "top-up", shop, "postpaid", "10.00", "--reference", uuid4().hex)
    asked = ekpay(*top_up, "--by", _staff(ekpay), **WRITES)
    assert asked.code == 1
    assert "no bucket" in asked.err
    assert with_both(ekpay, "partners", "add-key", shop, "--return-host", "shop.example").code == 0


def _staff(ekpay: Ekpay) -> str:
    name = f"Karim of shops {next(_NUMBERS)}"
    on_the_staff(ekpay, name, PASSPHRASE)
    return name


def test_a_merchant_is_added_once(ekpay: Ekpay, by: str) -> None:
    told = _added(ekpay, by)
    ours = f"partner_id=p{uuid4().hex[:10]}"

    for done in (
        _add(ekpay, by, told["mer_reg_id"]),
        _add(ekpay, by, told["mer_reg_id"], "--set", ours),
        _add(ekpay, by, f"x{uuid4().hex[:10]}", "--set", f"partner_id={told['partner_id']}"),
    ):
        assert done.code == 1
        assert done.err.startswith("ekpay: Another partner or merchant has this id")


def test_nobody_writes_without_being_of_finance(ekpay: Ekpay, by: str, shop: str) -> None:
    operator = f"Operator {next(_NUMBERS)}"
    on_the_staff(ekpay, operator, PASSPHRASE, "operator")
    before = _shown(ekpay, shop)
    commands = (
        ("change", shop, "--set", "debt_limit=5"),
        ("rotate-key", shop),
        ("deactivate", shop),
        ("payees", "add", shop, "S1", "--kind", "seller", "--name", "A seller"),
        ("add", "another_test", *NAMES, *TERMS),
    )
    for command in commands:
        unknown = ekpay("merchants", *command, "--by", operator, **WRITES)
        wrong = ekpay("merchants", *command, "--by", by, EKPAY_STAFF_PASSPHRASE="not the passphrase")
        assert (unknown.code, wrong.code) == (1, 1)
        assert unknown.err.splitlines()[1:] == wrong.err.splitlines()[1:]
        logged, said = wrong.err.splitlines()
        assert said.startswith("ekpay: Name and passphrase do not belong together")
        assert '"event":"login_failed","api":"staff"' in logged
    assert _shown(ekpay, shop) == before


def test_a_change_says_what_it_was_before_and_who_made_it(ekpay: Ekpay, by: str, shop: str) -> None:
    done = _change(
        ekpay, shop, by, "refund_limit=5000.50", "instruments=wallet ebl", "charges_on_refund=returned"
    )

    assert json.loads(done.out)["refund_limit"] == 500_050
    shown = _shown(ekpay, shop)
    assert (shown["instruments"], shown["charges_on_refund"]) == (["ebl", "wallet"], "returned")
    added, changed = shown["changes"]
    assert (added["by"], added["did"], changed["by"], changed["did"]) == (by, "added", by, "changed")
    assert changed["fields"] == {
        "instruments": [None, ["ebl", "wallet"]],
        "charges_on_refund": ["kept", "returned"],
        "refund_limit": [0, 500_050],
    }
    assert "charges_on_refund instruments refund_limit" in ekpay("merchants", "show", shop).out

    assert json.loads(_change(ekpay, shop, by, "instruments=").out)["instruments"] is None
    assert _change(ekpay, shop, by, "instruments=").code == 0
    assert len(_shown(ekpay, shop)["changes"]) == 3


@pytest.mark.parametrize(
    ("term", "why"),
    [
        ("debt_limit=-5", "debt_limit: not taka"),
        ("refund_limit=1.005", "refund_limit: not taka"),
        ("return_hosts=https://shop.example", "return_hosts: hosts are names"),
        ("return_hosts=", "return_hosts: hosts are names"),
        ("networks=0.0.0.0/0", "networks: at least one network, and none that is everybody's"),
        ("networks=192.0.2.1/24", "networks: networks are addresses"),
        ("networks=", "networks: at least one network"),
        ("instruments=bitcoin", "instruments: no instrument is called bitcoin"),
        ("fee_plan=cheap", "fee_plan: not a payee of config/fees.toml"),
        ("charges_on_refund=some", "charges_on_refund: not one of kept, returned"),
        ("name_en=two\nlines", "name_en: a name is one line"),
        ("refusals_max=0", "refusals_max: not a whole number from 1 to 20"),
        ("refusals_max=many", "refusals_max: not a whole number from 1 to 20"),
        ("order_minutes=4", "order_minutes: not a whole number from 5 to 500"),
        ("order_minutes=501", "order_minutes: not a whole number from 5 to 500"),
        ("colour=blue", "colour: there is no such term"),
        ("debt_limit", "debt_limit is not NAME=VALUE"),
    ],
)
def test_a_term_that_cannot_be_meant_so_is_refused(
    ekpay: Ekpay, by: str, shop: str, term: str, why: str
) -> None:
    before = _shown(ekpay, shop)
    done = _change(ekpay, shop, by, term)
    assert done.code == 2
    assert why in done.err
    assert _shown(ekpay, shop) == before


def test_a_registration_id_must_be_usable(ekpay: Ekpay, by: str) -> None:
    for reg_id, why in (("a b", "not 3 to 64"), ("-ab", "not 3 to 64"), ("7up_test", "is no partner id")):
        done = ekpay("merchants", "add", *NAMES, *TERMS, *_both(by), "--", reg_id, **WRITES)
        assert done.code == 2, done
        assert why in done.err
    bare = ekpay(
        "merchants", "add", "bare_test", *NAMES, "--set", "networks=::1", *_both(by), "--json", **WRITES
    )
    assert (bare.code, "set return_hosts as well" in bare.err) == (2, True)


def test_a_rotation_keeps_the_key_before_for_a_while(ekpay: Ekpay, by: str, shop: str) -> None:
    done = ekpay("merchants", "rotate-key", shop, *_both(by), "--json", **WRITES)
    assert len(json.loads(done.out)["pass_key"]) == 24
    shown = _shown(ekpay, shop)
    assert shown["previous_pass_key_until"]
    assert shown["changes"][-1]["did"] == "key_rotated"
    assert json.loads(done.out)["pass_key"] not in json.dumps(shown)

    at_once = ekpay("merchants", "rotate-key", shop, *_both(by), "--overlap-hours", "0", **WRITES)
    assert at_once.code == 0
    assert _shown(ekpay, shop)["previous_pass_key_until"] is None
    nobody = ekpay("merchants", "rotate-key", "nobody", *_both(by), **WRITES)
    assert (nobody.code, nobody.err) == (1, "ekpay: There is no such merchant.\n")


def test_a_merchant_is_shut_off_and_let_in_again(ekpay: Ekpay, by: str, shop: str) -> None:
    assert "not active any more" in ekpay("merchants", "deactivate", shop, "--by", by, **WRITES).out
    assert _shown(ekpay, shop)["is_active"] is False
    told = ekpay("merchants", "activate", shop, "--by", by, "--json", **WRITES)
    assert json.loads(told.out) == {"partner_id": shop, "is_active": True}
    shown = _shown(ekpay, shop)
    assert shown["is_active"] is True
    assert [change["did"] for change in shown["changes"]] == ["added", "deactivated", "activated"]


def test_payees_are_registered_listed_and_shut_off(ekpay: Ekpay, by: str, shop: str) -> None:
    add = ("merchants", "payees", "add", shop, "S1", "--kind", "seller", "--by", by, "--name")
    assert ekpay(*add, "A seller", **WRITES).out == "S1 is registered.\n"
    assert ekpay(*add, "A seller", **WRITES).out == "S1 stands already.\n"
    assert json.loads(ekpay(*add, "A seller", "--json", **WRITES).out) == {"code": "S1", "is_new": False}
    other = ekpay(*add, "Another seller", **WRITES)
    assert (other.code, "S1 stands already with another kind or name" in other.err) == (2, True)
    colon = ekpay(
        "merchants", "payees", "add", shop, "a:b", "--kind", "agent", "--name", "x", "--by", by, **WRITES
    )
    assert (colon.code, "code: not up to 32" in colon.err) == (2, True)

    told = ekpay("merchants", "payees", "deactivate", shop, "S1", "--by", by, "--json", **WRITES)
    assert json.loads(told.out) == {"code": "S1", "is_active": False}
    (line,) = json.loads(ekpay("merchants", "payees", "list", shop, "--json").out)
    assert (line["code"], line["kind"], line["name"], line["is_active"]) == (
        "S1",
        "seller",
        "A seller",
        False,
    )
    assert ekpay("merchants", "payees", "activate", shop, "S1", "--by", by, **WRITES).code == 0
    assert "A seller" in ekpay("merchants", "payees", "list", shop).out
    unknown = ekpay("merchants", "payees", "activate", shop, "S2", "--by", by, **WRITES)
    assert (unknown.code, unknown.err) == (1, "ekpay: The merchant has no payee of this code.\n")
    did = [change["did"] for change in _shown(ekpay, shop)["changes"]]
    assert did == ["added", "payee_added", "payee_deactivated", "payee_activated"]


# ---- either name


def test_a_merchant_is_found_by_either_of_its_names(ekpay: Ekpay, by: str) -> None:
    told = _added(ekpay, by)
    either = [_shown(ekpay, told[name]) for name in ("partner_id", "mer_reg_id")]
    assert either[0] == either[1]
    assert _change(ekpay, told["mer_reg_id"], by, "refusals_max=1").code == 0
    assert _shown(ekpay, told["partner_id"])["refusals_max"] == 1
    assert ekpay("merchants", "payees", "list", told["mer_reg_id"]).code == 0
    unknown = ekpay("merchants", "show", "nobody_test")
    assert (unknown.code, unknown.err) == (1, "ekpay: There is no such merchant.\n")


# ---- IPNs over plain http


def _insecure(ekpay: Ekpay, did: str, shop: str, by: str) -> Typed:
    return ekpay("merchants", "insecure-ipns", did, shop, "--by", by, **WRITES)


def test_plain_http_takes_two_persons_and_a_warning(ekpay: Ekpay, by: str, shop: str) -> None:
    other = f"Second {next(_NUMBERS)}"
    on_the_staff(ekpay, other, PASSPHRASE, "finance")

    assert "Nobody has asked" in _insecure(ekpay, "approve", shop, by).err
    asked = _insecure(ekpay, "ask", shop, by)
    assert asked.code == 0
    assert "Anybody between us and the merchant may read these IPNs" in asked.out
    assert _shown(ekpay, shop)["insecure_ipns"] is False
    assert f"asked for by {by}" in ekpay("merchants", "show", shop).out

    alone = _insecure(ekpay, "approve", shop, by)
    assert (alone.code, _shown(ekpay, shop)["insecure_ipns"]) == (1, False)
    assert "Who asked for it cannot approve it" in " ".join(alone.err.split())

    approved = _insecure(ekpay, "approve", shop, other)
    assert (approved.code, _shown(ekpay, shop)["insecure_ipns"]) == (0, True)
    assert "must check the signature" in approved.out
    assert "anybody on the way may read and change them" in ekpay("merchants", "show", shop).out
    assert "has approved it already" in _insecure(ekpay, "approve", shop, other).err
    assert "has approved it already" in _insecure(ekpay, "ask", shop, by).err

    assert _insecure(ekpay, "forbid", shop, by).code == 0
    shown = _shown(ekpay, shop)
    assert (shown["insecure_ipns"], shown["insecure_ipns_asked_by"]) == (False, None)
    did = [change["did"] for change in shown["changes"]]
    assert did == ["added", "insecure_ipns_asked_for", "insecure_ipns_approved", "insecure_ipns_forbidden"]


def test_plain_http_to_other_hosts_is_asked_for_anew(ekpay: Ekpay, by: str, shop: str) -> None:
    """Two persons agreed to the hosts of then; one person alone may change the hosts."""
    other = f"Second {next(_NUMBERS)}"
    on_the_staff(ekpay, other, PASSPHRASE, "finance")
    assert _insecure(ekpay, "ask", shop, by).code == _insecure(ekpay, "approve", shop, other).code == 0

    def change(term: str) -> None:
        assert ekpay("merchants", "change", shop, "--set", term, *_both(by), **WRITES).code == 0

    change("refund_limit=7.00")
    assert _shown(ekpay, shop)["insecure_ipns"] is True
    change("return_hosts=shop.example evil.example")
    shown = _shown(ekpay, shop)
    assert (shown["insecure_ipns"], shown["insecure_ipns_asked_by"]) == (False, None)
    assert shown["changes"][-1]["did"] == "insecure_ipns_forbidden"


def test_a_new_merchant_is_told_what_its_ipns_are_checked_with(ekpay: Ekpay, by: str) -> None:
    told = _added(ekpay, by)
    (line,) = json.loads(
        ekpay("notifications", "endpoints", "list", "--partner", told["partner_id"], "--json").out
    )
    assert told["ipn_endpoint"] == line["id"]
    assert [told["ipn_public_key"]] == line["public_keys"]
    assert "ipn_public_key" not in _rotated(ekpay, by, told["partner_id"])


def _rotated(ekpay: Ekpay, by: str, shop: str) -> dict[str, str]:
    told: dict[str, str] = json.loads(
        ekpay("merchants", "rotate-key", shop, *_both(by), "--json", **WRITES).out
    )
    return told
