"""What the history of a year says on paper, in the language of its page (ADR 0137)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import total
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.web.display_text import displayable_text
from ekpay_switch.web.portal.history.paid_bills import BillSum, PaidBill, by_biller, by_month
from ekpay_switch.web.site import Site
from ekpay_switch.web.wording import Wording

BILLS_MAX = 2_000
"""More bills than this do not come on paper: setting them takes longer than a citizen waits."""


@dataclass(frozen=True, slots=True)
class HistoryPaper:
    """The bills of a year, of the biller `biller_id` or of all where it is empty, the newest first.

    `profiles` are their billers, `number` is the account's mobile number, and `is_cut` says that the year has
    more payments.
    """

    year: int
    bills: Sequence[PaidBill]
    biller_id: str
    profiles: Mapping[str, BillerProfile | None]
    number: str
    made_at: datetime
    is_cut: bool
    site: Site


def history_content(paper: HistoryPaper, t: Wording) -> Mapping[str, object]:
    """Everything that the template sets; it is dated by `dated`, in seconds of Unix time."""
    shown = paper.bills[:BILLS_MAX]
    heading = _text(t, "history.title", year=t.number(str(paper.year)))
    spent = total(bill.amount_paid for bill in shown)
    counted = len(shown)
    return {
        "language": t.language.value,
        "title": f"{heading}, {paper.number}",
        "heading": heading,
        "about": _about(paper, t, counted),
        "spent": _text(t, "history.spent", amount=t.amount(spent)),
        "spent_what": _text(t, "history.spent_what"),
        "sums": _sums(paper, t, shown),
        "bills": _text(t, "history.bills"),
        "columns": [
            _text(t, f"history.paper.{name}") for name in ("day", "biller", "number", "end", "amount")
        ],
        "rows": [_row(bill, paper, t) for bill in shown],
        "page": _text(t, "history.paper.page"),
        "digits": t.number("0123456789"),
        "foot": _foot(paper.site, t),
        "dated": int(paper.made_at.timestamp()),
    }


def _about(paper: HistoryPaper, t: Wording, counted: int) -> list[str]:
    """Whose it is, when it was made, and what of the year is not on it."""
    lines = [
        _text(t, "history.paper.account", number=t.number(paper.number)),
        _text(t, "history.paper.made", when=t.full_moment(paper.made_at)),
    ]
    if paper.biller_id:
        lines.append(_text(t, "history.paper.of_one", biller=_biller_name(paper, paper.biller_id, t)))
    if paper.is_cut or counted < len(paper.bills):
        lines.append(_text(t, "history.paper.cut", count=t.number(counted)))
    return lines


def _sums(paper: HistoryPaper, t: Wording, bills: Sequence[PaidBill]) -> list[Mapping[str, object]]:
    billers = [(_biller_name(paper, name, t), spent) for name, spent in by_biller(bills).items()]
    months = [(_text(t, f"history.month.{month}"), spent) for month, spent in by_month(bills).items()]
    tables = [("by_biller", billers), ("by_month", months)]
    return [
        {"heading": _text(t, f"history.{name}"), "lines": list(_sum_lines(sums, t))}
        for name, sums in tables
        if sums
    ]


def _sum_lines(sums: Iterable[tuple[str, BillSum]], t: Wording) -> Iterable[Sequence[str]]:
    for name, spent in sums:
        yield _text(t, "history.kind", name=name, count=t.number(spent.count)), t.amount(spent.amount)


def _row(bill: PaidBill, paper: HistoryPaper, t: Wording) -> Sequence[str]:
    """One bill: its day, biller, number, end and amount."""
    stored = bill.stored.bill
    return (
        t.day(in_dhaka(bill.at).date()),
        _biller_name(paper, stored.biller_id, t),
        displayable_text(bill.number),
        _text(t, f"result.bill.{bill.outcome.value}.title"),
        t.amount(stored.amount),
    )


def _biller_name(paper: HistoryPaper, biller_id: str, t: Wording) -> str:
    profile = paper.profiles.get(biller_id)
    return _text(t, "cart.a_bill") if profile is None else t.bare_name(profile.name_bn, profile.name_en)


def _foot(site: Site, t: Wording) -> list[str]:
    """Who runs the portal and whom one may ask."""
    lines = [t.bare_name(site.name_bn, site.name_en)] if site.name_en else []
    if site.helpline:
        lines.append(_text(t, "history.paper.helpline", number=t.number(site.helpline)))
    return lines


def _text(t: Wording, key: str, **values: object) -> str:
    """A text as it is read: paper has no markup that it would be escaped for."""
    return t(key, **values).unescape()
