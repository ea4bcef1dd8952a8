"""A program of its own that sets the history of a year as PDF: JSON on stdin, PDF on stdout.

It has the limits, fonts and PDF standard of receipts.
"""

from pathlib import Path

from ekpay_switch.web.receipts.typeset import typeset_stdin

PROGRAM = "ekpay_switch.web.portal.history.typeset"
TEMPLATE = Path(__file__).resolve().parent / "history.typ"
INPUT_BYTES_MAX = 4 * 1024 * 1024


def main() -> None:
    """Bound this process, then set what comes on stdin."""
    typeset_stdin(TEMPLATE, INPUT_BYTES_MAX)


if __name__ == "__main__":
    main()
