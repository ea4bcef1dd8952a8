"""The state after the last committed run, with which a night begins.

PostgreSQL holds runs, files and breaks; the rows of each run and `carried.json`, with state that no table
has, are in its folder. Nothing of a run that was not committed is ever read.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Self

from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.digests import sha256_of, sha256_of_lines
from reconciliation.engine.row_store import sync_to_disk
from reconciliation.intake.file_names import parse_file_name
from reconciliation.intake.file_register import Arrival, FileRegister, FileState
from reconciliation.results.file_results import KeptFile, kept_files
from reconciliation.results.records import FileRecord, PositionRecord, RunRecord
from reconciliation.results.runs import latest_run, read_positions
from reconciliation.results.table_values import Connection, Row

CARRIED: Final = "carried.json"
NIGHT: Final = "night"
_STANDING: Final = f"""
SELECT b.code, b.institution, b.reference, b.first_seen, b.file, b.day, b.cycle
FROM reconciliation.breaks b
CROSS JOIN LATERAL (
  SELECT event FROM reconciliation.break_events
  WHERE break_id = b.id AND actor = '{NIGHT}' AND event IN ('found', 'closed', 'reopened')
  ORDER BY seq DESC LIMIT 1
) e
WHERE e.event <> 'closed'
"""  # noqa: S608 - a constant
_SINCE: Final = "SELECT institution, since FROM reconciliation.participants ORDER BY institution"

StandingBreaks = dict[FindingKey, tuple[date, BreakFinding]]


@dataclass(frozen=True, slots=True)
class CarriedState:
    """The state that is carried outside the tables.

    `withdrawn` are origins whose rows no longer count, `payouts` the last expected credit of each batch
    (revision and paisa), `instructions` the origins of instructed debits that a run has taken.
    """

    withdrawn: tuple[str, ...] = ()
    payouts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    instructions: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What a run left in its folder; nothing where there is no run."""
        path = folder / CARRIED
        if not path.exists():
            return cls()
        content = json.loads(path.read_text(encoding="utf-8"))
        payouts = {key: (count, credit) for key, (count, credit) in content["payouts"].items()}
        return cls(tuple(content["withdrawn"]), payouts, tuple(content["instructions"]))

    def write(self, folder: Path) -> None:
        """Leave it in the folder of a run, through to the disk."""
        content = {
            "withdrawn": list(self.withdrawn),
            "payouts": dict(sorted(self.payouts.items())),
            "instructions": list(self.instructions),
        }
        path = folder / CARRIED
        with path.open("w", encoding="utf-8") as file:
            json.dump(content, file, sort_keys=True, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        sync_to_disk(folder)


@dataclass(slots=True)
class RunState:
    """The state after the last committed run; `files` are those of the register, in its order."""

    run: RunRecord | None = None
    files: list[KeptFile] = field(default_factory=list)
    register: FileRegister = field(default_factory=FileRegister)
    standing: StandingBreaks = field(default_factory=dict)
    since: Mapping[str, date] = field(default_factory=dict)
    sheet: Mapping[str, PositionRecord] = field(default_factory=dict)
    carried: CarriedState = field(default_factory=CarriedState)

    @property
    def seq(self) -> int:
        """The number of the last run, 0 before the first."""
        return 0 if self.run is None else self.run.seq

    @property
    def last_line(self) -> int:
        """The newest frozen line that was taken."""
        return 0 if self.run is None else self.run.last_line

    @property
    def figures(self) -> Mapping[str, int]:
        """The totals that are carried forward."""
        return {} if self.run is None else self.run.figures


async def read_state(connection: Connection, rows: Path) -> RunState:
    """The state after the last committed run."""
    run = await latest_run(connection)
    if run is None:
        return RunState()
    files = await kept_files(connection)
    sheet = await read_positions(connection, run.id)
    return RunState(
        run=run,
        files=files,
        register=register_of(kept_file.file for kept_file in files),
        standing=dict(map(standing_of, await connection.fetch(_STANDING))),
        since={row["institution"]: row["since"] for row in await connection.fetch(_SINCE)},
        sheet={record.institution: record for record in sheet},
        carried=CarriedState.read(rows / f"{run.seq:06d}"),
    )


def register_of(files: Iterable[FileRecord]) -> FileRegister:
    """The register as it was left, in the order in which files were judged."""
    register = FileRegister()
    for file in files:
        register.add(
            Arrival(
                parse_file_name(file.name),
                file.sha256,
                file.night,
                FileState(file.state),
                rows=file.rows,
                settled=file.settled,
                sequence=file.sequence,
                closing=file.closing,
                rounding=file.rounding,
                controls=file.controls,
                refusal=file.controls.get("refused", ""),
            )
        )
    return register


def folder_digest(folder: Path) -> str:
    """SHA-256 over everything that a run left in its folder."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return sha256_of_lines(f"{path.name} {sha256_of(path.read_bytes())}" for path in files)


def standing_of(row: Row) -> tuple[FindingKey, tuple[date, BreakFinding]]:
    """A break that stands, with its first night."""
    key = FindingKey(BreakCode(row["code"]), row["institution"], row["reference"])
    return key, (row["first_seen"], BreakFinding(key, file=row["file"], day=row["day"], cycle=row["cycle"]))
