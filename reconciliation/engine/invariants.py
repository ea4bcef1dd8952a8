"""The seven invariants of reconciliation.md 1.6, checked on every run and not only in tests.

After each night: its judgement again from rows in another order and by another engine, and its intake a
second time. After each correction: the institution from scratch. At the end: every row of every file and of
our books is there once with one fate, and the positions sum to zero.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import polars as pl

from reconciliation.canonical_row import (
    BROKEN,
    FILE,
    IDENTITY,
    LEDGER,
    MATCHED,
    OPEN,
    QUIET,
    REJECTED,
    SUCCESS,
)
from reconciliation.engine.night import Night, RunConfiguration, RunProgress, files_over_rounding_bound
from reconciliation.engine.restatement import RestatementMaterial, agrees_from_scratch, outcome
from reconciliation.intake.file_names import parse_file_name
from reconciliation.intake.file_register import FileState
from reconciliation.intake.receive_files import Intake
from reconciliation.matching.engines import Engine, digest
from reconciliation.matching.institution_positions import (
    COLUMNS,
    families_that_agree,
    positions,
    unexplained_rest,
)
from reconciliation.matching.row_pool import judge_pool, with_rounding_broken

FATES = (MATCHED, BROKEN, REJECTED, OPEN, QUIET)
_OF_LEDGER_DAYS = r"^\d{4}-\d{2}-\d{2}\.csv$"


class MonthMaterial(RestatementMaterial, Protocol):
    """The material of a month, with our books of each night as files of their own."""

    @property
    def nights(self) -> Sequence[date]:
        """The nights of the month, first to last."""
        ...

    def ledger(self, night: date) -> Path:
        """The file of our books of a business date."""
        ...


class Invariant(StrEnum):
    """What must hold, in the order in which a report names the first that does not."""

    CONSERVATION = "conservation"
    ORDER_INDEPENDENCE = "order_independence"
    IDEMPOTENCE = "idempotence"
    RESTATEMENT = "restatement"
    ENGINE_INDEPENDENCE = "engine_independence"
    NETTING = "netting"
    NO_DOUBLE_USE = "no_double_use"


@dataclass(slots=True)
class NightChecks:
    """Checks of one night; `broken` says in words where each invariant failed first."""

    setting: RunConfiguration
    progress: RunProgress
    engines: tuple[Engine, Engine]
    material: RestatementMaterial
    broken: dict[Invariant, str] = field(default_factory=dict)

    def after(self, night: Night) -> None:
        """Judge the night again, take its files in again, compute what a correction changed from scratch."""
        self._judge_again(night)
        self._take_in_again(night)
        for institution in {parse_file_name(name).key.institution for name in night.received.withdrawn}:
            self._restate(institution, night)

    def hold(self, invariant: Invariant, holds: bool, otherwise: str) -> None:  # noqa: FBT001 - the outcome of the check
        """Note in words the first failure of an invariant."""
        if not holds:
            self.broken.setdefault(invariant, otherwise)

    def _judge_again(self, night: Night) -> None:
        first, second = self.engines
        again = judge_pool(night.pool, second, self.setting.kinds)
        self.hold(
            Invariant.ENGINE_INDEPENDENCE,
            digest(again.groups) == digest(night.judged.groups),
            f"{first.name} and {second.name} differ in the night of {night.date}",
        )
        reordered = judge_pool(_in_another_order(night.pool), second, self.setting.kinds)
        rows = with_rounding_broken(
            reordered, files_over_rounding_bound(reordered, self.setting, self.progress.register)
        )
        same_findings = {finding.key for finding in reordered.findings} == {
            finding.key for finding in night.judged.findings
        }
        self.hold(
            Invariant.ORDER_INDEPENDENCE,
            same_findings and outcome(rows) == outcome(night.judged.rows),
            f"another order of rows comes to something else in the night of {night.date}",
        )

    def _take_in_again(self, night: Night) -> None:
        """The same bytes a second time must be known, except those that were refused."""
        register = deepcopy(self.progress.register)
        refused = {
            file.name.text
            for file in register.arrivals
            if file.night == night.date and file.state is FileState.REFUSED
        }
        files = [file for file in night.inputs.files if file.name not in refused]
        intake = Intake(self.setting.layouts, self.setting.schedule, register, self.setting.reader)
        again = intake.receive(files, night.date)
        self.hold(
            Invariant.IDEMPOTENCE,
            not again.frames and not again.withdrawn,
            f"files of {night.date} have an effect when they come twice: {', '.join(again.loaded)}",
        )

    def _restate(self, institution: str, night: Night) -> None:
        holds = agrees_from_scratch(
            institution, night.date, self.material, self.setting, self.progress, self.engines[1]
        )
        self.hold(
            Invariant.RESTATEMENT, holds, f"{institution} from scratch differs in the night of {night.date}"
        )

    def check_netting(self, rows: pl.DataFrame) -> None:
        """Positions of these rows sum to zero; matched families agree within a tolerance (funds: a paisa)."""
        rest_paisa = unexplained_rest(positions(rows))
        self.hold(Invariant.NETTING, rest_paisa == 0, f"positions leave {rest_paisa} paisa")
        funds = [name for name, kind in self.setting.kinds.items() if kind == "funds"]
        tolerated = pl.when(pl.col("institution").is_in(funds)).then(1).otherwise(0)
        disagreeing = families_that_agree(rows).filter((pl.col("settled") - pl.col("net")).abs() > tolerated)
        self.hold(
            Invariant.NETTING, disagreeing.is_empty(), f"{disagreeing.height} matched families do not agree"
        )

    def check_single_use(self, rows: pl.DataFrame) -> None:
        """No row of ours is matched twice."""
        used = rows.lazy().filter((pl.col("source") == LEDGER) & (pl.col("verdict") == MATCHED))
        twice = used.select(pl.len() - pl.struct(IDENTITY).n_unique()).collect().item()
        self.hold(Invariant.NO_DOUBLE_USE, twice == 0, f"{twice} rows of ours are in two groups")


@dataclass(slots=True)
class MonthChecks:
    """Checks of all nights of a month; `broken` says in words where each invariant failed first."""

    month: MonthMaterial
    setting: RunConfiguration
    progress: RunProgress
    engines: tuple[Engine, Engine]
    broken: dict[Invariant, str] = field(default_factory=dict)

    @property
    def _nightly(self) -> NightChecks:
        return NightChecks(self.setting, self.progress, self.engines, self.month, self.broken)

    def outcome(self) -> str:
        """`hold`, or the name of the first invariant that does not."""
        return next((invariant.value for invariant in Invariant if invariant in self.broken), "hold")

    def after(self, night: Night) -> None:
        """Check one night."""
        self._nightly.after(night)

    def at_the_end(self) -> None:
        """Check all rows together."""
        rows = self.progress.store.all_rows(COLUMNS)
        self._conserve(rows)
        self._nightly.check_netting(rows)
        self._nightly.check_single_use(rows)

    def _conserve(self, rows: pl.DataFrame) -> None:
        hold = self._nightly.hold
        fated = int(rows["verdict"].is_in(FATES).sum())
        hold(Invariant.CONSERVATION, fated == rows.height, "a row has no fate")
        counted = file_totals(rows)
        for arrival in self.progress.register.loaded_files():
            name = arrival.name.text
            stated = (arrival.rows, arrival.settled)
            rows_and_net = counted.pop(name, (0, 0))
            hold(
                Invariant.CONSERVATION, rows_and_net == stated, f"{name}: {rows_and_net} are left of {stated}"
            )
        hold(Invariant.CONSERVATION, not counted, f"rows of files that do not count: {list(counted)}")
        sums = (pl.len(), pl.col("gross").sum(), pl.col("net").sum())
        judged = rows.filter(pl.col("origin").str.contains(_OF_LEDGER_DAYS)).select(sums).row(0)
        exported = pl.concat(self._books()).select(sums).collect().row(0)
        hold(Invariant.CONSERVATION, judged == exported, f"of our books {judged} are left of {exported}")

    def _books(self) -> list[pl.LazyFrame]:
        """Our books once more, straight from their files."""
        amounts = {"gross": pl.Int64(), "net": pl.Int64()}
        days = [self.month.ledger(night) for night in self.month.nights]
        return [pl.scan_csv(day, schema_overrides=amounts).select(*amounts) for day in days]


def _in_another_order(pool: pl.DataFrame) -> pl.DataFrame:
    """The same rows, shuffled, and numbered from the end of their files."""
    turned = pl.col("ordinal").max().over("source", "origin") + 1 - pl.col("ordinal")
    return pool.with_columns(ordinal=turned.cast(pl.Int32)).sample(
        fraction=1.0, shuffle=True, seed=pool.height
    )


def file_totals(rows: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """How many rows of each file there are, and the net of those that moved taka."""
    is_settled = (pl.col("status") == SUCCESS) & (pl.col("currency") == "BDT")
    totals = (
        rows.lazy()
        .filter(pl.col("source") == FILE)
        .group_by("origin")
        .agg(pl.len().alias("rows"), pl.col("net").filter(is_settled).sum().alias("settled"))
        .collect(engine="streaming")
    )
    return {origin: (count, settled) for origin, count, settled in totals.iter_rows()}
