"""A program of its own that sets one bill notice as PDF: JSON on stdin, PDF on stdout.

It has the limits, fonts and PDF standard of receipts. The same notice gives the same bytes: the PDF is dated
by `dated` of its content, in seconds of Unix time.
"""

from pathlib import Path

from ekpay_switch.web.receipts.typeset import typeset_stdin

PROGRAM = "ekpay_switch.web.notices.typeset"
TEMPLATE = Path(__file__).resolve().parent / "bill_notice.typ"
INPUT_BYTES_MAX = 256 * 1024


def main() -> None:
    """Bound this process, then set what comes on stdin."""
    typeset_stdin(TEMPLATE, INPUT_BYTES_MAX)


if __name__ == "__main__":
    main()
