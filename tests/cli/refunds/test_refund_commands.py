"""`ekpay refunds` and what `ekpay payments show` tells of a collected payment."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.money import grouped_taka
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.ports.collections import RawCallback
from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import on_the_staff
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of
from tests.persistence.collections.collection_setup import TAKEN, open_till
from tests.persistence.refunds.refund_setup import BILLED, NO, Office, given, open_office

FIRST = {"EKPAY_STAFF_PASSPHRASE": "correct horse battery"}
SECOND = {"EKPAY_APPROVER_PASSPHRASE": "another horse battery"}
# DESCO takes no payment back, so somebody is named who bears its refunds.
OUR_LOSS = ("--our-loss",)
_NUMBERS = count(1)
Made = TypeVar("Made")
Make = Callable[[Callable[[Office], Awaitable[Made]]], Made]


@pytest.fixture
def make(home: Path) -> Callable[[Callable[[Office], Awaitable[object]]], object]:
    """Does something with refunds in the database of the commands."""

    async def _make(work: Callable[[Office], Awaitable[object]]) -> object:
        endpoint = EmbeddedPostgres(home).start()
        group_commit = group_commit_of(database_of(endpoint))
        await group_commit.start()
        books = Books(endpoint, group_commit)
        try:
            if not await books.count("partners", "id = 'bank1'"):
                await books.partner()
            async with open_till(books) as till, open_office(till) as office:
                till.pages = uuid4().int % 10**9
                return await work(office)
        finally:
            await group_commit.stop()

    return lambda work: asyncio.run(_make(work))


@pytest.fixture
def persons(ekpay: Ekpay) -> tuple[str, str]:
    number = next(_NUMBERS)
    names = (f"Asha {number}", f"Babul {number}")
    for name, shown in zip(names, (FIRST, SECOND), strict=True):
        (passphrase,) = shown.values()
        on_the_staff(ekpay, name, passphrase)
    return names


@pytest.fixture
def paid(make: "Make[LockedTry]") -> LockedTry:
    return make(lambda office: office.completed())


def _refund_of(done: Typed) -> str:
    assert done.code == 0, done.err
    return done.out.split()[1]


def _line(ekpay: Ekpay, refund_id: str) -> dict[str, object]:
    (line,) = [one for one in json.loads(ekpay("refunds", "list", "--json").out) if one["id"] == refund_id]
    found: dict[str, object] = line
    return found


def _ask(
    ekpay: Ekpay, paid: LockedTry, name: str, amount: str = "400.00", bearer: tuple[str, ...] = OUR_LOSS
) -> str:
    words = ("--amount", amount, "--reason", "paid for the wrong meter", "--by", name, *bearer)
    done = ekpay("refunds", "ask", str(paid.payment_id), *words, **FIRST)
    refund_id = _refund_of(done)
    assert done.out == f"Refund {refund_id} waits: ekpay refunds approve {refund_id} --by NAME\n"
    return refund_id


def test_two_persons_give_a_payment_back_in_part(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str]
) -> None:
    asks, approves = persons
    refund_id = _ask(ekpay, paid, asks)

    done = ekpay("refunds", "approve", refund_id, "--by", approves, **SECOND)

    assert (done.code, done.out) == (0, f"Refund {refund_id} of 400.00 BDT is approved.\n")
    line = _line(ekpay, refund_id)
    assert (line["amount"], line["state"], line["kind"]) == (40_000, "approved", "refund")
    assert (line["asked_by"], line["approved_by"], line["partner_id"]) == (asks, approves, "bank1")


def test_a_card_number_in_a_reason_is_kept_masked(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str]
) -> None:
    words = ("--amount", "400.00", "--reason", "paid by 4111 1111 1111 1111", "--by", persons[0], *OUR_LOSS)
    refund_id = _refund_of(ekpay("refunds", "ask", str(paid.payment_id), *words, **FIRST))
    assert _line(ekpay, refund_id)["reason"] == "paid by 4111 11** **** 1111"


def test_a_payment_that_its_biller_keeps_is_refunded_only_where_somebody_bears_it(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str]
) -> None:
    asks, approves = persons
    payment, words = str(paid.payment_id), ("--amount", "400", "--by", asks)
    for command in (("ask", payment, "--reason", "x"), ("chargeback", payment, "--reference", "x")):
        done = ekpay("refunds", *command, *words, **FIRST)
        assert done.code == 2
        assert "desco_postpaid takes no payment back: say who bears it, --consent" in done.err
        both = ekpay("refunds", *command, *words, "--our-loss", "--consent", "LETTER-1", **FIRST)
        assert both.code == 2
    assert ekpay("refunds", "ask", payment, "--reason", "x", *words, "--consent", " ", **FIRST).code == 2

    lost = _ask(ekpay, paid, asks)
    agreed = _ask(ekpay, paid, asks, "100", ("--consent", "LETTER-1"))

    for refund_id, bearer, consent, words_of_it in (
        (lost, "our_loss", None, "we bear it: the biller keeps what it was credited"),
        (agreed, "consent", "LETTER-1", "the biller bears it, by its written consent: LETTER-1"),
    ):
        assert ekpay("refunds", "approve", refund_id, "--by", approves, **SECOND).code == 0
        line = _line(ekpay, refund_id)
        assert (line["bearer"], line["consent"]) == (bearer, consent)
        assert words_of_it in ekpay("refunds", "show", refund_id).out
    assert ekpay("audit").out == "clean\n"


def test_one_person_alone_gives_nothing_back(ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str]) -> None:
    asks, _ = persons
    refund_id = _ask(ekpay, paid, asks)
    (passphrase,) = FIRST.values()

    done = ekpay("refunds", "approve", refund_id, "--by", asks, EKPAY_APPROVER_PASSPHRASE=passphrase)

    assert done.code == 1
    assert "second person" in done.err
    assert _line(ekpay, refund_id)["state"] == "asked"


def test_a_wrong_passphrase_leaves_nothing_behind(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str]
) -> None:
    asks, approves = persons
    refund_id = _ask(ekpay, paid, asks)
    wrong = {
        "EKPAY_STAFF_PASSPHRASE": "not the horse battery",
        "EKPAY_APPROVER_PASSPHRASE": "nor this battery",
    }
    payment = str(paid.payment_id)
    for words in (
        ("ask", payment, "--amount", "1", "--reason", "x", "--by", asks),
        ("chargeback", payment, "--amount", "1", "--reference", "x", "--by", asks),
        ("give-back", payment, "--reason", "x", "--by", asks),
        ("by-hand", refund_id, "--bank-reference", "x", "--by", asks),
        ("approve", refund_id, "--by", approves),
        ("reject", refund_id, "--by", approves),
        ("confirm", refund_id, "--by", approves),
        ("withdraw", refund_id, "--reason", "x", "--by", asks),
    ):
        done = ekpay("refunds", *words, **wrong)
        assert done.code == 1, words
        logged, said = done.err.splitlines()
        assert said.startswith("ekpay: Name and passphrase do not belong together")
        assert '"event":"login_failed","api":"staff"' in logged
    listed = json.loads(ekpay("refunds", "list", "--json").out)
    assert [one["id"] for one in listed if one["payment_id"] == payment] == [refund_id]
    assert _line(ekpay, refund_id)["state"] == "asked"


def test_a_refund_that_is_rejected_can_be_asked_for_again(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str]
) -> None:
    asks, approves = persons
    refund_id = _ask(ekpay, paid, asks, "1050.00")

    done = ekpay("refunds", "reject", refund_id, "--by", approves, **SECOND)

    assert done.out == f"Refund {refund_id} of 1050.00 BDT is rejected.\n"
    assert _ask(ekpay, paid, asks, "1050.00") != refund_id
    again = ekpay("refunds", "reject", refund_id, "--by", approves, **SECOND)
    assert (again.code, again.err) == (
        1,
        "ekpay: The refund, or its payment, is not in a state that waits for this.\n",
    )


def test_what_cannot_be_given_back_is_refused_in_words(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str]
) -> None:
    asks = persons[0]
    for payment, amount, why in (
        (paid.payment_id, "1050.01", "the refund was not taken on: refund exceeds remaining"),
        (uuid4(), "1", "the refund was not taken on: not refundable"),
    ):
        words = ("--amount", amount, "--reason", "because", "--by", asks)
        done = ekpay("refunds", "ask", str(payment), *words, *OUR_LOSS, **FIRST)
        assert (done.code, done.err) == (1, f"ekpay: {why}\n")
    for amount in ("0", "1.005", "-1", "much"):
        words = ("--amount", amount, "--reason", "because", "--by", asks)
        assert ekpay("refunds", "ask", str(paid.payment_id), *words, **FIRST).code == 2
    words = ("--amount", "1", "--reason", " ", "--by", asks)
    assert ekpay("refunds", "ask", str(paid.payment_id), *words, **FIRST).code == 2
    for command in ("show", "approve"):
        more = () if command == "show" else ("--by", persons[1])
        done = ekpay("refunds", command, str(uuid4()), *more, **SECOND)
        assert (done.code, done.err) == (1, "ekpay: There is no such refund.\n")


def test_a_chargeback_is_written_down_by_two_persons(
    ekpay: Ekpay, paid: LockedTry, persons: tuple[str, str]
) -> None:
    asks, approves = persons
    name = f"CB-{uuid4().hex}"
    words = ("--amount", "1050", "--reference", name, "--by", asks, *OUR_LOSS)
    refund_id = _refund_of(ekpay("refunds", "chargeback", str(paid.payment_id), *words, **FIRST))

    done = ekpay("refunds", "approve", refund_id, "--by", approves, **SECOND)

    assert done.out == f"Refund {refund_id} of 1050.00 BDT is done.\n"
    assert _line(ekpay, refund_id)["provider_refund"] == name
    again = ekpay("refunds", "chargeback", str(paid.payment_id), *words, **FIRST)
    assert (again.code, again.err) == (
        1,
        "ekpay: at most 1071.50 BDT were collected, 21.50 BDT of it are left\n",
    )
    rest = ("--amount", "21.50", "--reference", f"{name}-2", "--by", asks)
    beyond = _refund_of(ekpay("refunds", "chargeback", str(paid.payment_id), *rest, **FIRST))
    done = ekpay("refunds", "approve", beyond, "--by", approves, **SECOND)
    assert (done.code, done.out) == (0, f"Refund {beyond} of 21.50 BDT is done.\n")
    (alarm,) = json.loads(ekpay("alarms", "list", "--payment", str(paid.payment_id), "--json").out)
    assert (alarm["kind"], alarm["amount"]) == ("chargeback_beyond_the_bill", 2_150)
    assert "21.50 of it is taken from suspense: its payee does not give it" in (
        ekpay("refunds", "show", beyond).out
    )
    assert ekpay("audit").out == "clean\n"


def test_two_persons_pay_by_hand_what_the_connector_does_not_give_back(
    ekpay: Ekpay, make: "Make[UUID]", persons: tuple[str, str]
) -> None:
    says, confirms = persons
    refund_id = str(make(lambda office: office.by_hand()))
    waiting = ekpay("refunds", "list", "--state", "by_hand").out
    assert refund_id in waiting
    assert grouped_taka(TAKEN) in waiting
    bank_reference = f"BANK-{uuid4()}"

    said = ekpay("refunds", "by-hand", refund_id, "--bank-reference", bank_reference, "--by", says, **FIRST)
    done = ekpay("refunds", "confirm", refund_id, "--by", confirms, **SECOND)

    assert said.out == f"Refund {refund_id} waits: ekpay refunds confirm {refund_id} --by NAME\n"
    assert done.out == f"Refund {refund_id} of 1071.50 BDT is done.\n"
    shown = ekpay("refunds", "show", refund_id).out
    for sentence in (
        f"give back {refund_id} of 1071.50 by bkash",
        "asked for by switch at",
        "the connector does not give back what is owed: code 2073, reason too late",
        "sent → by_hand, by switch",
        f"{says} says that our bank paid it as {bank_reference}; confirmed by {confirms}",
        f"by_hand → done, by {confirms}",
        "It is done: the payer has it.",
    ):
        assert sentence in shown
    assert refund_id not in ekpay("refunds", "list", "--state", "by_hand").out


async def _paid_after_all(office: Office) -> UUID:
    """A give-back that finance is about to pay by hand, and that its connector has paid meanwhile."""
    refund_id = await office.given_back(await office.refused())
    slow = await office.sent(refund_id)
    await office.record(await office.sent(refund_id), NO)
    await office.desk.record_paid_by_hand(refund_id, f"BANK-{uuid4()}", "Asha")
    await office.record(slow, given(f"RFD-{refund_id.hex[-12:]}", TAKEN))
    return refund_id


def test_what_the_connector_has_paid_is_not_confirmed_as_paid_by_hand(
    ekpay: Ekpay, make: "Make[UUID]", persons: tuple[str, str]
) -> None:
    says, confirms = persons
    refund_id = str(make(_paid_after_all))

    stopped = ekpay("refunds", "confirm", refund_id, "--by", confirms, **SECOND)
    assert stopped.code == 1
    assert "the connector has paid this refund itself, so nobody pays it by hand: refund RFD-" in stopped.err
    words = ("--reason", "our bank has not sent it", "--by", says)
    done = ekpay("refunds", "withdraw", refund_id, *words, **FIRST)

    assert done.out == f"Refund {refund_id} of 1071.50 BDT is done.\n"
    shown = ekpay("refunds", "show", refund_id).out
    assert "somebody withdrew that our bank has paid it: " in shown
    assert "reason our bank has not sent it" in shown
    assert f"by_hand → by_hand, by {says}" in shown
    assert ekpay("audit").out == "clean\n"


def test_money_that_disagreed_goes_back_and_ends_its_review(
    ekpay: Ekpay, make: "Make[LockedTry]", persons: tuple[str, str]
) -> None:
    asks, approves = persons
    held = make(lambda office: office.disagreed(99_900))
    words = ("give-back", str(held.payment_id), "--reason", "the payer paid too little", "--by", asks)
    refund_id = _refund_of(ekpay("refunds", *words, **FIRST))

    done = ekpay("refunds", "approve", refund_id, "--by", approves, **SECOND)

    assert done.out == f"Refund {refund_id} of 999.00 BDT is approved.\n"
    shown = ekpay("payments", "show", str(held.payment_id)).out
    assert f"in_review → refunding, by {approves}" in shown
    again = ekpay("refunds", *words, **FIRST)
    assert (again.code, again.err) == (
        1,
        "ekpay: No collected money of this payment stands in suspense, or somebody asks for it already.\n",
    )


# ---- `ekpay payments show`


async def _with_a_callback_and_refunds(office: Office) -> LockedTry:
    held = await office.completed()
    name = str((await office.till.row(held))["provider_reference"])
    for number in range(2):
        raw = RawCallback("bkash", f"{name} {number}", {}, b"{}")
        await office.till.callbacks.keep(raw, CallbackHint(raw.name, name, "success", is_agreed=True))
    failed = await office.take(held, 1_000)
    await office.record(await office.sent(failed.refund_id), NO)
    done = await office.take(held, 40_000)
    await office.record(await office.sent(done.refund_id), given(f"RFD-{name}", 40_000))
    await office.take(held, 5_000, needs_approval=True, requested_by="Rahima")
    return held


def test_a_collected_payment_is_told_from_its_page_to_its_refunds(
    ekpay: Ekpay, make: "Make[LockedTry]"
) -> None:
    held = make(_with_a_callback_and_refunds)

    shown = ekpay("payments", "show", str(held.payment_id))

    assert shown.code == 0
    for sentence in (
        ", collected by bkash",
        "How its money was collected",
        "the money was not asked for; 1071.50 came at",
        "450.00 of it goes back",
        "2 messages of connectors came unasked",
        "What goes back to the payer",
        "of 10.00 by bkash",
        "asked for by api:bank1",
        "the connector refused it: code 2073, reason too late",
        "the connector has given it back: provider refund RFD-TR0011",
        "sent → done, by switch",
        "It is asked: a second person has to agree; the amount is held in the running total.",
        "It is completed; callers are told: paid.",
        "A refund of it waits for a person: ekpay refunds list.",
    ):
        assert sentence in shown.out, sentence
    assert re.search(r"bkash, TR0011\d+, which lapses at \d{4}-\d\d-\d\d", shown.out)


def test_a_payment_that_waits_for_its_payer_says_when_it_is_looked_at_again(
    ekpay: Ekpay, make: "Make[LockedTry]"
) -> None:
    held = make(lambda office: office.till.on_page())

    shown = ekpay("payments", "show", str(held.payment_id)).out

    assert ", to be collected from a payer" in shown
    assert "the money was not asked for; none came" in shown
    assert "What goes back to the payer" not in shown
    assert re.search(r"Its tries and refunds are looked at again at \d{4}-\d\d-\d\d", shown)
    assert "a person has to look" not in shown


def test_what_was_collected_leaves_the_books_of_the_commands_clean(ekpay: Ekpay, paid: LockedTry) -> None:
    assert paid.sums.amount.minor == BILLED
    assert ekpay("audit").out == "clean\n"
