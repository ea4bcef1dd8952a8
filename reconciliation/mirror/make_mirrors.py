"""Make mirrors, one for each institution and window, each bound once its file is on the disk.

Whatever is interrupted is made by the next run: a file that no row binds is not used, and the same lines give
the same file. Neither a night nor settlement reads mirrors.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from reconciliation.digests import sha256_of_frame
from reconciliation.intake.ledger_rows import PARTNER
from reconciliation.matching.frozen_lines import PLAIN, party_of
from reconciliation.mirror.mirror_bindings import MirrorBinding, write_binding
from reconciliation.mirror.mirror_folder import SCHEMA, MirrorFault, MirrorFolder
from reconciliation.postgres_arrow import Database
from reconciliation.results.table_values import Connection

# How many mirrors are done, of how many, and which is next.
Watch = Callable[[int, int, str], None]

# Lines were frozen a moment ago and have no statistics yet: without this, plans that read a whole window for
# each institution look cheap (docs/adr/0019). `window_id + 0` is a condition that no index is looked up by.
_BY_KEY: Final = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off"
# Which institutions have plain lines in which closed windows, each with its newest mirror.
_REQUIRED: Final = f"""
SELECT i.institution, w.id AS window_id, w.business_date, e.newest_ordinal, m.last_line,
  m.last_ordinal, m.rows, m.gross, m.first_instant, m.last_instant, m.sha256
FROM settlement_windows AS w
CROSS JOIN unnest($1::text[], $2::text[], $3::boolean[]) AS i (institution, party, is_partner)
CROSS JOIN LATERAL (SELECT max(ordinal) AS newest_ordinal FROM ledger_lines WHERE window_id = w.id) AS e
LEFT JOIN LATERAL (
  SELECT * FROM reconciliation.mirrors AS m WHERE m.institution = i.institution AND m.window_id = w.id
  ORDER BY m.id DESC LIMIT 1) AS m ON true
WHERE w.state <> 'open' AND w.business_date >= $4 AND (m.id IS NOT NULL OR (
  SELECT true FROM ledger_lines WHERE role = ANY (CASE WHEN i.is_partner THEN ARRAY['{PARTNER}']
      ELSE ARRAY['connector', 'biller'] END)
    AND party = i.party AND business_date = w.business_date AND window_id + 0 = w.id AND {PLAIN} LIMIT 1))
ORDER BY w.business_date, w.id, i.institution
"""  # noqa: S608 - constants
# The newest frozen line when a mirror is made: a closed window gets no later ones.
_LAST: Final = "SELECT max(id) FROM ledger_lines"
_PLAIN_LINES: Final = """
SELECT our_reference AS reference, gross, net, instant, ordinal FROM ledger_lines
WHERE id <= {last} AND {party} AND business_date = '{day}' AND window_id + 0 = {window} AND {plain}
"""


@dataclass(frozen=True, slots=True)
class RequiredMirror:
    """A mirror that must exist, and the row that binds it, if any."""

    institution: str
    window_id: int
    business_date: date
    newest_ordinal: int
    bound: MirrorBinding | None

    @property
    def is_current(self) -> bool:
        """Whether the row covers every line of the window."""
        return self.bound is not None and self.bound.last_ordinal == self.newest_ordinal

    def __str__(self) -> str:
        return f"{self.institution} {self.business_date}"


@dataclass(frozen=True, slots=True)
class MirrorCounts:
    """How many mirrors were made, with how many lines; `standing` existed already."""

    mirrors: int
    lines: int
    standing: int


async def make_missing(
    connection: Connection,
    books: Database,
    folder: MirrorFolder,
    required: Sequence[RequiredMirror],
    watch: Watch | None = None,
) -> MirrorCounts:
    """Make every mirror that is missing, or whose file does not match its row.

    Raises:
        OSError: a file could not be written; what was made until then stands.
        adbc_driver_manager.Error: the database cannot be reached, or refuses.
    """
    folder.sweep()
    made = lines = standing = 0
    for done, mirror in enumerate(required):
        if watch is not None:
            watch(done, len(required), str(mirror))
        if mirror.is_current and mirror.bound and not isinstance(folder.read(mirror.bound), MirrorFault):
            standing += 1
            continue
        made += 1
        lines += await _make(connection, books, folder, mirror)
    return MirrorCounts(made, lines, standing)


async def required_mirrors(
    connection: Connection, institutions: Collection[str], since: date
) -> list[RequiredMirror]:
    """The mirrors of closed windows from a business date on."""
    names = sorted(institutions)
    parties = [name.removeprefix(f"{PARTNER}_") for name in names]
    partners = [name.startswith(f"{PARTNER}_") for name in names]
    async with connection.transaction():
        await connection.execute(_BY_KEY)
        rows = await connection.fetch(_REQUIRED, names, parties, partners, since)
    return [_required_mirror(dict(row)) for row in rows]


def first_difference(books: Database, folder: MirrorFolder, mirror: RequiredMirror) -> str:
    """The difference of a mirror from the tables, by a digest of rows; empty where there is none."""
    if mirror.bound is None or not mirror.is_current:
        return f"{mirror}: there is no mirror of it"
    mirrored = folder.read(mirror.bound)
    if isinstance(mirrored, MirrorFault):
        return f"{mirror}: {mirrored.reason}"
    columns = list(SCHEMA)
    if sha256_of_frame(mirrored, columns) != sha256_of_frame(
        _lines(books, mirror, mirror.bound.last_line), columns
    ):
        return f"{mirror}: the mirror and the tables hold other lines"
    return ""


async def _make(connection: Connection, books: Database, folder: MirrorFolder, mirror: RequiredMirror) -> int:
    last = await connection.fetchval(_LAST)
    lines = _lines(books, mirror, last)
    bound = MirrorBinding(
        mirror.institution,
        mirror.window_id,
        mirror.business_date,
        last,
        mirror.newest_ordinal,
        lines.height,
        int(lines["gross"].sum()),
        lines["instant"].min(),  # type: ignore[arg-type]
        lines["instant"].max(),  # type: ignore[arg-type]
        folder.write(lines),
    )
    await write_binding(connection, bound)
    return lines.height


def _lines(books: Database, mirror: RequiredMirror, last: int) -> pl.DataFrame:
    query = _PLAIN_LINES.format(
        last=int(last),
        party=party_of(mirror.institution),
        day=mirror.business_date,
        window=int(mirror.window_id),
        plain=PLAIN,
    )
    # In one order, so that the same lines are the same bytes.
    return books.query(query).sort("ordinal").select(list(SCHEMA)).cast(SCHEMA)


def _required_mirror(row: dict[str, Any]) -> RequiredMirror:
    newest = row.pop("newest_ordinal")
    bound = MirrorBinding(**row) if row["sha256"] is not None else None
    return RequiredMirror(row["institution"], row["window_id"], row["business_date"], newest, bound)
