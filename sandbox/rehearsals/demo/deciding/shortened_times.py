"""The configuration of a demo: that of the switch, with a few waiting times that no demo can last.

The time divisor shortens every time alike, and a day of it is still more than an hour. Only times are
changed, in a copy, and only at the institutions at which something waits on purpose.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sandbox.rehearsals.installation.ekpay_command import EkpayCommand

LATE_BILLER, STUCK_BILLER, ANSWERING_BILLER = "chattogram_wasa", "btcl_bill", "kgdcl_gas"
UNDOING_BILLER = "dhaka_wasa"
RECEIPT_BILLER = "ldtax"


@dataclass(frozen=True, slots=True)
class ShortenedTime:
    """A setting of a file of the configuration, in TOML; it is added where its section has none."""

    file: str
    section: str
    name: str
    text: str


SHORTENED_TIMES = (
    # A delivery without an answer is an alarm after 18 seconds of a demo, not after 72 minutes.
    ShortenedTime("alarms.toml", "alarms.delivery_stuck", "after_hours", "0.1"),
    # These billers say "not found" too early; they are asked soon after their money went back.
    *(
        ShortenedTime(f"billers/{biller}.toml", section, name, text)
        for biller in (LATE_BILLER, UNDOING_BILLER)
        for section, name, text in (
            ("safety", "not_found_settle_seconds", "20"),
            ("timing", "ask_after_seconds", "[100, 200, 300]"),
            ("timing", "ask_every_seconds", "100"),
        )
    ),
    # This one is asked often enough to answer while a proposal about it waits.
    ShortenedTime(f"billers/{ANSWERING_BILLER}.toml", "timing", "ask_after_seconds", "[90, 300]"),
    ShortenedTime(f"billers/{ANSWERING_BILLER}.toml", "timing", "ask_every_seconds", "100"),
    ShortenedTime(f"billers/{RECEIPT_BILLER}.toml", "timing", "receipt_seconds", "200"),
)


class UnknownSectionError(Exception):
    """The configuration has no such section; the text names file and section."""


async def write_configuration(folder: Path) -> None:
    """Copy the configuration that `ekpay` uses here to this folder, with the shortened times.

    Raises:
        CommandFailedError: there is none that can be used.
        UnknownSectionError: it lacks a section of them.
    """
    shown = await EkpayCommand.in_current_environment().read("config", "show", "--json")
    copy_with_shortened_times(Path(shown["folder"]), folder)


def copy_with_shortened_times(source: Path, folder: Path) -> None:
    """Copy a configuration to this folder, with the shortened times.

    Raises:
        UnknownSectionError: it lacks a section of them.
    """
    shutil.copytree(source, folder, dirs_exist_ok=True)
    for time in SHORTENED_TIMES:
        path = folder / time.file
        path.write_text(with_setting(path.read_text(encoding="utf-8"), time), encoding="utf-8")


def with_setting(document: str, time: ShortenedTime) -> str:
    """The TOML document with this setting.

    Raises:
        UnknownSectionError: it has no such section.
    """
    lines = document.splitlines()
    headers = [number for number, line in enumerate(lines) if line.startswith("[")]
    begin = next((number for number in headers if lines[number].startswith(f"[{time.section}]")), None)
    if begin is None:
        raise UnknownSectionError(f"{time.file} has no [{time.section}]")
    end = next((number for number in headers if number > begin), len(lines))
    kept = [line for line in lines[begin + 1 : end] if line.split("=")[0].strip() != time.name]
    section = [lines[begin], f"{time.name} = {time.text}", *kept]
    return "\n".join([*lines[:begin], *section, *lines[end:], ""])
