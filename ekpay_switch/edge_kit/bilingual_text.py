"""What people read, in both languages: texts, amounts and times as Bangla and English write them."""

from dataclasses import dataclass
from datetime import datetime

from ekpay_switch.domain.business_day import in_dhaka

_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
_PAISA_PER_TAKA, _LAST_GROUP, _GROUP = 100, 3, 2
_MONTHS = (
    ("জানুয়ারি", "January"), ("ফেব্রুয়ারি", "February"), ("মার্চ", "March"), ("এপ্রিল", "April"),
    ("মে", "May"), ("জুন", "June"), ("জুলাই", "July"), ("আগস্ট", "August"),
    ("সেপ্টেম্বর", "September"), ("অক্টোবর", "October"), ("নভেম্বর", "November"), ("ডিসেম্বর", "December"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """One thing to say, in both languages; the words are ours and hold no markup."""

    bangla: str
    english: str


def in_bangla(number: int | str) -> str:
    """The same digits as Bangla writes them."""
    return str(number).translate(_BANGLA_DIGITS)


def taka_text(minor: int) -> Text:
    """An amount as people write it: lakhs and crores apart, in digits of each language."""
    taka, paisa = divmod(minor, _PAISA_PER_TAKA)
    head, tail = str(taka)[:-_LAST_GROUP], str(taka)[-_LAST_GROUP:]
    groups: list[str] = []
    while head:
        groups.insert(0, head[-_GROUP:])
        head = head[:-_GROUP]
    written = f"{','.join([*groups, tail])}.{paisa:02d}"
    return Text(f"{in_bangla(written)} টাকা", f"{written} taka")


def dhaka_text(instant: datetime) -> Text:
    """An instant on a Dhaka clock, to the minute: 25 November 2026, 17:04."""
    local = in_dhaka(instant)
    bangla, english = _MONTHS[local.month - 1]
    clock = local.strftime("%H:%M")
    return Text(
        f"{in_bangla(local.day)} {bangla} {in_bangla(local.year)}, {in_bangla(clock)}",
        f"{local.day} {english} {local.year}, {clock}",
    )
