"""A receipt as HTML, and what its PDF is made from; the templates escape whatever comes from outside."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.edge_kit.bilingual_text import Text, dhaka_text
from ekpay_switch.flows.receipts.receipt import Receipt, ReceiptStatus
from ekpay_switch.security.receipt_keys import PAGE
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.qr_codes import qr_svg
from ekpay_switch.web.receipts.issuer import Issuer
from ekpay_switch.web.receipts.lines import TITLE, paid_text, payment_name, receipt_sections, validity_text

PDF_SUFFIX = ".pdf"
_QR_SAYS = Text("এই রসিদের কিউআর কোড", "QR code of this receipt")
_PROOF = Text("যাচাই", "Check it")
_PROOF_HOW = Text("কীভাবে যাচাই করবেন, ও স্বাক্ষর", "How to check it, and the signature")
_PDF_LINK = Text("পিডিএফ হিসেবে রাখুন", "Keep it as PDF")
_NOTES = (
    Text(
        "ফোনের ক্যামেরায় কোডটি স্ক্যান করলে এই রসিদের পাতা খোলে, আর সেখানে এখনকার অবস্থা দেখা যায়।",
        "Scanned with a phone, the code opens this receipt's page, which says how it stands now.",
    ),
    Text(
        "কোডের শেষ অংশে আমাদের ডিজিটাল স্বাক্ষর আছে, তাই ইন্টারনেট ছাড়াও রসিদটি যাচাই করা যায়।",
        "The last part of the code carries our digital signature, so the receipt can be checked offline too.",
    ),
)
_BACK = Text("রসিদে ফিরে যান", "Back to the receipt")


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt with what proves it: its signed text, and where its page is."""

    receipt: Receipt
    signed: str
    path: str
    public_url: str
    issuer: Issuer | None = None

    @property
    def qr_url(self) -> str:
        """What the QR code holds: an address for a camera, whose last part is the signed text."""
        return f"{self.public_url}{PAGE}/{self.signed}"


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A page without a receipt; `way_on` is an address of ours, empty where there is none."""

    status: int
    title: Text
    lines: tuple[Text, ...]
    way_on: str = ""


def receipt_page(
    request: Request, pages: Pages, signed_receipt: SignedReceipt, seen_at: datetime
) -> Response:
    """The receipt as it stands at that moment."""
    moment = dhaka_text(seen_at)
    values = {
        "here": _page_path(request),
        "title": TITLE,
        "payment": payment_name(signed_receipt.receipt),
        "status": signed_receipt.receipt.status.value,
        "verdict": validity_text(signed_receipt.receipt),
        "seen_at": Text(
            f"যে সময়ের তথ্য: {moment.bangla}, বাংলাদেশ সময়", f"As of {moment.english}, Bangladesh time"
        ),
        "groups": receipt_sections(signed_receipt.receipt, signed_receipt.issuer),
        "pdf_path": f"{signed_receipt.path}{PDF_SUFFIX}",
        "pdf_link": _PDF_LINK,
        "proof_heading": _PROOF,
        "proof_how": _PROOF_HOW,
        "qr": Markup(qr_svg(signed_receipt.qr_url)),  # noqa: S704 - drawn by segno from our own text
        "qr_says": pages.wording(request).pick(_QR_SAYS),
        "notes": _NOTES,
        "signed": signed_receipt.signed,
    }
    return pages.render(request, "receipts/receipt.html", values)


def message_page(request: Request, pages: Pages, message: MessagePage) -> Response:
    """The message as a page in the same look."""
    values = {
        "here": _page_path(request),
        "title": message.title,
        "lines": message.lines,
        "way_on": message.way_on,
        "way_on_words": _BACK,
    }
    return pages.render(request, "receipts/message.html", values, message.status)


def pdf_answer(signed_receipt: SignedReceipt, pages: Pages, pdf: bytes) -> Response:
    """The PDF, under a name that says which payment it is of."""
    name_header = {"Content-Disposition": f'inline; filename="{payment_name(signed_receipt.receipt)}.pdf"'}
    return Response(pdf, headers={**pages.headers, **name_header}, media_type="application/pdf")


def pdf_content(signed_receipt: SignedReceipt) -> Mapping[str, object]:
    """What the PDF says. It cannot know what comes after it, so it does not say that it is valid."""
    receipt = signed_receipt.receipt
    says = paid_text(receipt) if receipt.status is ReceiptStatus.VALID else validity_text(receipt)
    return {
        "title": f"{TITLE.bangla} · {TITLE.english} {payment_name(receipt)}",
        "heading": asdict(TITLE),
        "verdict": asdict(says),
        "groups": [asdict(group) for group in receipt_sections(receipt, signed_receipt.issuer)],
        "qr": qr_svg(signed_receipt.qr_url),
        "qr_says": f"{_QR_SAYS.bangla} · {_QR_SAYS.english}",
        "notes": [asdict(note) for note in _NOTES],
        "signed": signed_receipt.signed,
        "paid_at": int(receipt.paid_at.timestamp()),
    }


def _page_path(request: Request) -> str:
    """This page's address, for the switch of the language."""
    return quote(request.url.path)
