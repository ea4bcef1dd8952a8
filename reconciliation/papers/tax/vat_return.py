"""Output VAT of a month as the monthly return (Mushak 9.1) wants it, as far as our books know it.

Amounts are whole paisa. The lines together are what `charge_income`, `fee_income` and `vat_payable` moved by
in the trial balance of the same snapshot. Note numbers are those of the form as it is used since 2020.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reconciliation.errors import ReportError
from reconciliation.papers.tax.earned_parts import EarnedPart, MonthEarnings, sums_of
from reconciliation.papers.tax.tax_words import percent_text
from reconciliation.papers.vat_paper import line_words
from reconciliation.reports.wording import BilingualText
from reconciliation.results.issued_invoices import DocumentKind

OUTPUT, DECREASING, OUTSIDE = "3", "6", ""
_STANDARD = BilingualText("Standard rated services: our fees", "আদর্শ হারের সেবা: আমাদের ফি")
_OTHER_RATE = BilingualText("Services at another rate: our fees", "অন্য হারের সেবা: আমাদের ফি")
_NO_RATE = BilingualText("Zero rated or exempt: our fees", "শূন্য হার বা অব্যাহতিপ্রাপ্ত: আমাদের ফি")
_UNKNOWN = BilingualText(
    "Our fees at a rate that the fee table does not tell", "আমাদের ফি, যার হার ফি-র তালিকা থেকে জানা যায় না"
)
_CHARGES = BilingualText("Charges, on which our books take no VAT", "চার্জ, যার ওপর আমাদের খাতায় ভ্যাট ধরা হয় না")
_CREDIT_NOTES = BilingualText("Credit notes: fees given back", "ক্রেডিট নোট: ফেরত দেওয়া ফি")
_CHARGES_BACK = BilingualText("Charges given back", "ফেরত দেওয়া চার্জ")


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """One line: the part and note of the form, empty where it has none; what lowers our VAT is below zero."""

    part: str
    note: str
    words: BilingualText
    rate: int | None
    value: int
    vat: int


@dataclass(frozen=True, slots=True)
class VatReturn:
    """The lines of a month, and its earnings, whose VAT report says what was owed before and after.

    Raises:
        ReportError: the lines are not what the accounts moved by.
    """

    earnings: MonthEarnings
    lines: Sequence[ReturnLine]

    def __post_init__(self) -> None:
        report = self.earnings.vat_report
        found = sum(line.value for line in self.lines), sum(line.vat for line in self.lines)
        booked = report.charges + report.fees, report.vat
        if found != booked:
            raise ReportError(f"value and VAT moved by {booked} paisa, the lines by {found}: run ekpay audit")

    @property
    def output_vat(self) -> int:
        """The VAT of all lines of output tax: note 9 of the form."""
        return sum(line.vat for line in self.lines if line.part == OUTPUT)

    @property
    def output_value(self) -> int:
        """The value of all lines of output tax."""
        return sum(line.value for line in self.lines if line.part == OUTPUT)


UNKNOWN_TO_US: Final = (
    BilingualText(
        "Purchases and input tax (part 4, notes 10 to 23): our books have no purchases.",
        "ক্রয় ও উপকরণ কর (চতুর্থ অংশ, নোট ১০ থেকে ২৩): আমাদের খাতায় কোনো ক্রয় নেই।",
    ),
    BilingualText(
        "VAT deducted at source (notes 24 and 29): the switch withholds no tax and books none.",
        "উৎসে কর্তিত ভ্যাট (নোট ২৪ ও ২৯): এই ব্যবস্থা কোনো কর কাটে না এবং লেখে না।",
    ),
    BilingualText(
        "Supplementary duty, debit notes, other adjustments, interest, and the balance of the last period.",
        "সম্পূরক শুল্ক, ডেবিট নোট, অন্যান্য সমন্বয়, সুদ এবং আগের মেয়াদের জের।",
    ),
    BilingualText(
        "Treasury challans of VAT that was paid (part 9): our books have the amount alone.",
        "পরিশোধিত ভ্যাটের ট্রেজারি চালান (নবম অংশ): আমাদের খাতায় শুধু টাকার পরিমাণ আছে।",
    ),
    BilingualText(
        "Whether a rate of zero is an export or an exemption (notes 1 to 3); whether charges are taxable.",
        "শূন্য হার রপ্তানি না অব্যাহতি (নোট ১ থেকে ৩), এবং চার্জ করযোগ্য কি না।",
    ),
    BilingualText(
        "Codes of services, and whatever we earned outside of payments.",
        "সেবার কোড, এবং পরিশোধের বাইরে আমাদের যা কিছু আয়।",
    ),
)
"""What the form wants and our books do not have."""


def vat_return_of(earnings: MonthEarnings, standard_rate: int) -> VatReturn:
    """The return of a month; `standard_rate` in hundredths of a per cent.

    Raises:
        ReportError: the lines are not what the accounts moved by.
    """
    invoiced = earnings.of(DocumentKind.INVOICE)
    lines = _output_lines([part for part in invoiced if part.fees or part.vat], standard_rate)
    charges, _, _ = sums_of(invoiced)
    returned = earnings.of(DocumentKind.CREDIT_NOTE)
    charges_back, fees_back, vat_back = sums_of(returned)
    if fees_back or vat_back:
        lines.append(ReturnLine(DECREASING, "31", _CREDIT_NOTES, None, -fees_back, -vat_back))
    lines += [
        ReturnLine(OUTSIDE, "", words, None, value, 0)
        for words, value in ((_CHARGES, charges), (_CHARGES_BACK, -charges_back))
        if value
    ]
    lines += [
        ReturnLine(OUTSIDE, "", line_words(line), None, line.charges + line.fees, line.vat)
        for line in earnings.vat_report.lines
        if line.moment
    ]
    return VatReturn(earnings, lines)


def rate_words(line: ReturnLine) -> str:
    """The rate of a line as `15%`, empty where it has none."""
    return f"{percent_text(line.rate)}%" if line.rate is not None else ""


def _output_lines(parts: Sequence[EarnedPart], standard_rate: int) -> list[ReturnLine]:
    """A line for each rate in the order of the form; the unknown rate last."""
    by_rate: dict[int | None, list[EarnedPart]] = {}
    for part in parts:
        by_rate.setdefault(part.rate, []).append(part)
    lines = []
    for rate, members in by_rate.items():
        _, fees, vat = sums_of(members)
        note, words = _place(rate, standard_rate)
        lines.append(ReturnLine(OUTPUT, note, words, rate, fees, vat))
    return sorted(lines, key=lambda line: (line.note == "", line.note, line.rate or 0))


def _place(rate: int | None, standard_rate: int) -> tuple[str, BilingualText]:
    """The note of the form for a rate; none for a rate that is not known."""
    if rate is None:
        return "", _UNKNOWN
    if rate == standard_rate:
        return "4", _STANDARD
    return ("7", _OTHER_RATE) if rate else ("1-3", _NO_RATE)
