"""What the notice of a bill says, line by line, in both languages (docs/adr/0131)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.scrolls.bill_files import FiledBill
from ekpay_switch.domain.scrolls.bill_notices import NOTICE_PATH, grouped_code
from ekpay_switch.edge_kit.bilingual_text import Text, day_text, in_bangla, taka_text
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.web.qr_codes import qr_svg
from ekpay_switch.web.site import Site

_TITLE = Text("বিলের নোটিশ", "Bill notice")
_QR_SAYS = Text("এই বিলের কিউআর কোড", "QR code of this bill")
_WAYS = (
    Text(
        "ফোনের ক্যামেরায় কিউআর কোডটি স্ক্যান করুন, অথবা এই ঠিকানায় গিয়ে নোটিশ কোডটি লিখুন: {site}",
        "Scan the QR code with the camera of a phone, or type the notice code at this address: {site}",
    ),
    Text(
        "আপনার ব্যাংক বা ওয়ালেটের অ্যাপে এই প্রতিষ্ঠান বেছে নিয়ে উপরের নম্বরগুলো লিখুন।",
        "Or choose this office in the app of your bank or wallet, and type the numbers above.",
    ),
    Text(
        "ব্যাংক বা ওয়ালেটের চার্জ থাকলে তা পরিশোধের আগে দেখানো হয়।",
        "A charge of the bank or wallet, where there is one, is shown before you pay.",
    ),
    Text(
        "একই নম্বরে আগের কোনো বিল বাকি থাকলে আগে সেটি পরিশোধ হয়।",
        "Where an earlier bill with the same numbers is unpaid, that one is paid first.",
    ),
    Text(
        "পরিশোধের পর রসিদ নিন। পিন বা ওটিপি কাউকে দেবেন না।",
        "Take the receipt after you have paid. Give your PIN or a one-time code to nobody.",
    ),
)


@dataclass(frozen=True, slots=True)
class NoticePaper:
    """What a notice is made of; `public_url` is where the portal is, without a slash at its end."""

    profile: BillerProfile
    bill: FiledBill
    code: str
    public_url: str
    site: Site

    @property
    def link(self) -> str:
        """What the QR code holds."""
        return f"{self.public_url}{NOTICE_PATH}/{self.code}"


def notice_content(paper: NoticePaper) -> Mapping[str, object]:
    """Everything that the template sets."""
    bill, profile = paper.bill, paper.profile
    days = datetime.combine(bill.issued_on or bill.due_on, datetime.min.time(), UTC)
    address = paper.public_url.partition("://")[2]
    ways = [Text(way.bangla.format(site=address), way.english.format(site=address)) for way in _WAYS]
    return {
        "title": f"{_TITLE.bangla} · {_TITLE.english} {bill.bill_key}",
        "heading": asdict(_TITLE),
        "office": asdict(Text(profile.name_bn, profile.name_en)),
        "total": asdict(taka_text(bill.total_on(bill.due_on).minor)),
        "due": asdict(_by(bill)),
        "code": {"bangla": in_bangla(grouped_code(paper.code)), "english": grouped_code(paper.code)},
        "groups": [_group(*group) for group in _groups(paper)],
        "ways": [asdict(way) for way in ways],
        "link": paper.link,
        "qr": qr_svg(paper.link),
        "qr_says": f"{_QR_SAYS.bangla} · {_QR_SAYS.english}",
        "foot": [asdict(line) for line in _foot(paper.site)],
        "dated": int(days.timestamp()),
    }


def _by(bill: FiledBill) -> Text:
    day = day_text(bill.due_on)
    return Text(f"পরিশোধের শেষ তারিখ {day.bangla}", f"Pay by {day.english}")


def _groups(paper: NoticePaper) -> Sequence[tuple[Text, Sequence[tuple[Text, Text]]]]:
    return (
        (Text("কার বিল", "Whose bill"), _payer_lines(paper)),
        (Text("কত টাকা", "How much"), _amount_lines(paper.bill)),
    )


def _group(heading: Text, lines: Sequence[tuple[Text, Text]]) -> Mapping[str, object]:
    shown = [{"label": asdict(label), "value": asdict(value)} for label, value in lines]
    return {"heading": asdict(heading), "lines": shown}


def _payer_lines(paper: NoticePaper) -> list[tuple[Text, Text]]:
    bill = paper.bill
    labels = {one.name: Text(one.label_bn, one.label_en) for one in paper.profile.parameters}
    named = [(labels[name], _plain(text)) for name, text in bill.parameters.items() if name in labels]
    stated = (
        (Text("নাম", "Name"), _plain(bill.customer_name)),
        (Text("বিল নম্বর", "Bill number"), _plain(bill.bill_key)),
        *named,
        (Text("সময়কাল", "Period"), _plain(bill.period)),
    )
    return [(label, value) for label, value in stated if value.english]


def _amount_lines(bill: FiledBill) -> list[tuple[Text, Text]]:
    lines = [
        (_plain(charge.label.replace("_", " ")), taka_text(charge.amount.minor)) for charge in bill.lines
    ]
    if not lines and bill.vat != ZERO:
        lines = [(Text("বিল", "Bill"), taka_text(bill.amount.minor))]
    if bill.vat != ZERO:
        lines.append((Text("ভ্যাট", "VAT"), taka_text(bill.vat.minor)))
    lines.append((Text("মোট", "Total"), taka_text((bill.amount + bill.vat).minor)))
    if bill.late_fee != ZERO:
        lines += _late_lines(bill, bill.amount + bill.vat + bill.late_fee)
    return lines


def _late_lines(bill: FiledBill, late_total: Money) -> list[tuple[Text, Text]]:
    return [
        (Text("শেষ তারিখের পর জরিমানা", "Late fee after that day"), taka_text(bill.late_fee.minor)),
        (Text("শেষ তারিখের পর মোট", "Total after that day"), taka_text(late_total.minor)),
    ]


def _foot(site: Site) -> list[Text]:
    """Who runs the portal and whom one may ask; an office answers for its own bill."""
    lines = (
        [Text(f"পরিশোধের সেবা: {site.name_bn}", f"Payment service: {site.name_en}")] if site.name_en else []
    )
    if site.helpline:
        lines.append(Text(f"হেল্পলাইন: {in_bangla(site.helpline)}", f"Helpline: {site.helpline}"))
    return lines


def _plain(text: str) -> Text:
    """A number or a name, which is the same in both languages."""
    return Text(text, text)
