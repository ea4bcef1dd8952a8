"""What a partner's statement reads of a closed date: every movement of its prefunds once."""

import pytest

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import (
    debited_after_late_success_entry,
    prefund_account,
    returned_at_our_loss_entry,
    returned_to_prefund_entry,
)
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.ledger.windows import SettlementWindows
from ekpay_switch.persistence.parties.partner_statements import read_statements
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import REFUSED, Books

PREFUND = prefund_account("bank1", "postpaid")


@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        ("debited_after_late_success", "payment"),
        ("returned_to_prefund", "refund"),
        ("returned_at_our_loss", "refund"),
    ],
)
async def test_what_two_persons_decide_about_a_payment_is_told_once(
    books: Books, moment: str, kind: str
) -> None:
    await books.partner("bank1", prefund=60_000)
    started = await books.start()
    biller, sums = started.claim.biller_id, started.quote.sums
    entries = {
        "debited_after_late_success": debited_after_late_success_entry(PREFUND, biller, sums),
        "returned_to_prefund": returned_to_prefund_entry(PREFUND, biller, sums.amount),
        "returned_at_our_loss": returned_at_our_loss_entry(PREFUND, sums.amount),
    }
    entry: Entry = entries[moment]
    (change,) = [-posting.amount for posting in entry.postings if posting.account == PREFUND]
    await (
        books.finish(started, REFUSED) if moment == "debited_after_late_success" else books.finish(started)
    )
    await books.submit(PostEntry(uuid7(), 0, entry, started.claim.payment_id))

    day = await books.value("SELECT (now() AT TIME ZONE INTERVAL '+06:00')::date")
    await SettlementWindows(books.database.connect).close(day)
    connection = await books.database.connect()
    try:
        (statement,) = await read_statements(connection, day, "bank1")
    finally:
        await connection.close()
    told = [(line.kind, line.change) for line in statement.lines]
    assert told.count((kind, change)) == 1 + (kind == "payment")
    assert moment not in {line.kind for line in statement.lines}
    bucket = statement.buckets["postpaid"]
    assert bucket.closing - bucket.opening == sum(line.change for line in statement.lines)
