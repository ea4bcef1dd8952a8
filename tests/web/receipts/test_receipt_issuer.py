"""A receipt names its issuer from the configuration, on page and PDF alike; nothing is invented."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from ekpay_switch.flows.receipts.receipt import receipt_of
from ekpay_switch.ports.receipts import PaidPayment
from ekpay_switch.web.receipts.issuer import Issuer, read_issuer
from ekpay_switch.web.receipts.lines import signed_facts
from ekpay_switch.web.receipts.pages import SignedReceipt, pdf_content
from tests.fakes.receipts import a_merchants_payment, a_paid_bill
from tests.web.receipts.receipt_setup import KEYS, Stage

CONFIG = Path(__file__).parents[3] / "config"
SHIPPED = (CONFIG / "invoices.toml").read_text(encoding="utf-8")
CONTACT = '\n[contact]\nhelpline = "16000"\nemail = "help@pay.example"\n'


def issuer_of(folder: Path, text: str) -> Issuer | None:
    (folder / "invoices.toml").write_text(text, encoding="utf-8")
    return read_issuer(folder)


def registered(folder: Path, more: str = CONTACT) -> Issuer:
    text = SHIPPED.replace('\nstatus = "placeholder"', '\nstatus = "registered"') + more
    issuer = issuer_of(folder, text)
    assert issuer is not None
    return issuer


def test_what_is_made_up_or_missing_is_not_said(tmp_path: Path) -> None:
    assert read_issuer(tmp_path) is None
    assert read_issuer(CONFIG) is None
    assert issuer_of(tmp_path, SHIPPED + CONTACT) is None


@pytest.mark.parametrize(
    "more",
    ['\n[contact]\nhelpline = "call us"\n', '\n[contact]\nemail = "x"\n', '\n[contact]\nphone = "1"\n'],
)
def test_an_unusable_contact_stops_the_start(tmp_path: Path, more: str) -> None:
    with pytest.raises(ValidationError, match="contact"):
        registered(tmp_path, more)


@pytest.mark.parametrize("paid", [a_merchants_payment(), a_paid_bill()], ids=["order", "bill"])
async def test_page_and_pdf_say_the_same_lines_word_for_word_the_issuer_too(
    tmp_path: Path, paid: PaidPayment
) -> None:
    stage = Stage(paid)
    issuer = registered(tmp_path)
    desk = stage.desk
    receipt = await receipt_of(stage.paid.payment_id, desk.receipts, desk.billers, desk.connectors)
    assert receipt is not None
    signed = SignedReceipt(receipt, KEYS.sign(signed_facts(receipt)), stage.path, desk.public_url)
    without = str(pdf_content(signed))
    content = pdf_content(replace(signed, issuer=issuer))
    stage_page = await Stage(paid, issuer=issuer).page()
    groups = content["groups"]
    assert isinstance(groups, list)
    for group in groups:
        assert f"{group['heading']['bangla']} · {group['heading']['english']}" in stage_page.words
        for line in group["lines"]:
            value = line["value"]["english"] if line["is_code"] else " ".join(line["value"].values())
            assert f"{line['label']['bangla']} {line['label']['english']} {value}" in stage_page.words
    for words in (issuer.name.bangla, issuer.address.english, "000000000-0000", "16000", "help@pay.example"):
        assert words in stage_page.words
        assert words not in without
