"""A payment's life in words, told of payments that the group commit has really written."""

import asyncio
import csv
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ekpay_switch.cli.payments.wording import EVENT_WORDING
from ekpay_switch.domain.bill import Bill, Quote
from ekpay_switch.domain.fees import Fee
from ekpay_switch.domain.ledger.posting_rules import prefund_account, topped_up_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, InDoubt, Outcome
from ekpay_switch.domain.payment import Event
from ekpay_switch.domain.payments.claims import Claim
from ekpay_switch.domain.payments.delivery import Delivery, Recording, plan_outcome
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import open_database
from ekpay_switch.persistence.group_commit.committer import GroupCommit, GroupCommitLimits
from ekpay_switch.persistence.group_commit.steps import PostEntry, SaveQuote
from ekpay_switch.persistence.parties.partners import NewPartner, Partners
from ekpay_switch.security.identifiers import unguessable, uuid7
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.settings import Settings
from tests.cli.command_result import Ekpay

BILL_NUMBER = "092512345678"


@dataclass(frozen=True, slots=True)
class Written:
    """A payment in the books, and what leads to it."""

    payment_id: UUID
    partner_id: str
    reference: str


@asynccontextmanager
async def _books(home: Path) -> AsyncIterator[tuple[GroupCommit, str]]:
    """A group commit over the database of `home`, and a partner that is rich enough."""
    database = open_database(Settings(home=home, database_url=None))
    engine = database.engine()
    commit = GroupCommit(database.connect, GroupCommitLimits())
    partner_id = f"p{uuid4().hex[:10]}"
    await Partners(engine, KeyRing(bytes(32))).add(NewPartner(partner_id, "A wallet", partner_id))
    await commit.start()
    try:
        paid_in = topped_up_entry(prefund_account(partner_id, "postpaid"), Money(10_000_000))
        await commit.submit(PostEntry(uuid7(), 0, paid_in))
        yield commit, partner_id
    finally:
        await commit.stop()
        await engine.dispose()


def a_quote(partner_id: str) -> Quote:
    bill = Bill(
        bill_key=f"{BILL_NUMBER}-{uuid4().int % 10**6:06d}",
        bill_number=BILL_NUMBER,
        account="12345678",
        amount=Money(100_000),
        vat=Money(5_000),
        late_fee=Money(0),
        total=Money(105_000),
    )
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    fee = Fee(Money(1_000), Money(150), "2026-01")
    return Quote(unguessable(), partner_id, unguessable(), "desco_postpaid", "postpaid", bill, fee, tomorrow)


def a_claim(quote: Quote, paid: Money) -> Claim:
    return Claim(
        payment_id=uuid7(),
        attempt_id=uuid7(),
        attempt_reference=unguessable(),
        partner_id=quote.partner_id,
        lane=0,
        reference=f"REF-{unguessable(8)}",
        fingerprint=b"f",
        quote_id=quote.quote_id,
        biller_id=quote.biller_id,
        paid=paid,
        stated_total=None,
        stated_fee=None,
        send_seconds=20,
        lease_seconds=60,
        scroll_series=quote.biller_id,
    )


async def _write(home: Path, paid: Money, outcome: Outcome | None) -> Written:
    async with _books(home) as (commit, partner_id):
        quote = a_quote(partner_id)
        await commit.submit(SaveQuote(quote, 0))
        claim = a_claim(quote, paid)
        await commit.submit(claim)
        if outcome is not None:
            delivery = Delivery(
                payment_id=claim.payment_id,
                attempt_id=claim.attempt_id,
                partner_id=partner_id,
                lane=0,
                epoch=1,
                biller_id=quote.biller_id,
                prefund=prefund_account(partner_id, "postpaid"),
                sums=quote.sums,
            )
            ask_again = 90.0 if isinstance(outcome, InDoubt) else None
            await commit.submit(Recording(delivery, plan_outcome(delivery, outcome), ask_again))
        return Written(claim.payment_id, partner_id, claim.reference)


@pytest.fixture
def completed(home: Path) -> Written:
    facts = {"receipt_number": "R7", "account_no": "12345678"}
    return asyncio.run(_write(home, Money(105_000), Approved(facts)))


@pytest.fixture
def in_doubt(home: Path) -> Written:
    return asyncio.run(_write(home, Money(105_000), InDoubt("no answer about 12345678 within 20 s")))


@pytest.fixture
def refused(home: Path) -> Written:
    return asyncio.run(_write(home, Money(99), None))


def test_every_event_has_words() -> None:
    assert set(EVENT_WORDING) == set(Event)
    assert len(set(EVENT_WORDING.values())) == len(Event)


def test_a_completed_payment_is_told_from_claim_to_receipt(ekpay: Ekpay, completed: Written) -> None:
    done = ekpay("payments", "show", str(completed.payment_id))
    assert done.code == 0
    for sentence in (
        f"asked for by {completed.partner_id} under its reference {completed.reference}",
        "BDT 1061.50 (bill 1050.00, fee 10.00, vat 1.50) from the postpaid prefund",
        "the partner's prefund was taken and the biller is being told",
        "created → delivering",
        "the biller acknowledged the payment: account no ****5678, receipt number R7",
        "sent at most once",
        "approved",
        f"+        1061.50  prefund:{completed.partner_id}:postpaid",
        "-        1050.00  payable:desco_postpaid",
        f"{completed.partner_id}: completed (waiting)",
        "It is completed; callers are told: paid.",
        "Nothing is left to do.",
    ):
        assert sentence in done.out


def test_times_are_told_on_a_dhaka_clock(ekpay: Ekpay, completed: Written) -> None:
    shown = re.search(r"opened at (\S+ \S+)", ekpay("payments", "show", str(completed.payment_id)).out)
    assert shown is not None
    opened = datetime.fromisoformat(f"{shown[1].rstrip(',')}+06:00")
    assert abs(datetime.now(UTC) - opened) < timedelta(minutes=5)


@pytest.mark.parametrize("kind", ["completed", "in_doubt"])
def test_no_account_or_bill_number_is_shown_whole(
    kind: str, ekpay: Ekpay, request: pytest.FixtureRequest
) -> None:
    written: Written = request.getfixturevalue(kind)
    shown = ekpay("payments", "show", str(written.payment_id)).out
    shown += ekpay("payments", "list", "--partner", written.partner_id).out
    shown += ekpay("payments", "list", "--partner", written.partner_id, "--json").out
    assert "12345678" not in shown
    assert "5678" in shown


def test_a_payment_in_doubt_says_when_it_is_asked_again(ekpay: Ekpay, in_doubt: Written) -> None:
    shown = ekpay("payments", "show", str(in_doubt.payment_id)).out
    assert "in doubt" in shown
    assert re.search(
        r"The next question is due at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d; 0 were asked so far\.", shown
    )
    assert "callers are told: pending." in shown


def test_a_refused_payment_says_why_and_that_no_money_moved(ekpay: Ekpay, refused: Written) -> None:
    shown = ekpay("payments", "show", str(refused.payment_id)).out
    assert "the order was refused; no money moved" in shown
    assert "It is declined because amount differs; callers are told: failed." in shown
    assert "What was posted" not in shown


def test_a_payment_is_found_by_its_partners_reference(ekpay: Ekpay, completed: Written) -> None:
    by_reference = ekpay("payments", "show", completed.reference)
    assert by_reference.code == 0
    assert by_reference.out == ekpay("payments", "show", str(completed.payment_id)).out
    # As REST v1 names it.
    assert by_reference.out == ekpay("payments", "show", f"pay_{completed.payment_id.hex}").out


def test_the_list_can_be_narrowed_and_read_by_programs(
    ekpay: Ekpay, completed: Written, in_doubt: Written
) -> None:
    def ids(*words: str) -> set[str]:
        return {line["id"] for line in json.loads(ekpay("payments", "list", *words, "--json").out)}

    done, doubtful = str(completed.payment_id), str(in_doubt.payment_id)
    assert {done, doubtful} <= ids()
    assert ids("--partner", completed.partner_id) == {done}
    assert doubtful in ids("--open")
    assert done not in ids("--open")
    assert done in ids("--state", "completed")
    assert len(ids("--limit", "1")) == 1
    (line,) = json.loads(ekpay("payments", "list", "--partner", completed.partner_id, "--json").out)
    assert (line["amount"], line["fee"], line["vat"], line["public_state"]) == (105_000, 1_000, 150, "paid")
    assert str(completed.payment_id) in ekpay("payments", "list", "--partner", completed.partner_id).out


def test_the_list_is_searched_by_reference_date_biller_and_amount(ekpay: Ekpay, completed: Written) -> None:
    done = str(completed.payment_id)
    shown = ekpay("payments", "list", "--reference", completed.reference)
    assert done in shown.out
    assert "the caller's reference" in shown.out
    (line,) = json.loads(ekpay("payments", "list", "--reference", done, "--json").out)
    assert (line["id"], line["found_as"]) == (done, "the payment's id")
    day = line["business_date"]
    found = ekpay("payments", "list", "--biller", "desco_postpaid", "--amount", "1061.50", "--csv")
    assert done in {row["id"] for row in csv.DictReader(found.out.splitlines())}
    assert "looking through 31 days" in found.err
    assert done in ekpay("payments", "list", "--since", day, "--until", day).out
    assert done not in ekpay("payments", "list", "--until", "2026-01-01").out
    assert done not in ekpay("payments", "list", "--connector", "bkash", "--csv").out
    for option, word in (("--amount", "1.234"), ("--since", "yesterday"), ("--until", "1.1.2026")):
        refused = ekpay("payments", "list", option, word)
        assert refused.code == 2
        assert option in refused.err
    assert (
        "before the first" in ekpay("payments", "list", "--since", "2026-01-02", "--until", "2026-01-01").err
    )


def test_the_audit_is_clean_and_names_the_row_that_a_superuser_has_changed(
    ekpay: Ekpay, home: Path, completed: Written
) -> None:
    assert ekpay("audit").out == "clean\n"
    _as_superuser(home, "+ 1", completed)
    done = ekpay("audit")
    _as_superuser(home, "- 1", completed)
    assert done.code == 1
    assert re.search(r"journal_entries [0-9a-f-]{36} .*\n$", done.out)
    assert ekpay("audit").code == 0


def _as_superuser(home: Path, change: str, payment: Written) -> None:
    statement = (
        f"UPDATE postings SET amount = amount {change} WHERE account = 'in_flight' AND entry_id IN "  # noqa: S608
        f"(SELECT id FROM journal_entries WHERE payment_id = '{payment.payment_id}')"
    )
    command, environment = EmbeddedPostgres(home).psql_command()
    subprocess.run([*command, "-q", "-c", statement], env=environment, check=True)  # noqa: S603 - our own psql
