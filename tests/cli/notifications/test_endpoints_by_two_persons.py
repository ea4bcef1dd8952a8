"""An endpoint of webhooks and its keys are asked for by one person and approved by another."""

import json
from uuid import uuid4

import pytest

from tests.cli.command_result import Ekpay
from tests.cli.two_persons import BOTH_FOUNDERS, FOUNDERS, with_both

PLACE = "127.0.0.1:8191"
TRUSTED = {"EKPAY_WEBHOOK_TRUSTED_HOSTS": PLACE}
AMINA, BADAL = FOUNDERS
ENDPOINTS = ("notifications", "endpoints")


@pytest.fixture
def partner(ekpay: Ekpay) -> str:
    partner = f"p{uuid4().hex[:10]}"
    assert with_both(ekpay, "partners", "add", partner, "--name", "A wallet").code == 0
    return partner


def _asked(ekpay: Ekpay, *words: str) -> str:
    done = ekpay(*ENDPOINTS, *words, "--by", AMINA, "--json", **BOTH_FOUNDERS | TRUSTED)
    assert done.code == 0, done.err
    return str(json.loads(done.out)["id"])


def _listed(ekpay: Ekpay, partner: str) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = json.loads(ekpay(*ENDPOINTS, "list", "--partner", partner, "--json").out)
    return lines


def test_one_person_alone_adds_no_endpoint_and_shares_no_secret(ekpay: Ekpay, partner: str) -> None:
    change_id = _asked(ekpay, "add", partner, f"http://{PLACE}/hooks", "--event", "payment.completed")
    own = ekpay("access", "approve", change_id, "--by", AMINA, **BOTH_FOUNDERS)
    assert (own.code, "second person" in own.err) == (1, True)
    assert _listed(ekpay, partner) == []
    added = json.loads(ekpay("access", "approve", change_id, "--by", BADAL, "--json", **BOTH_FOUNDERS).out)
    assert _listed(ekpay, partner) == [added]
    assert added["events"] == ["payment.completed"]
    secret_id = _asked(ekpay, "share-secret", added["id"])
    shown = json.loads(ekpay("access", "approve", secret_id, "--by", BADAL, "--json", **BOTH_FOUNDERS).out)
    (secret,) = shown["shared_secrets"]
    assert secret.startswith("whsec_")
    assert secret not in json.dumps(_listed(ekpay, partner)) + ekpay("access", "list", "--all", "--json").out
    assert ekpay("audit").code == 0
