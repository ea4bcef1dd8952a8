"""Books in which institutions get frozen lines one after the other, with a folder of their mirrors."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5

import asyncpg

from ekpay_switch.persistence.embedded.server import Endpoint
from reconciliation.matching.due_windows import InstantRange
from reconciliation.matching.frozen_lines import FrozenLines, newest_line
from reconciliation.mirror.make_mirrors import MirrorCounts, RequiredMirror, make_missing, required_mirrors
from reconciliation.mirror.mirror_bindings import MirrorBinding, write_binding
from reconciliation.mirror.mirror_folder import MirrorFolder
from reconciliation.mirror.mirrored_lines import MirroredLines, Mirrors
from reconciliation.postgres_arrow import Database

DAY = date(2026, 4, 5)
NOON = datetime(2026, 4, 5, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPANS = (
    InstantRange(NOON - 12 * HOUR, NOON + 12 * HOUR),  # midnight to midnight
    InstantRange(NOON - 13 * HOUR, NOON + 11 * HOUR),  # a cut-off at eleven: parts of two dates
    InstantRange(NOON + 12 * HOUR, NOON + 36 * HOUR),
)
_NAMES = UUID("a1f4c9d2-7a3e-4a6b-9d0c-2f6f0f4f5a11")
_WINDOW = """
INSERT INTO settlement_windows (business_date, state, closed_at) VALUES ($1, 'closed', now()) RETURNING id
"""
_LINE = """
INSERT INTO ledger_lines (window_id, business_date, ordinal, role, party, payment_id, movement, event,
  revision, status, our_reference, their_reference, gross, fee, vat, net, currency, instant)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, '', $11::bigint, 150, 0, $11::bigint - 150, $12, $13)
"""


@dataclass(frozen=True)
class Line:
    """A line as a test says it: `day` and `hour` count from the first date and from noon of it."""

    reference: str
    day: int = 0
    hour: int = 0
    role: str = "connector"
    movement: int = 0
    event: str = "payment"
    status: str = "success"
    currency: str = "BDT"
    gross: int = 10_000


@dataclass
class Scene:
    """Books in which one institution after the other gets lines, and a folder of mirrors."""

    place: Endpoint
    books: Database
    folder: MirrorFolder
    alarms: list[str] = field(default_factory=list)
    party: str = ""
    windows: dict[int, int] = field(default_factory=dict)
    _seen: Counter[object] = field(default_factory=Counter)

    @asynccontextmanager
    async def connected(self, role: str) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.place.dsn(role))
        try:
            yield connection
        finally:
            await connection.close()

    async def somebody(self, name: str) -> None:
        """Go on with an institution without lines, and windows of its own."""
        self.party = name
        self.alarms.clear()
        async with self.connected("ekpay_owner") as connection:
            for day in range(3):
                self.windows[day] = await connection.fetchval(_WINDOW, DAY + timedelta(days=day))

    async def freeze(self, lines: Sequence[Line]) -> None:
        """Add lines behind those that stand, each with the next revision of its movement."""
        async with self.connected("ekpay_owner") as connection:
            for line in lines:
                window, day = self.windows[line.day], DAY + timedelta(days=line.day)
                movement = uuid5(_NAMES, f"{self.party} {line.movement}")
                revision = self._next((line.role, movement, line.event))
                values = (line.role, self.party, movement, line.event, revision, line.status, line.reference)
                more = (line.gross, line.currency, NOON + line.hour * HOUR)
                await connection.execute(_LINE, window, day, self._next(window), *values, *more)

    def _next(self, key: object) -> int:
        self._seen[key] += 1
        return self._seen[key]

    async def wanted(self) -> list[RequiredMirror]:
        async with self.connected("ekpay_app") as connection:
            return await required_mirrors(connection, [self.party], DAY)

    async def make(self) -> MirrorCounts:
        async with self.connected("ekpay_app") as connection:
            wanted = await required_mirrors(connection, [self.party], DAY)
            return await make_missing(connection, self.books, self.folder, wanted)

    async def bind(self, one: MirrorBinding, role: str = "ekpay_app") -> None:
        async with self.connected(role) as connection:
            await write_binding(connection, one)

    async def rows(self) -> list[MirrorBinding]:
        names = ", ".join(one.name for one in fields(MirrorBinding))
        asked = f"SELECT {names} FROM reconciliation.mirrors WHERE institution = $1 ORDER BY id"  # noqa: S608
        async with self.connected("ekpay_audit") as connection:
            return [MirrorBinding(*row) for row in await connection.fetch(asked, self.party)]

    @property
    def last(self) -> int:
        found = newest_line(self.books, DAY)
        assert found is not None
        return found

    def frozen(self, span: InstantRange = SPANS[0], last: int | None = None) -> FrozenLines:
        return FrozenLines(self.books, self.party, span, self.last if last is None else last)

    def mirrored(self, span: InstantRange = SPANS[0], last: int | None = None) -> MirroredLines:
        return MirroredLines(self.frozen(span, last), Mirrors(self.folder, self.alarms.append))

    def agrees(self, last: int | None = None) -> int:
        """Hold that mirrors say what the tables say of every span; how many lines came out of mirrors."""
        count = 0
        for span in SPANS:
            lines = self.mirrored(span, last)
            told, wanted = lines.at_sight(), self.frozen(span, last).at_sight()
            assert told.schema == wanted.schema
            assert sorted(told.rows(), key=repr) == sorted(wanted.rows(), key=repr)
            count += lines.mirrored
        return count
