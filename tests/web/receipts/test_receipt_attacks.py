"""What others wrote, on a receipt: nothing in its PDF acts, and nothing turns or hides (T54, T59)."""

import re

import pytest

from tests.fakes.receipts import a_merchants_payment, a_paid_order
from tests.web.receipts.receipt_setup import Stage
from tests.web.receipts.test_receipt_pdf import a_pdf, inflated

NAMES = ("merchant_en", "merchant_bn", "trnx_id", "order_id", "details", "customer", "mobile")
# Turns, isolates, marks, joiners of nothing, fillers, tags, controls and line separators.
HIDDEN = (
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
    f"\u200b\u2060\ufeff\u00ad{chr(0xE0041)}"
)
CONTROLS = "\x00\x07\x08\x0b\x1b\x7f\x85\u2028\u2029"
ACTS = (
    b"/JavaScript", b"/JS", b"/AA", b"/OpenAction", b"/Launch", b"/URI", b"/GoToR", b"/SubmitForm",
    b"/RichMedia", b"/EmbeddedFile", b"/AcroForm", b"/Annots",
)  # fmt: skip
HOSTILE = (
    "<script>alert(1)</script>",
    ") /OpenAction << /S /JavaScript /JS (app.alert(1)) >> (",
    '#link("javascript:alert(1)")[x] #image("/etc/passwd") #read("/etc/passwd")',
    "https://evil.example/ javascript:alert(1)",
)


def everywhere(text: str) -> Stage:
    """A receipt all of whose texts by others say this."""
    return Stage(
        a_merchants_payment(order=a_paid_order(**dict.fromkeys(NAMES, text)), provider_transaction=text)
    )


def told_by(pdf: bytes) -> str:
    """Every text that the file gives to whoever copies, searches or reads it aloud."""
    whole = inflated(pdf)
    given = re.findall(rb"/ActualText ?<FEFF([0-9A-F]*)>", whole)
    for table in re.findall(rb"beginbf(?:char|range)(.*?)endbf", whole, re.DOTALL):
        given += [line.split(b"<")[-1].split(b">")[0] for line in table.splitlines() if b"<" in line]
    return "\n".join(bytes.fromhex(one.decode()).decode("utf-16-be") for one in given)


async def test_nothing_that_hides_or_turns_is_in_the_text_of_a_pdf() -> None:
    """T59: the PDF says what is seen: no control reaches it, and the Bangla around it does."""
    stage = everywhere(f"{HIDDEN}দোকান{CONTROLS}gnp.exe{HIDDEN}")
    pdf = await a_pdf(stage.paid)
    said = told_by(pdf)
    assert set(said) & set(HIDDEN + CONTROLS) == set()
    assert set("দোকান") <= set(said)
    assert not any(one.encode("utf-16-be").hex().upper().encode() in pdf for one in "\u202e\u2066\u2067")


async def test_nothing_that_hides_or_turns_is_on_the_page() -> None:
    stage = everywhere(f"{HIDDEN}দোকান{CONTROLS}gnp.exe{HIDDEN}")
    html = (await stage.get(stage.path)).body.decode()
    assert set(html) & set(HIDDEN + CONTROLS) == set()
    assert "দোকান" in html
    assert "gnp.exe" in html


async def test_names_that_turn_keep_to_their_place() -> None:
    """A name in a script that runs the other way would take the words behind it along."""
    stage = everywhere("\u05d7\u05e0\u05d5\u05ea 100 taka")
    html = (await stage.get(stage.path)).body.decode()
    loose = re.sub(r"<bdi>.*?</bdi>", "", html, flags=re.DOTALL)
    assert "\u05d7" not in loose


@pytest.mark.parametrize("text", HOSTILE)
async def test_nothing_in_a_pdf_acts(text: str) -> None:
    """T54: no script, no link, no form and no file is in it, whatever the order said."""
    pdf = await a_pdf(everywhere(text).paid)
    whole = pdf + inflated(pdf)
    assert [one for one in ACTS if re.search(re.escape(one) + rb"\b", whole)] == []
    assert b"root:" not in whole
