"""What people read, in both languages: texts, amounts and times as Bangla and English write them."""

from dataclasses import dataclass
from datetime import date, datetime

from ekpay_switch.domain.bangla import MONTHS
from ekpay_switch.domain.business_day import in_dhaka

_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
_PAISA_PER_TAKA, _LAST_GROUP, _GROUP = 100, 3, 2


# From which hour on a part of the day has its name, the latest first; before dawn it is still night.
_PARTS_OF_THE_DAY = (
    (20, "রাত"), (18, "সন্ধ্যা"), (15, "বিকাল"), (12, "দুপুর"), (6, "সকাল"), (4, "ভোর"), (0, "রাত"),
)  # fmt: skip
_HOURS_ON_A_CLOCK = 12


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


def clock_text(instant: datetime) -> Text:
    """The time of day on a Dhaka clock, to the minute: 17:04, and in Bangla by its part of the day."""
    local = in_dhaka(instant)
    part = next(name for hour, name in _PARTS_OF_THE_DAY if local.hour >= hour)
    bangla = f"{local.hour % _HOURS_ON_A_CLOCK or _HOURS_ON_A_CLOCK}:{local:%M}"
    return Text(f"{part} {in_bangla(bangla)}", f"{local:%H:%M}")


def dhaka_text(instant: datetime) -> Text:
    """An instant on a Dhaka clock, to the minute: 25 November 2026, 17:04."""
    day, clock = day_text(in_dhaka(instant)), clock_text(instant)
    return Text(f"{day.bangla}, {clock.bangla}", f"{day.english}, {clock.english}")


def day_text(day: date) -> Text:
    """A day: 25 November 2026."""
    bangla, english = MONTHS[day.month - 1]
    return Text(f"{in_bangla(day.day)} {bangla} {in_bangla(day.year)}", f"{day.day} {english} {day.year}")
