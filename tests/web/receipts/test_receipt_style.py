"""The style of receipts: every class that their templates use has a rule somewhere."""

import re

from ekpay_switch.flows.receipts.receipt import ReceiptStatus
from ekpay_switch.web.pages import TEMPLATES
from ekpay_switch.web.static_files import FOLDER

STYLES = "".join((FOLDER / name).read_text(encoding="utf-8") for name in ("checkout.css", "receipt.css"))
# A hook of the component that needs no rule on a screen.
PLAIN = {"govuk-summary-list__row"}


def test_every_class_of_a_template_has_a_rule() -> None:
    used: set[str] = set()
    for path in (TEMPLATES / "receipts").glob("*.html"):
        source = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", path.read_text(encoding="utf-8"))
        used |= {name for names in re.findall(r'class="([^"]*)"', source) for name in names.split()}
    used -= {"receipt-verdict--"}
    assert [name for name in sorted(used - PLAIN) if f".{name}" not in STYLES.replace("\\", "")] == []


def test_every_status_but_the_plain_one_has_a_colour() -> None:
    coloured = {one for one in ReceiptStatus if f".receipt-verdict--{one}" in STYLES}
    assert coloured == set(ReceiptStatus) - {ReceiptStatus.VALID}


def test_paper_gets_no_header_no_footer_and_no_button() -> None:
    printed = STYLES[STYLES.index("@page") :]
    for name in (".ekpay-header", ".ekpay-footer", ".receipt-screen"):
        assert re.search(rf"{re.escape(name)}\b[^{{}}]*\{{display:none\}}", printed), name
