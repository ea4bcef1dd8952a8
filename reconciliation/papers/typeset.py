"""A program of its own that sets one paper as PDF: JSON on stdin, PDF on stdout, the paper as argument.

It has the limits, fonts and PDF standard of receipts (`ekpay_switch.web.receipts.typeset`). The PDF is dated
by `dated` of its content, in seconds of Unix time.
"""

import sys
from pathlib import Path

from ekpay_switch.web.receipts.typeset import typeset_stdin

_FOLDER = Path(__file__).resolve().parent
TEMPLATES = {
    "statement": _FOLDER / "statement.typ",
    "demand": _FOLDER / "demands" / "demand.typ",
    "invoice": _FOLDER / "tax" / "invoice.typ",
    "vat-return": _FOLDER / "tax" / "vat_return.typ",
    "withholding-return": _FOLDER / "withholding" / "withholding_return.typ",
    "certificate": _FOLDER / "withholding" / "certificate.typ",
}
INPUT_BYTES_MAX = 4 * 1024 * 1024


def main() -> None:
    """Bound this process, then set what comes on stdin."""
    typeset_stdin(TEMPLATES[sys.argv[1]], INPUT_BYTES_MAX)


if __name__ == "__main__":
    main()
