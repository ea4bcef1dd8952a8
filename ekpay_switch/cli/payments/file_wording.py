"""The statements of settlement files about a payment, in words."""

from collections.abc import Mapping
from types import MappingProxyType

from ekpay_switch.cli.terminal import taka
from ekpay_switch.persistence.collections.file_evidence import UNCOUNTED
from ekpay_switch.persistence.file_statements import COUNTED
from ekpay_switch.ports.finance import FileSays

FILE_WORDING: Mapping[FileSays, str] = MappingProxyType(
    {
        FileSays.SUCCESS: "a settlement file holds it as done",
        FileSays.FAILED: "a settlement file holds it as failed",
        FileSays.ABSENT: "a settlement file that had to hold it does not",
    }
)


def is_file_evidence(kind: str) -> bool:
    """Whether evidence of this kind came from a settlement file."""
    return kind.startswith((COUNTED, UNCOUNTED))


def file_wording(kind: str, facts: Mapping[str, str]) -> str:
    """One answer of a file: what it says, and in which row of which file; amounts in taka."""
    says = FileSays(facts["says"])
    about = ""
    if kind.startswith(UNCOUNTED):
        role, event = kind.removeprefix(UNCOUNTED).split(":")[:2]
        about = f" (a {event} in a file of its {role}, which decides nothing here)"
    if says is FileSays.ABSENT:
        return f"{FILE_WORDING[says]}{about}: night of {facts['night']}"
    row = f"row {facts['row']} of {facts['file']}"
    name = f", {facts['their_reference']} over there" if facts["their_reference"] else ""
    return (
        f"{FILE_WORDING[says]}{about}: {taka(int(facts['amount']))}, {row}{name}, night of {facts['night']}"
    )
