"""API keys of REST v1 from the command line."""

import json
from uuid import uuid4

import pytest

from tests.cli.command_result import Ekpay
from tests.cli.two_persons import BOTH_FOUNDERS, FOUNDERS, with_both


@pytest.fixture
def partner(ekpay: Ekpay) -> str:
    partner = f"p{uuid4().hex[:10]}"
    assert with_both(ekpay, "partners", "add", partner, "--name", "A shop").code == 0
    return partner


def test_a_key_is_told_once_with_the_hosts_it_lists(ekpay: Ekpay, partner: str) -> None:
    hosts = ("--return-host", "Shop.example", "--return-host", "localhost:3000")
    done = with_both(ekpay, "partners", "add-key", partner, *hosts, "--json")
    told = json.loads(done.out)
    assert told["key"].startswith("sk_")
    assert (told["partner_id"], told["return_hosts"]) == (partner, ["shop.example", "localhost:3000"])
    listed = ekpay("partners", "keys", partner).out + ekpay("partners", "keys", partner, "--json").out
    assert "shop.example" in listed
    assert told["key"] not in listed


def test_a_person_is_shown_the_key_in_a_table(ekpay: Ekpay, partner: str) -> None:
    done = with_both(ekpay, "partners", "add-key", partner, "--return-host", "shop.example")
    assert done.code == 0
    assert "Shown once" in done.out
    assert "sk_" in done.out


@pytest.mark.parametrize(
    "host", ["https://shop.example", "shop.example/done", "*.example", "", "a b", "shop.example:0"]
)
def test_what_is_no_host_is_not_listed(ekpay: Ekpay, partner: str, host: str) -> None:
    done = with_both(ekpay, "partners", "add-key", partner, "--return-host", host)
    assert done.code == 2
    assert "a return host is a name" in done.err
    assert json.loads(ekpay("partners", "keys", partner, "--json").out) == []


def test_a_key_needs_a_partner_and_a_host(ekpay: Ekpay, partner: str) -> None:
    done = with_both(ekpay, "partners", "add-key", "nobody", "--return-host", "shop.example")
    assert (done.code, done.err) == (1, "ekpay: There is no such partner.\n")
    assert with_both(ekpay, "partners", "add-key", partner).code == 2


def test_a_key_is_revoked_by_its_id(ekpay: Ekpay, partner: str) -> None:
    for _ in range(2):
        assert with_both(ekpay, "partners", "add-key", partner, "--return-host", "shop.example").code == 0
    first, second = json.loads(ekpay("partners", "keys", partner, "--json").out)
    done = ekpay("partners", "revoke-key", first["id"], "--by", FOUNDERS[0], **BOTH_FOUNDERS)
    assert (done.code, done.out) == (0, f"Key {first['id']} is revoked.\n")
    now = json.loads(ekpay("partners", "keys", partner, "--json").out)
    assert [line["id"] for line in now if line["revoked_at"]] == [first["id"]]
    assert [line["id"] for line in now if not line["revoked_at"]] == [second["id"]]
    done = ekpay("partners", "revoke-key", str(uuid4()), "--by", FOUNDERS[0], **BOTH_FOUNDERS)
    assert (done.code, done.err) == (1, "ekpay: There is no API key of this id.\n")
