"""Partners, staff, top-ups and billers from the command line."""

import json
from uuid import uuid4

import pytest

from tests.cli.command_result import Ekpay
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
    asks, approves = new_name("Rahima"), new_name("Karim")
    on_the_staff(ekpay, asks, ASKER)
    on_the_staff(ekpay, approves, APPROVER)
    return asks, approves


def _prefund(ekpay: Ekpay, partner: str, bucket: str) -> int:
    listed = json.loads(ekpay("partners", "list", "--json").out)
    (line,) = [line for line in listed if line["id"] == partner]
    return int(line["prefunds"][bucket])


def _top_up(partner: str, asks: str, *more: str, reference: str = "") -> tuple[str, ...]:
    reference = reference or f"BANK-{uuid4()}"
    return (
        "partners",
        "top-up",
        partner,
        "postpaid",
        "1250.50",
        "--reference",
        reference,
        "--by",
        asks,
        *more,
    )


def test_a_new_partner_is_told_its_secrets_once(ekpay: Ekpay) -> None:
    name = f"p{uuid4().hex[:10]}"
    told = json.loads(with_both(ekpay, "partners", "add", name, "--name", "Upay", "--json").out)
    assert set(told) == {"partner_id", "nd_id", "syndct_id", "user_id", "shared_secret", "pass_key"}
    assert len(told["shared_secret"]) == 32
    listed = ekpay("partners", "list", "--json").out + ekpay("partners", "list").out
    assert "Upay" in listed
    assert told["shared_secret"] not in listed
    assert told["pass_key"] not in listed


def test_fetch_limits_are_terms_of_the_agreement(ekpay: Ekpay, partner: str) -> None:
    def limits() -> tuple[int, int]:
        listed = json.loads(ekpay("partners", "list", "--json").out)
        (line,) = [line for line in listed if line["id"] == partner]
        return line["fetches_in_flight"], line["fetches_per_second"]

    command = ("partners", "set-fetch-limits")
    assert limits() == (128, 200)
    assert ekpay(*command, partner, "--in-flight", "7", "--per-second", "90").code == 0
    assert limits() == (7, 90)
    refused = ekpay(*command, partner, "--in-flight", "0", "--per-second", "90")
    assert (refused.code, "--in-flight" in refused.err) == (2, True)
    assert ekpay(*command, "nobody", "--in-flight", "7", "--per-second", "90").code == 1
    assert limits() == (7, 90)


def test_the_window_of_messages_is_a_term_of_the_agreement(ekpay: Ekpay, partner: str) -> None:
    def window() -> tuple[int | None, int | None]:
        listed = json.loads(ekpay("partners", "list", "--json").out)
        (line,) = [line for line in listed if line["id"] == partner]
        return line["message_age_seconds"], line["message_ahead_seconds"]

    command = ("partners", "set-message-window", partner)
    assert window() == (86_400, 900)
    assert ekpay(*command, "--age-seconds", "3600").code == 0
    assert window() == (3_600, None)
    assert ekpay(*command, "--age-seconds", "59").code == 2
    assert window() == (3_600, None)


def test_a_partner_is_added_once(ekpay: Ekpay, partner: str) -> None:
    done = with_both(ekpay, "partners", "add", partner, "--name", "Again")
    assert done.code == 1
    assert done.err.startswith("ekpay: Another partner already has this id")


def test_a_rotation_tells_the_new_secret_alone(ekpay: Ekpay, partner: str) -> None:
    told = json.loads(
        with_both(ekpay, "partners", "rotate-secret", partner, "--overlap-hours", "0", "--json").out
    )
    assert set(told) == {"partner_id", "nd_id", "syndct_id", "user_id", "shared_secret"}
    done = with_both(ekpay, "partners", "rotate-secret", "nobody")
    assert (done.code, done.err) == (1, "ekpay: There is no such partner.\n")


def test_two_persons_top_up_together(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    asks, approves = persons
    done = ekpay(*_top_up(partner, asks, "--approved-by", approves), **BOTH)
    assert (done.code, done.out) == (0, f"Added 1250.50 BDT to the postpaid prefund of {partner}.\n")
    assert _prefund(ekpay, partner, "postpaid") == 125_050
    assert _prefund(ekpay, partner, "prepaid") == 0


def test_the_second_person_may_come_later(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    asks, approves = persons
    waiting = ekpay(*_top_up(partner, asks), EKPAY_STAFF_PASSPHRASE=ASKER)
    top_up_id = waiting.out.split()[1]
    assert _prefund(ekpay, partner, "postpaid") == 0
    approve = ("partners", "approve", top_up_id, "--by")
    done = ekpay(*approve, asks, EKPAY_APPROVER_PASSPHRASE=ASKER)
    assert done.code == 1
    assert "second person" in done.err
    assert ekpay(*approve, approves, EKPAY_APPROVER_PASSPHRASE=APPROVER).code == 0
    assert _prefund(ekpay, partner, "postpaid") == 125_050
    assert ekpay(*approve, approves, EKPAY_APPROVER_PASSPHRASE=APPROVER).code == 1
    assert _prefund(ekpay, partner, "postpaid") == 125_050


def test_a_wrong_passphrase_of_either_person_leaves_nothing_behind(
    ekpay: Ekpay, partner: str, persons: tuple[str, str]
) -> None:
    asks, approves = persons
    words = _top_up(partner, asks, "--approved-by", approves)
    for wrong in ("EKPAY_STAFF_PASSPHRASE", "EKPAY_APPROVER_PASSPHRASE"):
        done = ekpay(*words, **BOTH | {wrong: "not the horse battery"})
        assert done.code == 1
        logged, said = done.err.splitlines()
        assert said.startswith("ekpay: Name and passphrase do not belong together")
        assert '"event":"login_failed","api":"staff"' in logged
    assert _prefund(ekpay, partner, "postpaid") == 0
    # The reference is still free: nothing of the refused tries was kept.
    assert ekpay(*words, **BOTH).code == 0


def test_one_person_alone_cannot_top_up(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    done = ekpay(*_top_up(partner, persons[0], "--approved-by", persons[0]), **BOTH)
    assert done.code == 1
    assert "second person" in done.err
    assert _prefund(ekpay, partner, "postpaid") == 0


def test_an_operator_cannot_top_up(ekpay: Ekpay, partner: str, persons: tuple[str, str]) -> None:
    name = new_name("Operator")
    on_the_staff(ekpay, name, ASKER, "operator")
    assert ekpay(*_top_up(partner, name, "--approved-by", persons[1]), **BOTH).code == 1
    assert _prefund(ekpay, partner, "postpaid") == 0
