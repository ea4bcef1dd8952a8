"""How many examples a costly property of the reconciliation tries."""

import os


def examples(count: int) -> int:
    """All in `make test-month`, which sets `EKPAY_ALL_EXAMPLES`; in `make test` a third, at least two."""
    return count if os.environ.get("EKPAY_ALL_EXAMPLES") else max(2, count // 3)
