"""A small switch whose nights are run: frozen lines in PostgreSQL, files in an inbox, a fake of the core."""

import asyncio
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from ekpay_switch.domain.disputes.chargeback_rows import ChargebackRowOutcome
from ekpay_switch.persistence.alarms.wing import WingAlarms
from ekpay_switch.persistence.bank_lines import BankLineRows
from ekpay_switch.persistence.collections.live_movements import LiveMovementRows
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.ports.disputes import ChargebackRow, ChargebackRowAnswer
from ekpay_switch.ports.finance import (
    Adjustment,
    AdjustmentBooks,
    AlarmBooks,
    BankLines,
    ClosedWindow,
    Connection,
    FileAnswer,
    LiveMovements,
    Persons,
)
from reconciliation.calendar import read_calendar
from reconciliation.intake.file_names import LogicalKey, expected_name
from reconciliation.intake.file_schedule import FileSchedule
from reconciliation.intake.participants import with_banks
from reconciliation.nightly.night_configuration import NightRules
from reconciliation.nightly.night_run import NightContext, NightOutcome, NightStep, Watcher, run_nights
from tests.reconciliation.institution_files import WRITERS, Credit, Head, Movement, stmt_sonali
from tests.reconciliation.persons import Everybody

CONFIG = Path(__file__).parents[3] / "config"
SUN, MON, TUE, WED = (date(2026, 4, day) for day in (5, 6, 7, 8))
BREB, NPSB, SONALI = "breb_postpaid", "npsb", "stmt_sonali"
_NAMES = UUID("0f6f3c0e-6b1c-4c3e-9a39-0f3b0a1f7c11")
_LINE = """
INSERT INTO ledger_lines (window_id, business_date, ordinal, role, party, payment_id, movement, event,
  revision, status, our_reference, their_reference, gross, fee, net, currency, instant)
SELECT $1, $2, 1 + count(*), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
FROM ledger_lines WHERE window_id = $1
"""


@dataclass(frozen=True)
class Line:
    """One line that is frozen when the window of `day` closes."""

    day: date
    party: str
    row: Movement
    role: str = "biller"
    revision: int = 1
    movement: str = ""

    @property
    def ids(self) -> tuple[UUID, UUID]:
        name = self.movement or self.row.ours
        return uuid5(_NAMES, f"payment {name}"), uuid5(_NAMES, f"movement {name}")


@dataclass
class FakeWindows:
    """Freezes what a test has booked; as the real one, each window once."""

    stage: "NightStage"

    async def close(self, up_to: date) -> Sequence[ClosedWindow]:
        connection = await self.stage.superuser()
        closed = []
        try:
            async with connection.transaction():
                for day in sorted({line.day for line in self.stage.lines} | {up_to}):
                    if day <= up_to:
                        closed += await self._close(connection, day)
        finally:
            await connection.close()
        return closed

    async def _close(self, connection: Connection, day: date) -> list[ClosedWindow]:
        frozen = [line for line in self.stage.lines if line.day == day]
        window = await connection.fetchval(
            "SELECT id FROM settlement_windows WHERE business_date = $1 ORDER BY id DESC LIMIT 1", day
        )
        if window is None:
            window = await connection.fetchval(
                "INSERT INTO settlement_windows (business_date, state, closed_at)"
                " VALUES ($1, 'closed', now()) RETURNING id",
                day,
            )
        count = await connection.fetchval("SELECT count(*) FROM ledger_lines WHERE business_date = $1", day)
        for line in frozen[count:]:
            await self._freeze(connection, window, line)
        return [ClosedWindow(window, day, datetime.now(UTC), len(frozen))]

    async def _freeze(self, connection: Connection, window: int, line: Line) -> None:
        row, (payment, movement) = line.row, line.ids
        theirs = row.theirs if row.status == "success" else ""
        amounts = (row.gross, row.kept, row.gross - row.kept)
        await connection.execute(
            _LINE, window, line.day, line.role, line.party, payment, movement, row.event, line.revision,
            row.status, row.ours, theirs, *amounts, row.currency, row.at,
        )  # fmt: skip


@dataclass
class FakeEvidence:
    """Remembers what it was told, and whether that stood already."""

    told: list[FileAnswer] = field(default_factory=list)

    async def tell(self, connection: Connection, answers: Sequence[FileAnswer]) -> int:
        assert connection.is_in_transaction()
        new = [answer for answer in answers if answer not in self.told]
        self.told += new
        return len(new)

    async def wake(self, _connection: Connection, movements: Collection[UUID]) -> int:
        return len(movements)


@dataclass
class FakeChargebackRows:
    """Remembers the chargeback rows that it was told, each outside any transaction."""

    told: list[ChargebackRow] = field(default_factory=list)
    failures: int = 0

    async def record(self, connection: Connection, row: ChargebackRow) -> ChargebackRowAnswer:
        assert not connection.is_in_transaction()
        if self.failures:
            self.failures -= 1
            raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")
        is_known = row.name in {earlier.name for earlier in self.told}
        self.told.append(row)
        outcome = ChargebackRowOutcome.KNOWN if is_known else ChargebackRowOutcome.OPENED
        return ChargebackRowAnswer(row, outcome, 1)

    async def booked_by(self, _connection: Connection, row: ChargebackRow) -> str:
        raise NotImplementedError

    async def decide(self, _connection: Connection, entry_id: UUID, row: ChargebackRow) -> None:
        raise NotImplementedError

    async def release(self, _connection: Connection, entry_id: UUID, reversal_id: UUID) -> None:
        raise NotImplementedError


@dataclass
class FakeBooks:
    """Says what stands on accounts; nights of this stage post nothing."""

    told: dict[str, int]

    async def open_accounts(self, accounts: Collection[str]) -> None:
        assert accounts

    async def post(self, _connection: Connection, adjustments: Sequence[Adjustment]) -> None:
        raise NotImplementedError

    async def balances(self, _connection: Connection) -> dict[str, int]:
        return dict(self.told)


@dataclass
class NightStage:
    """An installation in a folder and a database; what is booked and sent here is what its nights see."""

    endpoint: Endpoint
    home_folder: Path
    institutions: Collection[str] = (BREB,)
    first: date = SUN
    absent: set[LogicalKey] = field(default_factory=set)
    lines: list[Line] = field(default_factory=list)
    evidence: FakeEvidence = field(default_factory=FakeEvidence)
    chargeback_rows: FakeChargebackRows = field(default_factory=FakeChargebackRows)
    balances: dict[str, int] = field(default_factory=dict)
    is_rehearsal: bool = False
    _written: set[LogicalKey] = field(default_factory=set)
    _closing: dict[date, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.config.exists():
            shutil.copytree(CONFIG, self.config)
            # The one bank whose statements the tests can write.
            npsb = self.config / "statements" / "npsb.toml"
            text = npsb.read_text(encoding="utf-8").replace("stmt_janata", SONALI)
            npsb.write_text(text, encoding="utf-8")

    def deposit_alarm_days(self) -> Mapping[str, Decimal]:
        return {}

    def copied(self, endpoint: Endpoint, home: Path) -> "NightStage":
        """The same stage over copies of its database and folder."""
        return replace(
            self,
            endpoint=endpoint,
            home_folder=home,
            absent=set(self.absent),
            lines=list(self.lines),
            evidence=FakeEvidence(list(self.evidence.told)),
            chargeback_rows=FakeChargebackRows(list(self.chargeback_rows.told)),
            _written=set(self._written),
            _closing=dict(self._closing),
        )

    # ---- what a night asks of the core

    @property
    def config(self) -> Path:
        return self.home_folder / "config"

    @property
    def windows(self) -> FakeWindows:
        return FakeWindows(self)

    @property
    def books(self) -> AdjustmentBooks:
        return FakeBooks(self.balances)

    @property
    def movements(self) -> LiveMovements:
        return LiveMovementRows()

    @property
    def bank_lines(self) -> BankLines:
        return BankLineRows()

    @property
    def alarms(self) -> AlarmBooks:
        return WingAlarms()

    @property
    def persons(self) -> Persons:
        return Everybody()

    async def write_partner_statements(self, _night: date, folder: Path) -> int:
        await asyncio.to_thread(folder.mkdir, parents=True)
        return 0

    def url(self, role: str = "app") -> str:
        return self.endpoint.dsn(f"ekpay_{role}")

    async def connect(self, role: str = "app") -> Connection:
        return await asyncpg.connect(self.url(role), server_settings={"statement_timeout": "60s"})

    async def superuser(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.endpoint.dsn("postgres"))

    # ---- what a test says

    @property
    def inbox(self) -> Path:
        folder = self.home_folder / "reconciliation" / "inbox"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def schedule(self) -> FileSchedule:
        rules = NightRules.read(self.config)
        names = with_banks(self.institutions, rules.layouts)
        calendar = read_calendar(self.config / "calendar.toml")
        last = self.first + timedelta(days=40)
        return FileSchedule(calendar, self.first, last, dict.fromkeys(sorted(names), self.first))

    def book(
        self, party: str, *rows: Movement, day: date | None = None, revision: int = 1, further: str = ""
    ) -> "NightStage":
        """Put movements into our books; they are frozen with the window of their date, or of `day`.

        `further` names a movement that came under the reference of another one.
        """
        role = "biller" if party == BREB else "connector"
        for row in rows:
            when = row.at.date() if day is None else day
            self.lines.append(Line(when, party, row, role, revision, further))
        return self

    def send(
        self, party: str, rows: Sequence[Movement], day: date, *, cycle: int = 0, correction: int = 0
    ) -> "NightStage":
        """Lay a file of an institution into the inbox, by default that of its last cycle."""
        schedule = self.schedule
        key = LogicalKey(party, day, cycle or schedule.cycles(party))
        head = Head(day, key.cycle, schedule.place(key), correction)
        return self.lay(key, WRITERS[party](rows, head), correction)

    def credit(self, entries: Sequence[Credit], day: date, *, correction: int = 0) -> "NightStage":
        """Lay a statement of Sonali Bank into the inbox."""
        opening = self._balance(day)
        self._closing[day] = opening + sum(entry.amount for entry in entries)
        content = stmt_sonali(entries, Head(day), opening)
        return self.lay(LogicalKey(SONALI, day, 1), content, correction)

    def lay(self, key: LogicalKey, content: bytes, correction: int = 0) -> "NightStage":
        layout = NightRules.read(self.config).layouts[key.institution]
        stem, _, extension = expected_name(key, layout).rpartition(".")
        name = f"{stem}_c{correction}.{extension}" if correction else f"{stem}.{extension}"
        (self.inbox / name).write_bytes(content)
        self._written.add(key)
        return self

    def empty(self, night: date) -> "NightStage":
        """Let everybody send what is due by a night and has not been sent: files without rows."""
        schedule = self.schedule
        for key in sorted(schedule.due_by(night)):
            if key not in self._written and key not in self.absent:
                if key.institution == SONALI:
                    self.credit([], key.day)
                else:
                    head = Head(key.day, key.cycle, schedule.place(key))
                    self.lay(key, WRITERS[key.institution]([], head))
        return self

    async def night(self, night: date, watch: Watcher | None = None) -> NightOutcome:
        """Run a night as it lies there; the last of those that were run."""
        ran = await run_nights(self, night, NightContext(watch or nobody))
        return ran[-1]

    async def full_night(self, night: date) -> NightOutcome:
        """Run a night for which everybody sent what was due."""
        return await self.empty(night).night(night)

    # ---- what a test asks

    async def rows(self, query: str, *values: object) -> list[Any]:
        connection = await self.superuser()
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    async def breaks(self) -> set[tuple[str, str, str, str]]:
        """Code, reference, first night and state of every break."""
        found = await self.rows(
            "SELECT b.code, b.reference, b.first_seen::text, (SELECT state FROM reconciliation.break_events e"
            " WHERE e.break_id = b.id ORDER BY seq DESC LIMIT 1) FROM reconciliation.breaks b"
        )
        return {tuple(row) for row in found}

    async def events(self, reference: str) -> list[str]:
        """What happened to the breaks of a reference, in order: code and event."""
        found = await self.rows(
            "SELECT b.code || ' ' || e.event AS told FROM reconciliation.break_events e"
            " JOIN reconciliation.breaks b ON b.id = e.break_id WHERE b.reference = $1 ORDER BY e.seq",
            reference,
        )
        return [row["told"] for row in found]

    async def alarms_of_breaks(self) -> list[Any]:
        """Every alarm about breaks, oldest first."""
        return await self.rows("SELECT * FROM alarms WHERE kind = 'breaks_open' ORDER BY raised_at, subject")

    def _balance(self, day: date) -> int:
        earlier = [one for one in self._closing if one < day]
        return self._closing[max(earlier)] if earlier else 0


def nobody(_night: date, _step: NightStep) -> None:
    """Watches nothing."""


def digests(ran: NightOutcome) -> tuple[str, ...]:
    """Everything that must be the same when the same is run again."""
    run = ran.run
    return run.identity_digest, run.findings_digest, run.outcome_digest, run.rows_digest
