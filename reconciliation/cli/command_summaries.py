"""How `ekpay --help` lists the commands of this wing, by the entry points `ekpay.app_summaries`."""

from typing import Final

_HEADING: Final = "Finance"

RECONCILE: Final = {"heading": _HEADING, "summary": "Match our books with what institutions say happened."}
REPORT: Final = {
    "heading": _HEADING,
    "summary": "Reports for finance: of nights, and of the books of a period.",
}
SETTLE: Final = {"heading": _HEADING, "summary": "Settle a day: positions, instructions, credits, cover."}
