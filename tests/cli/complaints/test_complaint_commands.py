"""`ekpay complaints`: what waits is listed and shown, and a person of finance answers it."""

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ekpay_switch.composition.citizens import citizen_sealer
from ekpay_switch.domain.citizens.complaints import WORDS_MAX, Complaint, ComplaintTopic
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.citizens.complaints import PostgresComplaints
from ekpay_switch.persistence.citizens.contacts import PostgresCartContacts
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.citizens import CartContact
from ekpay_switch.ports.complaints import NewComplaint
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.keys import KeyRing
from tests.cli.command_result import Ekpay, Typed
from tests.cli.migrated_home import a_home
from tests.cli.two_persons import BOTH_FOUNDERS, FOUNDERS, install_founders, on_the_staff
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of
from tests.persistence.carts.cart_setup import open_portal

AMINA, BADAL = FOUNDERS
NUMBER = "01712345678"
CARD, MASKED = "4111 1111 1111 1111", "4111 11** **** 1111"
# A line end, a joiner of Bangla, and what would act on a terminal.
WORDS = "র\u200d্যাবের বিল দিয়েছি।\nDESCO has \x1b[31mnothing\u202e\x9b."
ANSWER = "DESCO has it now."
GATEWAY = {
    "EKPAY_SMS_URL": "http://127.0.0.1:9",
    "EKPAY_SMS_API_TOKEN": "a token of nobody",
    "EKPAY_SMS_SENDER_ID": "ekPay",
}


async def _file(home: Path, topic: ComplaintTopic) -> Complaint:
    """A complaint about an ordered cart with a mobile number, sealed as the commands open it."""
    endpoint = EmbeddedPostgres(home).start()
    sealer = citizen_sealer(KeyRing.open(home, None))
    transactions = ShortTransactions(database_of(endpoint).connect_hot)
    group_commit = group_commit_of(database_of(endpoint))
    await group_commit.start()
    try:
        async with open_portal(Books(endpoint, group_commit)) as portal:
            portal.contacts = PostgresCartContacts(transactions, sealer)
            cart, _ = await portal.ordered(contact=CartContact(NUMBER, PayerLanguage.ENGLISH))
        complaints = PostgresComplaints(transactions, sealer)
        new = NewComplaint(uuid7(), cart.cart_id, 2, topic, PayerLanguage.BANGLA, WORDS)
        assert await complaints.file(new)
        (complaint,) = await complaints.of_cart(cart.cart_id)
        return complaint
    finally:
        await transactions.close()
        await group_commit.stop()


@pytest.fixture(scope="module")
def portal_home() -> Iterator[Path]:
    """One database with a portal for all tests here; each has a complaint of its own."""
    with a_home() as home:
        asyncio.run(install_founders(home))
        yield home


@pytest.fixture
def complaint(portal_home: Path) -> Complaint:
    return asyncio.run(_file(portal_home, ComplaintTopic.NOT_DELIVERED))


@pytest.fixture
def at_portal(ekpay: Ekpay, portal_home: Path) -> Ekpay:
    """Types a command in the home of the portal."""
    return partial(ekpay, EKPAY_HOME=str(portal_home))


def answered(ekpay: Ekpay, number: object, words: str = ANSWER, by: str = AMINA, **environment: str) -> Typed:
    typed = ("complaints", "answer", "--by", by, "--words", words, "--", str(number))
    return ekpay(*typed, **BOTH_FOUNDERS | environment)


def shown_to_programs(ekpay: Ekpay, complaint: Complaint) -> dict[str, object]:
    shown: dict[str, object] = json.loads(ekpay("complaints", "show", str(complaint.number), "--json").out)
    return shown


def numbers(ekpay: Ekpay, *options: str) -> list[int]:
    return [line["number"] for line in json.loads(ekpay("complaints", "list", "--json", *options).out)]


def test_where_nobody_complains_the_list_is_empty(ekpay: Ekpay) -> None:
    listed = ekpay("complaints", "list")
    assert (listed.code, listed.err) == (0, "")
    assert "Complaints" in listed.out
    assert json.loads(ekpay("complaints", "list", "--json").out) == []


def test_a_complaint_that_waits_is_listed_and_shown(at_portal: Ekpay, complaint: Complaint) -> None:
    listed = at_portal("complaints", "list")
    assert (listed.code, listed.err) == (0, "")
    (line,) = [row for row in listed.out.splitlines() if str(complaint.cart_id) in row]
    for cell in (str(complaint.number), str(complaint.due_on), "waiting", "not delivered"):
        assert cell in line
    assert "DESCO has" not in listed.out, "what was written is shown alone"
    shown = at_portal("complaints", "show", str(complaint.number))
    assert (shown.code, shown.err) == (0, "")
    for text in (
        f"complaint {complaint.number}: not delivered, waiting",
        f"cart {complaint.cart_id}, bill 2; its payer reads bangla",
        f"promised by {complaint.due_on}",
        "its payer\n    র\u200d্যাবের বিল দিয়েছি।\n    DESCO has ",
    ):
        assert text in shown.out


def test_programs_get_a_complaint_as_it_is(at_portal: Ekpay, complaint: Complaint) -> None:
    shown = shown_to_programs(at_portal, complaint)
    assert shown in json.loads(at_portal("complaints", "list", "--json").out)
    (message,) = complaint.messages
    assert shown == {
        "number": complaint.number,
        "cart_id": str(complaint.cart_id),
        "bill": 2,
        "topic": "not_delivered",
        "language": "bn",
        "state": "waiting",
        "is_escalated": False,
        "created_at": complaint.created_at.isoformat(),
        "due_on": complaint.due_on.isoformat(),
        "escalated_at": None,
        "messages": [
            {
                "nth": 1,
                "author": "payer",
                "staff_name": None,
                "at": message.at.isoformat(),
                "words": WORDS,
            }
        ],
    }


def test_nothing_that_was_written_acts_on_a_terminal(at_portal: Ekpay, complaint: Complaint) -> None:
    shown = at_portal("complaints", "show", str(complaint.number))
    assert "DESCO has \\x1b[31mnothing\\u202e\\x9b." in shown.out
    for letter in "\x1b\x9b\u202e":
        assert letter not in shown.out


def test_a_person_of_finance_answers_it_and_a_repeat_is_done(at_portal: Ekpay, complaint: Complaint) -> None:
    done = answered(at_portal, complaint.number)
    assert (done.code, done.out, done.err) == (0, f"Complaint {complaint.number} is answered.\n", "")
    assert complaint.number not in numbers(at_portal)
    assert complaint.number in numbers(at_portal, "--all")
    shown = at_portal("complaints", "show", str(complaint.number))
    assert f"{AMINA} of the staff\n    {ANSWER}\n" in shown.out
    assert "not delivered, answered" in shown.out
    assert "promised" not in shown.out
    before = shown_to_programs(at_portal, complaint)
    assert answered(at_portal, complaint.number).code == 0
    assert shown_to_programs(at_portal, complaint) == before
    refused = answered(at_portal, complaint.number, by=BADAL)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == f"ekpay: complaint {complaint.number}: it is answered already\n"


def test_an_answer_in_bangla_keeps_its_joiners_and_lines_and_no_card_number(
    at_portal: Ekpay, complaint: Complaint
) -> None:
    done = answered(at_portal, complaint.number, f" র\u200d্যাব \x1b[31m\n\n\nকার্ড {CARD}। ")
    assert (done.code, done.err) == (0, "")
    messages = shown_to_programs(at_portal, complaint)["messages"]
    assert isinstance(messages, list)
    assert messages[-1]["words"] == f"র\u200d্যাব [31m\n\nকার্ড {MASKED}।"


@pytest.mark.parametrize(
    ("gateway", "message_count"), [(GATEWAY, 1), ({}, 0)], ids=["a gateway", "no gateway"]
)
def test_whoever_left_a_number_gets_a_text_message_where_a_gateway_is_set(
    gateway: dict[str, str], message_count: int, at_portal: Ekpay, complaint: Complaint
) -> None:
    def messages_to_payers() -> int:
        listed = json.loads(at_portal("text-messages", "list", "--json").out)
        return [line["kind"] for line in listed].count("complaint")

    before = messages_to_payers()
    assert answered(at_portal, complaint.number, **gateway).code == 0
    assert messages_to_payers() == before + message_count


@pytest.mark.parametrize(
    ("by", "environment"),
    [
        ("Nobody", {}),
        (AMINA, {"EKPAY_STAFF_PASSPHRASE": "another horse"}),
        ("Omar who operates", {"EKPAY_STAFF_PASSPHRASE": "the horse of operators"}),
    ],
    ids=["nobody", "another passphrase", "not of finance"],
)
def test_nobody_else_answers(
    by: str, environment: dict[str, str], at_portal: Ekpay, complaint: Complaint
) -> None:
    if "operates" in by:
        on_the_staff(at_portal, by, environment["EKPAY_STAFF_PASSPHRASE"], "operator")
    refused = answered(at_portal, complaint.number, by=by, **environment)
    assert (refused.code, refused.out) == (1, "")
    assert "ekpay: " in refused.err
    assert complaint.number in numbers(at_portal)


@pytest.mark.parametrize(
    ("words", "fault"),
    [("", "missing"), (" \n\u200b\u202e ", "missing"), ("ক" * (WORDS_MAX + 1), "too long")],
    ids=["empty", "nothing to see", "too long"],
)
def test_an_answer_that_nobody_can_read_is_refused_before_the_passphrase(
    words: str, fault: str, at_portal: Ekpay, complaint: Complaint
) -> None:
    refused = answered(at_portal, complaint.number, words, EKPAY_STAFF_PASSPHRASE="")
    assert (refused.code, refused.out) == (2, "")
    assert "--words" in refused.err
    assert fault in refused.err
    assert complaint.number in numbers(at_portal)


def test_a_number_that_no_complaint_has_is_said(ekpay: Ekpay) -> None:
    for number in (77, 2**63 - 1):
        for typed in (ekpay("complaints", "show", str(number)), answered(ekpay, number)):
            assert (typed.code, typed.out) == (1, "")
            assert typed.err == f"ekpay: there is no complaint {number}\n"


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**63)])
def test_what_is_no_number_is_refused(number: str, ekpay: Ekpay) -> None:
    for typed in (ekpay("complaints", "show", "--", number), answered(ekpay, number)):
        assert (typed.code, typed.out) == (2, "")
        assert "COMPLAINT': not a whole number" in typed.err
