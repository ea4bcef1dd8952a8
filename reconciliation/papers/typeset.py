"""A program of its own that sets one statement as PDF: JSON on stdin, PDF on stdout.

It has the limits, fonts and PDF standard of receipts (`ekpay_switch.web.receipts.typeset`). The PDF is dated
by the last business date of its period.
"""

import json
import sys
from pathlib import Path

from ekpay_switch.web.receipts.typeset import compile_template, limit_resources

TEMPLATE = Path(__file__).resolve().parent / "statement.typ"
INPUT_BYTES_MAX = 4 * 1024 * 1024


def main() -> None:
    """Bound this process, then set what comes on stdin."""
    limit_resources()
    content = json.loads(sys.stdin.buffer.read(INPUT_BYTES_MAX))
    made = compile_template(TEMPLATE, content, content["dated"])
    sys.stdout.buffer.write(made if isinstance(made, bytes) else made[0])


if __name__ == "__main__":
    main()
