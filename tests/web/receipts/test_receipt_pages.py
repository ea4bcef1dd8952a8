"""`/receipt/<token>`: for whoever holds a receipt, and nothing for whoever does not."""

import json
import re
from dataclasses import replace
from datetime import date
from typing import Any, cast
from uuid import UUID

import pytest
from fastapi import FastAPI

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.edge_kit.bilingual_text import in_bangla
from ekpay_switch.ports.receipts import PaidPayment
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.receipt_keys import ReceiptKeys, SignedFacts, key_id, verify_signed_text
from ekpay_switch.web.receipts.routes import mount
from tests.fakes.receipts import PAYMENT_ID, SUMS, a_paid_bill, a_paid_order
from tests.web.receipts.receipt_setup import KEYS, PUBLIC_URL, Stage

NO_RECEIPT = "There is no receipt at this address"
FACTS = SignedFacts(PAYMENT_ID, "EKP260301A1B2C3D4", "ekShop", SUMS.total.minor, date(2026, 3, 2))
SIGNED_PATH = f"/receipt/{KEYS.sign(FACTS)}"


async def test_the_page_says_in_both_languages_who_was_paid_for_what_and_how_much() -> None:
    page = await Stage().page()
    for words in (
        "রসিদ · Receipt",
        "পরিশোধিত: ১,০২০.৭৫ টাকা। এই রসিদ বৈধ। Paid: 1,020.75 taka. This receipt is valid.",
        "প্রাপক Paid to ইকশপ ekShop",
        "অর্ডার নম্বর Order ORD-42",
        "বিবরণ Details ২টি নকশিকাঁথা",
        "ক্রেতা Customer R*** K***",
        f"দাম Price {in_bangla('1,000.00')} টাকা 1,000.00 taka",
        f"ব্যাংক বা ওয়ালেটের চার্জ Charge of the bank or wallet {in_bangla('15.00')} টাকা 15.00 taka",
        "মোট Total paid ১,০২০.৭৫ টাকা 1,020.75 taka",
        (
            "পরিশোধের সময় (বাংলাদেশ সময়) Paid on (Bangladesh time) "
            f"২ মার্চ ২০২৬, রাত {in_bangla('12:30')} 2 March 2026, 00:30"
        ),
        "পরিশোধের মাধ্যম Paid with বিকাশ bKash",
        "ekPay transaction number EKP260301A1B2C3D4",
        "Transaction number (TrxID) AK7XQ2LM9P",
        f"pay_{PAYMENT_ID.hex}",
        (
            f"যে সময়ের তথ্য: ১ মার্চ ২০২৬, দুপুর {in_bangla('12:00')}, বাংলাদেশ সময় "
            "As of 1 March 2026, 12:00, Bangladesh time"
        ),
    ):
        assert words in page.words, words
    assert "Refund" not in page.words


async def test_the_page_is_the_same_under_the_name_and_under_the_signed_text() -> None:
    stage = Stage()
    by_name, by_text = await stage.page(), await stage.page(SIGNED_PATH)
    assert by_name.words == by_text.words


async def test_the_chosen_language_comes_first() -> None:
    page = await Stage().page(query="lang=en")
    assert "Receipt · রসিদ" in page.words
    assert "Total paid মোট 1,020.75 taka ১,০২০.৭৫ টাকা" in page.words
    assert [one["lang"] for one in page.all("html")] == ["en"]


async def test_every_word_is_marked_with_its_language() -> None:
    page = await Stage().page()
    spoken = {attributes["lang"] for tag, attributes in page.seen if tag == "span" and "lang" in attributes}
    assert spoken == {"bn", "en"}


async def test_a_bills_page_names_the_biller_and_no_order() -> None:
    page = await Stage(a_paid_bill()).page()
    for words in ("Bill number ********5678", "Biller's receipt or challan DESCO-7781"):
        assert words in page.words
    assert "Customer" not in page.words
    assert "Merchant's transaction" not in page.words
    assert "092512345678" not in page.words


async def test_the_signed_text_on_the_page_verifies_offline() -> None:
    page = await Stage().page()
    (signed,) = set(re.findall(r"EKP1\.[\w-]+\.[\w-]+", page.text))
    assert verify_signed_text(signed, KEYS.public_keys()) == FACTS


async def test_the_page_leads_to_its_pdf_and_to_no_other_site() -> None:
    stage = Stage()
    page = await stage.page()
    links = [str(one["href"]) for one in page.all("a")]
    assert f"{stage.path}.pdf" in links
    assert all(link.startswith(("/", "#", "?")) for link in links)


# ---- whether it holds


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"refunded": Money(10_000)}, "Paid: 1,020.75 taka. Part of the price was refunded."),
        ({"refunded": Money(100_000)}, "Refunded. This receipt is no longer valid."),
        ({"state": State.REFUNDED, "refunded": SUMS.total}, "Refunded. This receipt is no longer valid."),
        ({"state": State.IN_REVIEW}, "Paid: 1,020.75 taka. We are looking into how it stands now."),
    ],
)
async def test_a_receipt_that_changed_says_so_under_its_old_text(
    changes: dict[str, object], words: str
) -> None:
    stage = Stage()
    stage.change(**changes)
    page = await stage.page(SIGNED_PATH)
    assert words in page.words
    assert "This receipt is valid" not in page.words


async def test_it_says_what_went_back_and_what_is_on_its_way() -> None:
    stage = Stage()
    stage.change(refunded=Money(10_000), on_its_way=Money(2_500))
    page = await stage.page()
    assert f"ফেরত দেওয়া হয়েছে Refunded {in_bangla('100.00')} টাকা 100.00 taka" in page.words
    assert f"ফেরতের পথে Refund on its way {in_bangla('25.00')} টাকা 25.00 taka" in page.words


@pytest.mark.parametrize("state", [State.CREATED, State.COLLECTING, State.EXPIRED, State.REFUNDING])
async def test_a_payment_without_a_receipt_is_not_there(state: State) -> None:
    stage = Stage()
    stage.change(state=state, was_completed=False)
    assert NO_RECEIPT in (await stage.page(status=404)).words


# ---- who is shown nothing


def forged() -> list[str]:
    name = KEYS.name(PAYMENT_ID)
    others = ReceiptKeys(KeyRing(bytes(32)))
    return [
        "x",
        str(PAYMENT_ID),
        f"pay_{PAYMENT_ID.hex}",
        name[:-1],
        name.upper(),
        others.name(PAYMENT_ID),
        KEYS.name(UUID(int=5)),
        KEYS.sign(FACTS)[:-1],
        others.sign(FACTS),
        KEYS.sign(replace(FACTS, payment_id=UUID(int=5))),
        "EKP1..",
        "EKP1.<script>.x",
        "২" * 42,
        "keys.pdf",
    ]


@pytest.mark.parametrize("token", forged())
async def test_whatever_else_stands_there_gets_one_and_the_same_page(token: str) -> None:
    stage = Stage()
    reply = await stage.get(f"/receipt/{token}")
    right = await stage.get("/receipt/" + KEYS.name(UUID(int=6)))
    assert (reply.status, right.status) == (404, 404)
    strip = re.compile(rb'href="[^"]*lang=en"')
    assert strip.sub(b"", reply.body) == strip.sub(b"", right.body)
    assert NO_RECEIPT in (await stage.page(f"/receipt/{token}", status=404)).words


@pytest.mark.parametrize(
    "changes", [{"paisa": SUMS.total.minor + 1}, {"transaction": "OTHER"}, {"paid_on": date(2026, 3, 3)}]
)
async def test_a_text_that_contradicts_the_books_is_no_receipt(
    changes: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """Only a key in wrong hands can have signed it, so somebody is told."""
    stolen = KEYS.sign(replace(FACTS, **changes))  # type: ignore[arg-type]
    assert NO_RECEIPT in (await Stage().page(f"/receipt/{stolen}", status=404)).words
    assert "receipt_contradicts_books" in capsys.readouterr().err


async def test_a_payee_that_changed_its_name_keeps_its_receipts() -> None:
    stage = Stage()
    stage.change(order=a_paid_order(merchant_en="ekShop Limited"))
    assert "ekShop Limited" in (await stage.page(SIGNED_PATH)).words


async def test_names_are_text_and_keep_to_their_place() -> None:
    order = a_paid_order(
        merchant_en='<b>Shop</b> & "Sons"',
        merchant_bn="দোকান\u202eনাকোদ",
        details="<script>alert(1)</script>\x1b[2J",
        order_id="{{ 7*7 }}\u2066",
        trnx_id="T'1\r\n2",
    )
    stage = Stage()
    stage.change(order=order)
    reply = await stage.get(stage.path)
    page = await stage.page()
    for words in ('<b>Shop</b> & "Sons"', "<script>alert(1)</script>", "{{ 7*7 }}", "T'1 2", "দোকাননাকোদ"):
        assert words in page.words, words
    html = reply.body.decode()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", html)


async def test_nothing_about_the_payer_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    secret = a_paid_order(customer="Rahela Khatun", mobile="01712345678")
    stage = Stage()
    stage.change(order=secret)
    html = (await stage.get(stage.path)).body.decode() + capsys.readouterr().err
    for told in ("Rahela", "Khatun", "01712345678", "017123"):
        assert told not in html


# ---- limits and failures


async def test_one_address_may_not_look_for_ever() -> None:
    stage = Stage(visits=3)
    for _ in range(3):
        await stage.page()
    page = await stage.page(status=429)
    assert "Try again in a moment" in page.words
    await stage.page(address="198.51.100.8")
    stage.small.clock.pass_by(1)
    await stage.page()


class Untouched:
    """What must not be used."""

    def __getattr__(self, name: str) -> None:
        raise AssertionError(f"{name} was used for a caller over the limit")


async def test_wrong_receipts_cost_nothing_once_their_caller_is_over_the_limit(
    capfd: pytest.CaptureFixture[str],
) -> None:
    stage = Stage(refusals=2)
    guessed, network = "a" * 42, "2001:db8:1:2::"
    for number in range(2):
        await stage.page(f"/receipt/{guessed}", 404, address=f"{network}{number}")
    untouched = cast("Any", Untouched())
    stage_app, stage.app = stage.app, FastAPI()
    mount(stage.app, replace(stage.desk, receipts=untouched, keys=untouched, typesetter=untouched))
    for suffix in ("", ".pdf"):
        reply = await stage.get(f"/receipt/{guessed}{suffix}", address=f"{network}77")
        assert (reply.status, reply.headers["retry-after"]) == (429, "1")
    stage.app = stage_app
    await stage.page(address="198.51.100.8")
    stage.small.clock.pass_by(1)
    await stage.page(address=f"{network}77")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    failed = [line for line in lines if line["event"] == "login_failed"]
    assert [(line["api"], line["reason"]) for line in failed] == [("receipts", "no_receipt")] * 2


async def test_whoever_has_no_address_is_limited_as_one() -> None:
    stage = Stage(visits=1)
    await stage.page(address="")
    await stage.page(address="", status=429)


async def test_books_that_are_away_say_nothing_about_the_receipt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Away:
        async def by_id(self, payment_id: UUID) -> PaidPayment | None:
            raise OSError(str(payment_id))

    stage = Stage()
    object.__setattr__(stage.desk, "receipts", Away())
    page = await stage.page(status=503)
    assert "This says nothing about the receipt." in page.words
    assert "receipt_page_broke_off" in capsys.readouterr().err


async def test_the_keys_are_public() -> None:
    reply = await Stage().get("/receipt/keys")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    (key,) = KEYS.public_keys()
    assert json.loads(reply.body) == {
        "algorithm": "Ed25519",
        "version": "EKP1",
        "keys": [{"id": key_id(key), "key": key}],
    }


async def test_the_qr_code_stands_in_the_page_and_holds_our_own_address() -> None:
    stage = Stage()
    page = await stage.page()
    assert len(page.all("svg")) == sum("aria-hidden" in one for one in page.all("svg")) + 1
    assert [one["aria-label"] for one in page.all("div") if one.get("role") == "img"] == [
        "এই রসিদের কিউআর কোড"
    ]
    assert PUBLIC_URL.startswith("https://")
