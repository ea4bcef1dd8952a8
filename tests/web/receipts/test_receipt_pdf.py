"""The receipt as PDF: set in a process of its own, the same bytes each time, and never in the way."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekpay_switch.domain.money import Money
from ekpay_switch.edge_kit.bilingual_text import Text
from ekpay_switch.flows.receipts.receipt import receipt_of
from ekpay_switch.ports.receipts import PaidPayment
from ekpay_switch.web.receipts import typeset as child
from ekpay_switch.web.receipts.issuer import Issuer
from ekpay_switch.web.receipts.lines import signed_facts
from ekpay_switch.web.receipts.pages import SignedReceipt, pdf_content
from ekpay_switch.web.receipts.typesetter import PROGRAM, TypesetLimits
from tests.fakes.receipts import a_merchants_payment, a_paid_bill, a_paid_order
from tests.web.receipts.receipt_setup import KEYS, Stage, python

# Conjuncts that fall apart where Bangla is not shaped, and every letter that others may put on a receipt.
HARD = "ক্ষ জ্ঞ ন্ত্র র‍্য স্কুল কর্তৃপক্ষ ৳ ১,২৩,৪৫৬.৭৮ Ünïcödé Ωμέγα Привет 中文 \u202e <b> #let $x$ @y \\ \u25cc"


def inflated(pdf: bytes) -> bytes:
    """Every stream of the file, unpacked."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    parts = []
    for stream in found:
        try:
            parts.append(zlib.decompress(stream))
        except zlib.error:
            parts.append(stream)
    return b"\n".join(parts)


async def a_pdf(paid: PaidPayment | None = None, issuer: Issuer | None = None) -> bytes:
    stage = Stage(paid, issuer=issuer)
    reply = await stage.get(f"{stage.path}.pdf")
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "application/pdf"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-disposition"].startswith('inline; filename="pay_')
    return reply.body


async def test_the_pdf_is_the_same_bytes_every_time_and_dated_by_its_payment() -> None:
    pdf = await a_pdf()
    assert pdf == await a_pdf()
    assert b"D:20260301183000" in pdf
    assert datetime.now(UTC).strftime("%Y%m%d").encode() not in pdf
    later = await a_pdf(a_merchants_payment(collected_at=datetime(2026, 3, 1, 18, 30, 1, tzinfo=UTC)))
    assert later != pdf


async def test_it_is_a_tagged_archive_file_with_a_title_and_a_language() -> None:
    pdf = await a_pdf()
    whole = pdf + inflated(pdf)
    for mark in (
        b"<pdfaid:part>2",
        b"<pdfaid:conformance>A",
        b"<pdfuaid:part>1",
        b"/Lang(bn)",
        b"/StructTreeRoot",
    ):
        assert mark in whole, mark
    assert "রসিদ · Receipt pay_".encode("utf-16-be") in whole or "রসিদ · Receipt pay_".encode() in whole


async def test_its_text_can_be_read_out_of_it() -> None:
    """Bangla clusters are named by /ActualText; what glyphs of a font stand for, by /ToUnicode."""
    whole = inflated(await a_pdf())
    assert whole.count(b"/ActualText") > 100
    assert b"beginbfchar" in whole or b"beginbfrange" in whole


async def test_it_is_one_page() -> None:
    long = a_paid_order(details="যন্ত্রপাতি " * 40, order_id="O" * 300, merchant_en="M" * 300)
    paid = a_merchants_payment(order=long, refunded=Money(1), on_its_way=Money(1))
    issuer = Issuer(Text("ক" * 60, "Issuer " * 9), Text("খ" * 60, "Road " * 12), "0" * 14, "16000", "a@b")
    for one, issued_by in ((paid, None), (a_merchants_payment(), issuer), (a_paid_bill(), issuer)):
        pdf = await a_pdf(one, issued_by)
        assert len(re.findall(rb"/Type ?/Page\b", pdf + inflated(pdf))) == 1


async def test_whatever_others_wrote_is_set_and_never_obeyed() -> None:
    order = a_paid_order(
        details=HARD, merchant_en=HARD, merchant_bn=HARD, order_id='"]#panic("x")', trnx_id="*_`="
    )
    pdf = await a_pdf(a_merchants_payment(order=order))
    assert pdf.startswith(b"%PDF-")


async def test_whoever_holds_nothing_gets_no_pdf() -> None:
    stage = Stage()
    for token in ("x", KEYS.name(stage.paid.payment_id)[:-1], "EKP1.a.b"):
        assert (await stage.get(f"/receipt/{token}.pdf")).status == 404


async def test_the_signed_text_has_a_pdf_too() -> None:
    stage = Stage()
    (signed,) = set(re.findall(r"EKP1\.[\w-]+\.[\w-]+", (await stage.page()).text))
    assert (await stage.get(f"/receipt/{signed}.pdf")).status == 200


# ---- the child and what becomes of it


def test_the_web_process_has_not_loaded_typst() -> None:
    program = (
        "import sys; import ekpay_switch.composition.switch; import ekpay_switch.web.receipts.routes; "
        "print([one for one in sys.modules if one.startswith('typst')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


BROKEN = {
    "it fails": python("raise SystemExit(1)"),
    "it raises": python("raise ValueError('Rahela Khatun')"),
    "it answers rubbish": python("print('hello')"),
    "it answers nothing": python("pass"),
    "it is killed": python("import os; os.kill(os.getpid(), 9)"),
    "it reads nothing": python("import os; os.close(0); raise SystemExit(3)"),
    "it is not there": ("/nonexistent/python",),
}


@pytest.mark.parametrize("command", BROKEN.values(), ids=BROKEN)
async def test_a_pdf_that_cannot_be_had_leads_back_to_the_receipt(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(command=command)
    page = await stage.page(f"{stage.path}.pdf", status=503)
    assert "The PDF is not available now" in page.words
    assert stage.path in [one["href"] for one in page.all("a")]
    told = capsys.readouterr().err
    assert "receipt_pdf_" in told
    assert "Rahela" not in told


async def test_a_child_that_takes_too_long_is_ended() -> None:
    limits = TypesetLimits(seconds=0.5)
    stage = Stage(command=python("import time; time.sleep(600)"), limits=limits)
    before = asyncio.get_running_loop().time()
    await stage.page(f"{stage.path}.pdf", status=503)
    assert asyncio.get_running_loop().time() - before < 60


async def test_a_browser_that_goes_away_leaves_no_child_behind() -> None:
    stage = Stage(command=python("import time; time.sleep(600)"))
    asked = asyncio.create_task(stage.get(f"{stage.path}.pdf"))
    async with asyncio.timeout(20):
        while not _children():  # noqa: ASYNC110 - nobody tells when a process has started
            await asyncio.sleep(0.01)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not _children()


async def test_only_two_are_set_at_once_and_only_so_many_wait() -> None:
    limits = TypesetLimits(at_once=2, waiting=1, seconds=30)
    stage = Stage(command=python("import time; time.sleep(600)"), limits=limits)
    asked = [asyncio.create_task(stage.get(f"{stage.path}.pdf")) for _ in range(4)]
    done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    assert [one.result().status for one in done] == [503]
    async with asyncio.timeout(20):
        while len(_children()) < 2:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert len(_children()) == 2
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def _children() -> list[Path]:
    """The processes that sleep on behalf of this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and "time.sleep(600)" in (process / "cmdline").read_text():
                found.append(process)
    return found


def test_the_child_bounds_itself_before_it_reads() -> None:
    program = """
import resource, sys
from ekpay_switch.web.receipts import typeset

def told(_):
    limits = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
    sys.exit(str([resource.getrlimit(one) for one in limits]))

typeset.json.loads = told
typeset.main()
"""
    done = subprocess.run([sys.executable, "-c", program], input=b"{}", capture_output=True, check=False)  # noqa: S603
    bound, seconds = child.MEMORY_BYTES_MAX, child.CPU_SECONDS_MAX
    assert done.stderr.decode().strip() == str([(bound, bound), (seconds, seconds), (0, 0)])


def test_the_child_refuses_what_is_too_long() -> None:
    told = json.dumps({"paid_at": 0, "title": "x" * child.INPUT_BYTES_MAX}).encode()
    done = subprocess.run([sys.executable, "-m", PROGRAM], input=told, capture_output=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (1, b"")


async def test_a_receipt_can_be_looked_at_as_a_picture() -> None:
    assert child.typeset(await told_of(Stage()), "png").startswith(b"\x89PNG")


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_text_of_others_can_be_set(data: st.DataObject) -> None:
    """One letter that no font draws, or a sign without its letter, would cost the payer the PDF."""
    bangla = st.characters(min_codepoint=0x0980, max_codepoint=0x09FF)
    letters = bangla | st.sampled_from("a1 -\u200c\u200d\u25cc\u0301") | st.characters(codec="utf-8")
    texts = data.draw(st.lists(st.text(letters, max_size=40), min_size=4, max_size=4))
    told = asyncio.run(told_of(Stage()))
    lines = [
        {"label": _both(one), "value": _both(one), "is_code": False, "is_total": False, "is_named": False}
        for one in texts
    ]
    groups = [{"heading": _both(one), "lines": lines} for one in texts]
    assert child.typeset({**told, "groups": groups}).startswith(b"%PDF-")


def _both(text: str) -> dict[str, str]:
    return {"bangla": text, "english": text}


async def told_of(stage: Stage) -> dict[str, object]:
    """What the child is told of the stage's receipt."""
    desk = stage.desk
    receipt = await receipt_of(stage.paid.payment_id, desk.receipts, desk.billers, desk.connectors)
    assert receipt is not None
    return dict(
        pdf_content(SignedReceipt(receipt, KEYS.sign(signed_facts(receipt)), stage.path, desk.public_url))
    )
