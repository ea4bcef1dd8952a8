"""The bills of a cart as their payer sees them: by what they are named, of what they are made, and how old.

Pure. What a biller states is shown as stated and never reckoned again; our fee is what the sum has beyond it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.carts.bill_cart import CartBill
from ekpay_switch.domain.money import Money, total
from ekpay_switch.ports.billers import BillerProfile, Parameter

# A label such as `vat_2` is a biller's name for its programs, and no word for a payer.
_CODE = re.compile(r"[a-z0-9_.:/-]+|[0-9A-Z_.:/-]+")
_AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class BillField:
    """One field that names the bill, with what the payer typed or chose, in both languages."""

    label_en: str
    label_bn: str
    text_en: str
    text_bn: str


@dataclass(frozen=True, slots=True)
class ShownBill:
    """One bill; `parts` are the keys of our words for what it is made of, `lines` those of its biller."""

    fields: Sequence[BillField]
    parts: Sequence[tuple[str, Money]]
    lines: Sequence[tuple[str, Money]]
    amount: Money
    fetched_at: datetime
    due_on: date | None
    is_overdue: bool


def shown_bill(bill: CartBill, profile: BillerProfile | None, now: datetime) -> ShownBill:
    """The bill as it was fetched; without its manifest its fields cannot be named."""
    stated = {name: _money(bill.bill, name) for name in ("amount", "vat", "late_fee", "rounding")}
    fee = bill.amount - total(stated.values())
    parts = [(name, amount) for name, amount in {**stated, "fee": fee}.items() if amount.minor]
    due_on = date.fromisoformat(str(bill.bill["due_on"])) if bill.bill.get("due_on") else None
    return ShownBill(
        fields=_fields(bill.fields, profile),
        parts=parts if len(parts) > 1 else [],
        lines=_lines(bill.bill.get("lines")),
        amount=bill.amount,
        fetched_at=bill.fetched_at,
        due_on=due_on,
        is_overdue=due_on is not None and due_on < business_date(now),
    )


def _money(bill: Mapping[str, object], name: str) -> Money:
    minor = bill.get(name)
    return Money(minor if isinstance(minor, int) else 0)


def _lines(lines: object) -> list[tuple[str, Money]]:
    """The biller's own lines, where all of them are in words."""
    rows = lines if isinstance(lines, Sequence) and not isinstance(lines, str) else ()
    named = [(str(row["label"]), _money(row, _AMOUNT)) for row in rows if isinstance(row, Mapping)]
    return [] if any(_CODE.fullmatch(label) for label, _ in named) else named


def _fields(fields: Mapping[str, str], profile: BillerProfile | None) -> list[BillField]:
    known = {one.name: one for one in profile.parameters} if profile is not None else {}
    return [_field(known[name], text) for name, text in fields.items() if name in known and name != _AMOUNT]


def _field(parameter: Parameter, text: str) -> BillField:
    words = next((one[1:] for one in parameter.choices if one[0] == text), (text, text))
    return BillField(parameter.label_en, parameter.label_bn, words[0], words[1])
