"""Partners, merchants and their keys: asked for by one person, approved by another, shown once."""

import json
from itertools import count
from uuid import uuid4

import pytest

from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import BOTH_FOUNDERS, FOUNDERS, founders, on_the_staff, with_both

PASSPHRASE = "correct horse battery"
OWN = {"EKPAY_STAFF_PASSPHRASE": PASSPHRASE, "EKPAY_APPROVER_PASSPHRASE": PASSPHRASE}
AMINA, BADAL = FOUNDERS
SHOP = (
    "--name-en", "A shop", "--name-bn", "একটি দোকান",
    "--set", "return_hosts=shop.example", "--set", "networks=192.0.2.0/24", "--set", "refund_limit=500.50",
    "--set", "instruments=wallet",
)  # fmt: skip
_NUMBERS = count(1)


@pytest.fixture
def partner(ekpay: Ekpay) -> str:
    partner = f"p{uuid4().hex[:10]}"
    assert with_both(ekpay, "partners", "add", partner, "--name", "A wallet").code == 0
    return partner


@pytest.fixture
def merchant(ekpay: Ekpay) -> str:
    merchant = f"s{uuid4().hex[:10]}"
    assert with_both(ekpay, "merchants", "add", merchant, *SHOP).code == 0
    return merchant


def _asked(ekpay: Ekpay, *words: str, by: str = AMINA) -> str:
    founders(ekpay)
    done = ekpay(*words, "--by", by, "--json", **BOTH_FOUNDERS)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["state"] == "waits"
    return str(told["id"])


def _approve(ekpay: Ekpay, change_id: str, by: str = BADAL) -> Typed:
    return ekpay("access", "approve", change_id, "--by", by, "--json", **BOTH_FOUNDERS)


def _states(ekpay: Ekpay, *more: str) -> dict[str, str]:
    return {line["id"]: line["state"] for line in json.loads(ekpay("access", "list", *more, "--json").out)}


def test_one_shell_is_not_two_persons_for_a_key_either(ekpay: Ekpay, partner: str) -> None:
    add_key = ("partners", "add-key", partner, "--return-host", "shop.example")
    nobody = ekpay(*add_key)
    assert (nobody.code, "--by" in nobody.err) == (2, True)
    alone = ekpay(*add_key, "--by", AMINA, "--approved-by", AMINA, **BOTH_FOUNDERS)
    assert (alone.code, "second person" in alone.err) == (1, True)
    change_id = _asked(ekpay, *add_key)
    assert json.loads(ekpay("partners", "keys", partner, "--json").out) == []
    done = _approve(ekpay, change_id, AMINA)
    assert (done.code, "second person" in done.err) == (1, True)
    assert _states(ekpay)[change_id] == "waits"
    shown = json.loads(_approve(ekpay, change_id).out)
    assert shown["key"].startswith("sk_")
    (line,) = json.loads(ekpay("partners", "keys", partner, "--json").out)
    assert line["return_hosts"] == ["shop.example"]
    # Shown once: neither the list nor the same approval tells it again.
    again = _approve(ekpay, change_id)
    assert (again.code, "shown once" in again.err) == (1, True)
    assert shown["key"] not in ekpay("access", "list", "--all", "--json").out + ekpay("access", "list").out
    assert ekpay("audit").code == 0


def test_a_partner_comes_with_the_approval(ekpay: Ekpay) -> None:
    name = f"p{uuid4().hex[:10]}"
    change_id = _asked(ekpay, "partners", "add", name, "--name", "Upay", "--nd-id", f"NS9{next(_NUMBERS)}77")
    assert name not in ekpay("partners", "list").out
    waits = ekpay("access", "list").out
    assert f"new partner of {name}" in waits
    shown = json.loads(_approve(ekpay, change_id).out)
    assert set(shown) == {"partner_id", "nd_id", "syndct_id", "user_id", "shared_secret", "pass_key"}
    assert name in ekpay("partners", "list").out


def test_a_merchant_comes_under_the_agreement_that_was_asked_for(ekpay: Ekpay) -> None:
    name = f"s{uuid4().hex[:10]}"
    change_id = _asked(ekpay, "merchants", "add", name, *SHOP)
    shown = json.loads(_approve(ekpay, change_id).out)
    assert set(shown) == {"partner_id", "mer_reg_id", "pass_key", "ipn_endpoint", "ipn_public_key"}
    merchant = json.loads(ekpay("merchants", "show", name, "--json").out)
    assert (merchant["return_hosts"], merchant["refund_limit"]) == (["shop.example"], 50_050)
    assert (merchant["instruments"], merchant["debt_limit"]) == (["wallet"], 0)
    (change,) = merchant["changes"]
    assert (change["by"], change["approved_by"]) == (AMINA, BADAL)


def test_what_could_not_be_carried_out_is_refused_to_who_asks(
    ekpay: Ekpay, partner: str, merchant: str
) -> None:
    before = _states(ekpay, "--all")
    for words, why in (
        (("partners", "add", partner, "--name", "Again"), "Another partner already has this id"),
        (("partners", "rotate-secret", "nobody"), "There is no such partner"),
        (("partners", "rotate-secret", merchant), "does not speak the syndicate API"),
        (("partners", "add-key", "nobody", "--return-host", "shop.example"), "There is no such partner"),
        (("merchants", "add", merchant, *SHOP), "Another partner or merchant has this id"),
        (("merchants", "rotate-key", partner), "There is no such merchant"),
    ):
        done = ekpay(*words, "--by", AMINA, **BOTH_FOUNDERS)
        assert (done.code, why in done.err) == (1, True), done
    assert _states(ekpay, "--all") == before


@pytest.mark.parametrize("what", ["partner", "merchant"])
def test_a_new_secret_takes_two_persons(ekpay: Ekpay, partner: str, merchant: str, what: str) -> None:
    rotate = {
        "partner": ("partners", "rotate-secret", partner),
        "merchant": ("merchants", "rotate-key", merchant),
    }[what]
    change_id = _asked(ekpay, *rotate)
    # The same request is answered as before; another one about it waits.
    assert _asked(ekpay, *rotate) == change_id
    other = ekpay(*rotate, "--overlap-hours", "0", "--by", AMINA, **BOTH_FOUNDERS)
    assert (other.code, change_id in other.err) == (1, True)
    shown = json.loads(_approve(ekpay, change_id).out)
    assert ("shared_secret" if what == "partner" else "pass_key") in shown


def test_what_waits_is_rejected_and_what_a_leaver_asked_for_lapses(ekpay: Ekpay, partner: str) -> None:
    founders(ekpay)
    leaver = on_the_staff(ekpay, f"Ela of access {next(_NUMBERS)}", PASSPHRASE)
    rotate = ("partners", "rotate-secret", partner)
    asked = ekpay(*rotate, "--by", leaver, **OWN)
    change_id = asked.out.split("access approve ")[1].split()[0]
    ekpay("staff", "disable", leaver, "--by", AMINA, **BOTH_FOUNDERS)
    assert _states(ekpay)[change_id] == "lapsed"
    done = _approve(ekpay, change_id)
    assert (done.code, "may decide nothing any more" in done.err) == (1, True)
    reject = ("access", "reject", change_id, "--by", BADAL, "--reason", "left")
    assert ekpay(*reject, **BOTH_FOUNDERS).out == (
        f"new shared secret of {partner} was rejected; nothing was given.\n"
    )
    assert _states(ekpay, "--all")[change_id] == "rejected"
    assert change_id not in _states(ekpay)
    # A change of the staff has its own door.
    staff = ekpay("staff", "ask", "Somebody of access", "--role", "finance", "--by", AMINA, "--json",
                  **BOTH_FOUNDERS)  # fmt: skip
    assert _approve(ekpay, json.loads(staff.out)["id"]).code == 1


def test_a_wrong_passphrase_of_either_leaves_nothing_behind(ekpay: Ekpay, partner: str) -> None:
    before = _states(ekpay, "--all")
    for wrong in BOTH_FOUNDERS:
        done = with_both(ekpay, "partners", "rotate-secret", partner, **{wrong: "not the horse at all"})
        assert (done.code, "do not belong together" in done.err) == (1, True)
    assert _states(ekpay, "--all") == before


def test_a_key_is_revoked_by_one_named_person(ekpay: Ekpay, partner: str) -> None:
    assert with_both(ekpay, "partners", "add-key", partner, "--return-host", "shop.example").code == 0
    (line,) = json.loads(ekpay("partners", "keys", partner, "--json").out)
    assert ekpay("partners", "revoke-key", line["id"]).code == 2
    assert ekpay("partners", "revoke-key", line["id"], "--by", AMINA, **OWN).code == 1
    assert ekpay("partners", "revoke-key", line["id"], "--by", BADAL, **BOTH_FOUNDERS).code == 0
    (revoked,) = json.loads(ekpay("partners", "keys", partner, "--json").out)
    assert revoked["revoked_by"] == BADAL
    # Whoever repeats it is not the one who did it.
    assert ekpay("partners", "revoke-key", line["id"], "--by", AMINA, **BOTH_FOUNDERS).code == 0
    assert json.loads(ekpay("partners", "keys", partner, "--json").out)[0]["revoked_by"] == BADAL


def test_one_person_alone_changes_no_terms(ekpay: Ekpay, merchant: str) -> None:
    """Whoever could raise the refund limit alone could give back money alone."""
    change = ("merchants", "change", merchant, "--set", "refund_limit=90000", "--set", "networks=192.0.2.7")
    change_id = _asked(ekpay, *change)
    before = json.loads(ekpay("merchants", "show", merchant, "--json").out)
    assert (before["refund_limit"], _approve(ekpay, change_id, AMINA).code) == (50_050, 1)
    shown = json.loads(_approve(ekpay, change_id).out)
    assert (shown["partner_id"], shown["refund_limit"], shown["networks"]) == (
        merchant,
        9_000_000,
        ["192.0.2.7/32"],
    )
    after = json.loads(ekpay("merchants", "show", merchant, "--json").out)
    assert (after["refund_limit"], after["return_hosts"]) == (9_000_000, before["return_hosts"])
    assert (after["changes"][-1]["by"], after["changes"][-1]["approved_by"]) == (AMINA, BADAL)
