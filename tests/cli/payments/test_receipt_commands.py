"""`ekpay receipts`: what a payment's receipt says, and whether one that somebody holds is ours."""

import asyncio
import json
import re
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.receipt_keys import ReceiptKeys, SignedFacts, key_id
from tests.cli.command_result import Ekpay, Typed
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of
from tests.persistence.collections.collection_setup import SUMS, open_till
from tests.persistence.refunds.refund_setup import open_office

ELSEWHERE = ReceiptKeys(KeyRing(bytes(range(32))))
(PUBLIC,) = ELSEWHERE.public_keys()
FACTS = SignedFacts(UUID(int=7), "EKP260301A1B2C3D4", "ekShop", 102_075, date(2026, 3, 2))
SIGNED = ELSEWHERE.sign(FACTS)
NO_MASTER_KEY = "/nonexistent"


@pytest.fixture
def paid(home: Path) -> UUID:
    """A collected and completed payment in the database of the commands."""

    async def _make() -> UUID:
        endpoint = EmbeddedPostgres(home).start()
        group_commit = group_commit_of(database_of(endpoint))
        await group_commit.start()
        books = Books(endpoint, group_commit)
        try:
            if not await books.count("partners", "id = 'bank1'"):
                await books.partner()
            async with open_till(books) as till, open_office(till) as office:
                till.pages = uuid4().int % 10**9
                return (await office.completed()).payment_id
        finally:
            await group_commit.stop()

    return asyncio.run(_make())


def _signed_on(done: Typed) -> str:
    """The signed text of a shown receipt."""
    assert done.code == 0, done.err
    (signed,) = re.findall(r"^EKP1\.[\w-]+\.[\w-]+$", done.out, re.MULTILINE)
    return str(signed)


def test_a_receipt_is_shown_and_its_text_verifies(ekpay: Ekpay, paid: UUID) -> None:
    done = ekpay("receipts", "show", f"pay_{paid.hex}", COLUMNS="400")
    for words in ("This receipt is valid.", "DESCO", "bKash", "1,071.50 taka", "/receipt/"):
        assert words in done.out, words
    checked = ekpay("receipts", "verify", _signed_on(done), "--json")
    assert checked.code == 0
    told = json.loads(checked.out)
    assert (told["result"], told["payment"], told["amount"]) == (
        "valid",
        f"pay_{paid.hex}",
        SUMS.total.minor,
    )


def test_a_receipt_is_written_as_pdf(ekpay: Ekpay, paid: UUID, tmp_path: Path) -> None:
    file = tmp_path / "receipt.pdf"
    done = ekpay("receipts", "show", str(paid), "--out", str(file))
    assert done.code == 0, done.err
    assert file.read_bytes().startswith(b"%PDF-")
    assert str(file.stat().st_size) in done.out


@pytest.mark.parametrize("payment", [str(UUID(int=1)), "pay_1", "x"])
def test_a_payment_without_a_receipt_is_said_to_have_none(ekpay: Ekpay, payment: str) -> None:
    done = ekpay("receipts", "show", payment)
    assert done.code == 2
    assert payment in done.err


def test_a_receipt_that_nobody_owes_is_not_asked_for(ekpay: Ekpay, paid: UUID) -> None:
    for payment in (f"pay_{paid.hex}", str(UUID(int=1)), "x"):
        done = ekpay("receipts", "ask", payment)
        assert (done.code, payment in done.err) == (2, True)
    assert "waits for no final receipt" in ekpay("receipts", "ask", str(paid)).err.replace("\n", " ")


# ---- checking


@pytest.mark.parametrize(
    "text",
    [
        SIGNED,
        f"https://pay.example/receipt/{SIGNED}",
        f" {SIGNED[:90]}\n{SIGNED[90:]}\n",
    ],
)
def test_a_receipt_is_checked_offline_with_the_public_key(ekpay: Ekpay, text: str) -> None:
    done = ekpay("receipts", "verify", text, "--key", PUBLIC, EKPAY_HOME=NO_MASTER_KEY)
    assert (done.code, done.err) == (0, "")
    for words in ("valid signature", "ekShop", "1020.75 taka", "2026-03-02", "EKP260301A1B2C3D4"):
        assert words in done.out


def test_the_keys_may_come_as_the_file_that_our_address_answers(ekpay: Ekpay, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [{"id": key_id(PUBLIC), "key": PUBLIC}]}), encoding="utf-8")
    done = ekpay("receipts", "verify", SIGNED, "--keys", str(file), EKPAY_HOME=NO_MASTER_KEY)
    assert done.code == 0
    file.write_text("[]", encoding="utf-8")
    assert ekpay("receipts", "verify", SIGNED, "--keys", str(file)).code == 2


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("hello", "not_ours"),
        ("https://pay.example/receipt/aaaa", "not_ours"),
        (SIGNED[:-1], "tampered"),
        (SIGNED.replace(".", "..", 1), "tampered"),
        (SIGNED[:-20] + ("A" if SIGNED[-20] != "A" else "B") + SIGNED[-19:], "tampered"),
    ],
)
def test_what_is_no_receipt_says_why(ekpay: Ekpay, text: str, result: str) -> None:
    done = ekpay("receipts", "verify", text, "--key", PUBLIC, "--json")
    assert (done.code, json.loads(done.out)) == (1, {"result": result})
    spoken = ekpay("receipts", "verify", text, "--key", PUBLIC)
    assert (spoken.code, spoken.out) == (1, "")
    assert spoken.err.startswith(f"ekpay: {result.replace('_', ' ')}: ")


def test_another_installations_receipt_is_not_ours(ekpay: Ekpay) -> None:
    done = ekpay("receipts", "verify", SIGNED)
    assert done.code == 1
    assert "not ours" in done.err


def test_no_master_key_is_made_only_to_say_that_it_does_not_fit(ekpay: Ekpay, tmp_path: Path) -> None:
    home = tmp_path / "nobody"
    done = ekpay("receipts", "verify", SIGNED, EKPAY_HOME=str(home))
    assert done.code == 2
    assert "give the public key" in done.err
    assert not home.exists()


@pytest.mark.parametrize("key", ["rcpk_", "AAAA", PUBLIC[:-1]])
def test_what_is_no_key_is_refused(ekpay: Ekpay, key: str) -> None:
    done = ekpay("receipts", "verify", SIGNED, "--key", key)
    assert done.code == 2
    assert "rcpk_" in done.err


def test_the_keys_are_listed_with_their_ids(ekpay: Ekpay) -> None:
    done = ekpay("receipts", "keys", COLUMNS="200")
    (key,) = re.findall(r"rcpk_[\w+/=]+", done.out)
    assert key_id(key) in done.out
