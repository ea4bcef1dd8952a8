"""The choice of the engine: Polars by institution while rows fit into memory, else DuckDB.

Institution is part of every key, so institutions may be judged apart from one another and the answers put
together: the digest is the same (ADR 0059).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from reconciliation.matching.engines import Engine, Sources

# Rows of both sides that Polars groups at once, in about a third of a gigabyte.
ROWS_MAX: Final = 2_500_000


@dataclass(frozen=True, slots=True)
class ByInstitution:
    """An engine made of two: `fast` for up to `rows_max` rows at a time, `bounded` where one has more."""

    fast: Engine
    bounded: Engine
    rows_max: int = ROWS_MAX
    name: str = "by institution"

    def unsettled_families(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        return self._each(sources, lambda engine, part: engine.unsettled_families(part))

    def judge(self, sources: Sources) -> pl.DataFrame:
        """See `Engine`."""
        return self._each(sources, lambda engine, part: engine.judge(part))

    def sql(self) -> str:
        """See `Engine`."""
        return self.bounded.sql()

    def _each(self, sources: Sources, ask: Callable[[Engine, Sources], pl.DataFrame]) -> pl.DataFrame:
        if _rows(sources) <= self.rows_max:
            return ask(self.fast, sources)
        institutions = pl.concat([frame["institution"].unique() for frame in sources.values()]).unique()
        answers = []
        for institution in institutions.sort():
            mine = pl.col("institution") == institution
            # One institution at a time: what an engine needs for it is given back before the next.
            part = {name: frame.filter(mine) for name, frame in sources.items()}
            answers.append(ask(self.fast if _rows(part) <= self.rows_max else self.bounded, part))
        return pl.concat(answers)


def _rows(sources: Sources) -> int:
    return sum(frame.height for frame in sources.values())
