"""How `ekpay --help` lists the commands of the sandbox, by the entry points `ekpay.app_summaries`."""

from typing import Final

_HEADING: Final = "Start and try"

DEMO: Final = {
    "heading": _HEADING,
    "summary": (
        "Pay thousands of bills over real protocols with faults on purpose, and prove that each is explained."
    ),
}
RUN: Final = {
    "heading": _HEADING,
    "summary": (
        "Start database, switch, worker, proxy, billers and bKash, print what to try, and run until Ctrl-C."
    ),
}
SANDBOX: Final = {
    "heading": _HEADING,
    "summary": "The far side: simulated billers and wallets with books of their own, payers and partners.",
}
