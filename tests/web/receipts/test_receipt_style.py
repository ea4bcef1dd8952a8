"""The style of receipts: each status has its colour, and paper gets what belongs on paper."""

import re

from ekpay_switch.flows.receipts.receipt import ReceiptStatus
from ekpay_switch.web.static_files import FOLDER

STYLES = (FOLDER / "checkout.css").read_text(encoding="utf-8")


def test_every_status_but_the_plain_one_has_a_colour() -> None:
    coloured = {one for one in ReceiptStatus if f".receipt-verdict--{one}" in STYLES}
    assert coloured == set(ReceiptStatus) - {ReceiptStatus.VALID}


def test_paper_gets_no_header_no_footer_and_no_button() -> None:
    printed = STYLES[STYLES.index("@page") :]
    for name in (".ekpay-header", ".ekpay-footer", ".receipt-screen"):
        assert re.search(rf"{re.escape(name)}\b[^{{}}]*\{{display:none\}}", printed), name
