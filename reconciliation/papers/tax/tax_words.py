"""What invoices and VAT returns say in both languages."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.money import grouped_taka
from ekpay_switch.edge_kit.bilingual_text import in_bangla
from reconciliation.papers.period import Period
from reconciliation.reports.wording import BilingualText
from reconciliation.results.issued_invoices import DocumentKind

_NAME_MAX = 90
_WHOLE = 100
DOCUMENT_WORDS = {
    DocumentKind.INVOICE: BilingualText("Fee invoice", "ফি ইনভয়েস"),
    DocumentKind.CREDIT_NOTE: BilingualText("Credit note", "ক্রেডিট নোট"),
}
PLACEHOLDER = BilingualText(
    "REHEARSAL: name, address and BIN of the issuer are made up. This is no tax document.",
    "মহড়া: ইস্যুকারীর নাম, ঠিকানা ও বিআইএন কাল্পনিক। এটি কোনো কর দলিল নয়।",
)
REHEARSAL = BilingualText(
    "REHEARSAL: no money of this installation is real. This is no tax document.",
    "মহড়া: এখানকার কোনো টাকা আসল নয়। এটি কোনো কর দলিল নয়।",
)
_ORDERS = BilingualText("Orders at the merchant", "মার্চেন্টের অর্ডার")


def rehearsal_mark(issuer: Mapping[str, Any]) -> BilingualText | None:
    """What a paper says first where its issuer is made up, or its money."""
    if issuer["is_placeholder"]:
        return PLACEHOLDER
    return REHEARSAL if issuer["is_rehearsal"] else None


def words_of(text: BilingualText) -> dict[str, str]:
    """A text as a template takes it."""
    return {"en": text.en, "bn": text.bn}


def page_name(name: str) -> str:
    """A name of others, cut where it would leave the page."""
    return name if len(name) <= _NAME_MAX else f"{name[: _NAME_MAX - 1]}…"


def payee_words(payee: str) -> BilingualText:
    """Whom the payments went to: a biller by its id, or the merchant itself."""
    return _ORDERS if is_merchant(payee) else BilingualText(payee, payee)


def percent_text(rate: int | None) -> str:
    """A rate in hundredths of a per cent as `15` or `7.5`; empty where it is not known."""
    if rate is None:
        return ""
    whole, parts = divmod(rate, _WHOLE)
    return f"{whole}.{parts:02d}".rstrip("0").rstrip(".") if parts else str(whole)


def taka_words(paisa: int) -> BilingualText:
    """An amount in the digits of both languages."""
    text = grouped_taka(paisa)
    return BilingualText(f"{text} taka", f"{in_bangla(text)} টাকা")


def date_words(day: date) -> BilingualText:
    """A date in the digits of both languages."""
    return BilingualText(day.isoformat(), in_bangla(day.isoformat()))


def period_words(period: Period) -> BilingualText:
    """A period in the digits of both languages."""
    text = f"{period.first} \u2013 {period.last}"
    return BilingualText(text, in_bangla(text))
