"""`ekpay bills add-issuer`, `issuers` and `remove-issuer`: two persons let in, one takes away."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.command_result import Ekpay
from tests.cli.two_persons import BOTH_FOUNDERS, FOUNDERS, with_both

OFFICE = "up_holding_tax"
BY = ("--by", FOUNDERS[0])


@pytest.fixture
def partner(ekpay: Ekpay, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EKPAY_HOME", str(own_home))
    assert with_both(ekpay, "partners", "add", "union1", "--name", "Union 1").code == 0
    return "union1"


def test_an_issuer_is_added_by_two_persons_and_removed_by_one(ekpay: Ekpay, partner: str) -> None:
    asked = ekpay("bills", "add-issuer", partner, OFFICE, *BY, **BOTH_FOUNDERS)
    assert asked.code == 0, asked.err
    assert json.loads(ekpay("bills", "issuers", "--json").out) == []
    (change,) = json.loads(ekpay("access", "list", "--json").out)
    approved = ekpay("access", "approve", change["id"], "--by", FOUNDERS[1], **BOTH_FOUNDERS)
    assert (approved.code, "Shown once" in approved.out) == (0, False)
    (line,) = json.loads(ekpay("bills", "issuers", "--json").out)
    assert (line["partner_id"], line["biller_id"], line["removed_at"]) == (partner, OFFICE, None)
    assert OFFICE in ekpay("bills", "issuers").out
    ending = ("bills", "remove-issuer", line["issuer_id"], *BY)
    removed = [ekpay(*ending, **BOTH_FOUNDERS) for _ in range(2)]
    assert [done.out.split()[2:] for done in removed] == [["is", "removed."], ["was", "removed", "before."]]
    (line,) = json.loads(ekpay("bills", "issuers", "--all", "--json").out)
    assert line["removed_by"] == FOUNDERS[0]


@pytest.mark.parametrize(
    ("biller", "why"),
    [("desco_postpaid", "hands over no bills in files"), ("nobody", "no biller of this id")],
)
def test_a_biller_that_keeps_its_bills_has_no_issuer(
    ekpay: Ekpay, partner: str, biller: str, why: str
) -> None:
    done = with_both(ekpay, "bills", "add-issuer", partner, biller)
    assert done.code != 0
    assert why in " ".join(done.err.split())
    assert json.loads(ekpay("access", "list", "--json").out) == []


@pytest.mark.usefixtures("partner")
def test_an_issuer_that_is_not_there_is_named(ekpay: Ekpay) -> None:
    done = ekpay("bills", "remove-issuer", str(uuid4()), *BY, **BOTH_FOUNDERS)
    assert (done.code, "issuer: there is no issuer" in done.err) == (1, True)
