"""An instant as people in Bangladesh say it: the date, and the time of day by its part."""

from datetime import datetime

from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.payer_pages.language import Language, Text, digits

_MONTHS = (
    Text("জানুয়ারি", "January"), Text("ফেব্রুয়ারি", "February"), Text("মার্চ", "March"),
    Text("এপ্রিল", "April"), Text("মে", "May"), Text("জুন", "June"),
    Text("জুলাই", "July"), Text("আগস্ট", "August"), Text("সেপ্টেম্বর", "September"),
    Text("অক্টোবর", "October"), Text("নভেম্বর", "November"), Text("ডিসেম্বর", "December"),
)  # fmt: skip
# From which hour on a part of the day has its name, the latest first; before dawn it is still night.
_PARTS_OF_THE_DAY = (
    (20, "রাত"), (18, "সন্ধ্যা"), (15, "বিকাল"), (12, "দুপুর"), (6, "সকাল"), (4, "ভোর"), (0, "রাত"),
)  # fmt: skip
_HOURS_ON_A_CLOCK = 12


def dhaka_time(instant: datetime, language: Language) -> str:
    """Write an instant in Dhaka to the minute: ২৮ নভেম্বর ২০২৬, বিকাল ৫:৪২ or 28 November 2026, 17:42."""
    local = instant.astimezone(DHAKA)
    day = f"{local.day} {_MONTHS[local.month - 1].of(language)} {local.year}"
    if language is Language.ENGLISH:
        return f"{day}, {local:%H:%M}"
    part = next(name for hour, name in _PARTS_OF_THE_DAY if local.hour >= hour)
    hour = local.hour % _HOURS_ON_A_CLOCK or _HOURS_ON_A_CLOCK
    return digits(f"{day}, {part} {hour}:{local:%M}", language)
