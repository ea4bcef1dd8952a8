"""What the commands of reconciliation import late, for a process that forks many of them (docs/adr/0117).

Only modules whose import starts no thread: Polars and Arrow begin theirs at once.
"""

from typing import Final

MODULES: Final = (
    "duckdb",
    "ibis.backends.duckdb",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "typst",
    "xlsxwriter",
)
"""Modules of the extra `reconciliation`; each may be missing."""
