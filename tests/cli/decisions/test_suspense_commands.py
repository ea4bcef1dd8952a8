"""`ekpay decide suspense` as people type it: what stands there, what was decided, and what remains."""

import asyncio
import json
import re
from uuid import uuid4

import pytest

from ekpay_switch.cli.ledger.finance import OpenedFinance
from ekpay_switch.domain.ledger.settlement_postings import PayoutParts, payout_received_entry
from ekpay_switch.ports.finance import Adjustment
from ekpay_switch.security.identifiers import uuid7
from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import on_the_staff

PROPOSER, APPROVER = "correct horse battery", "another horse battery"
BOTH = {"EKPAY_STAFF_PASSPHRASE": PROPOSER, "EKPAY_APPROVER_PASSPHRASE": APPROVER}


@pytest.fixture
def persons(ekpay: Ekpay) -> tuple[str, str]:
    proposes, approves = f"Nasrin {uuid4().hex[:6]}", f"Jamal {uuid4().hex[:6]}"
    on_the_staff(ekpay, proposes, PROPOSER)
    on_the_staff(ekpay, approves, APPROVER)
    return proposes, approves


def _payout(suspense: int) -> str:
    async def _post() -> str:
        finance = OpenedFinance()
        entry = payout_received_entry("bkash", PayoutParts(suspense, 0, 0, suspense, 0))
        made = Adjustment.of(uuid7(), entry)
        await finance.books.open_accounts([account for account, _ in made.postings])
        connection = await finance.connect()
        try:
            async with connection.transaction():
                await finance.books.post(connection, [made])
        finally:
            await connection.close()
        return str(made.id)

    return asyncio.run(_post())


def _take(ekpay: Ekpay, entry: str, taka: str, by: str) -> Typed:
    words = ("--posting", f"suspense:bkash={taka}", "--posting", f"settlement_bank=-{taka}", "--of", entry)
    texts = ("--reason", "sent back", "--reference", "BANK-1", "--by", by)
    return ekpay("decide", "journal", *words, *texts, **BOTH)


def test_an_item_is_returned_in_parts_and_its_story_is_told(ekpay: Ekpay, persons: tuple[str, str]) -> None:
    (proposes, approves), entry = persons, _payout(12_500)
    listed = ekpay("decide", "suspense")
    assert f"Entry {entry}" in listed.out
    assert "125.00 remain" in listed.out

    rejected = _take(ekpay, entry, "125.00", proposes)
    assert rejected.code == 0, rejected.err
    (decision,) = re.findall(r"decide approve (\S+)", rejected.out)
    reject = ("decide", "reject", decision, "--reason", "not all of it is theirs", "--by", approves)
    assert ekpay(*reject, **BOTH).code == 0

    proposed = _take(ekpay, entry, "100.00", proposes)
    assert "not all of it is theirs" in proposed.out
    (decision,), (code,) = (
        re.findall(pattern, proposed.out) for pattern in (r"decide approve (\S+)", r"(?m)^  code (\S+)$")
    )
    shown = ekpay("decide", "show", decision)
    assert "not all of it is theirs" in shown.out
    assert ekpay("decide", "approve", decision, "--code", code, "--by", approves, **BOTH).code == 0

    told = ekpay("decide", "suspense", entry).out
    assert "25.00 remain" in told
    assert "not all of it is theirs" in told
    assert "BANK-1" in told
    (item,) = [
        view["item"]
        for view in json.loads(ekpay("decide", "suspense", "--json").out)
        if view["item"]["entry_id"] == entry
    ]
    assert (item["posted"], item["remains"]) == (12_500, 2_500)
    refused = _take(ekpay, entry, "25.01", proposes)
    assert refused.code == 1
    assert "2500 paisa remain" in refused.err
    assert ekpay("audit").code == 0
