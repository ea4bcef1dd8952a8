"""A program of its own that sets one report as PDF: JSON on stdin, PDF on stdout.

It has the limits, fonts and PDF standard of receipts (`ekpay_switch.web.receipts.typeset`). The PDF is dated
by the last night of its report.
"""

from pathlib import Path

from ekpay_switch.web.receipts.typeset import typeset_stdin

TEMPLATE = Path(__file__).resolve().parent / "report.typ"
# Pictures have their text as paths, so they are large.
INPUT_BYTES_MAX = 8 * 1024 * 1024


def main() -> None:
    """Bound this process, then set what comes on stdin."""
    typeset_stdin(TEMPLATE, INPUT_BYTES_MAX)


if __name__ == "__main__":
    main()
