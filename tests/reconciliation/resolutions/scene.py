"""What decisions are tested on: a run with breaks in real tables, four persons, and the real books."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4, uuid5

from ekpay_switch.persistence.alarms.wing import WingAlarms
from ekpay_switch.persistence.audit.run import run as audit
from ekpay_switch.persistence.bank_lines import BankLineRows
from ekpay_switch.persistence.collections.live_movements import LiveMovementRows
from ekpay_switch.persistence.disputes.chargeback_rows import DisputedChargebackRows
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.ledger.adjustments import Adjustments
from ekpay_switch.persistence.ledger.windows import SettlementWindows
from ekpay_switch.ports.disputes import ChargebackRows
from ekpay_switch.ports.finance import (
    Adjustment,
    AdjustmentBooks,
    AlarmBooks,
    BankLines,
    Connection,
    FileAnswer,
    FileEvidence,
    Finance,
    LiveMovements,
    Persons,
    Windows,
)
from reconciliation.calendar import read_calendar
from reconciliation.resolutions.break_lookup import break_by
from reconciliation.resolutions.day_closing import verify_closings
from reconciliation.resolutions.decision_proofs import verify_decisions
from reconciliation.resolutions.decision_records import CheckerVerdict, Resolution
from reconciliation.resolutions.decision_store import resolutions_of
from reconciliation.resolutions.decisions import CheckOrder, Proposal, ResolutionActions
from reconciliation.resolutions.resolution_actions import ResolutionAction, read_resolution_rules
from reconciliation.resolutions.resolution_postings import touches_our_bank
from reconciliation.results.break_results import events_of, write_breaks
from reconciliation.results.event_chain import NewEvent, append, verify_chain
from reconciliation.results.file_results import write_files
from reconciliation.results.records import (
    BreakEvent,
    BreakEventKind,
    BreakRecord,
    BreakState,
    FileRecord,
    PositionRecord,
    RunRecord,
)
from reconciliation.results.runs import write_run
from tests.database import database_of
from tests.persistence.staff_rows import persons
from tests.reconciliation.persons import Everybody

CONFIG = Path(__file__).parents[3] / "config"
NIGHT = date(2026, 11, 2)
MAKER, CHECKER, OTHER, THIRD = "rahima", "karim", "salma", "jamal"
_STATE = "INSERT INTO reconciliation.file_states (file_id, run_id, state, rounding) VALUES ($1, $2, $3, 0)"
_SPACE = UUID("6f1c2a34-7a51-4c0e-9a5e-000000000001")


@dataclass
class Waker:
    """Evidence that only counts whom it was asked to wake."""

    woken: list[UUID] = field(default_factory=list)

    async def tell(self, connection: Connection, answers: Sequence[FileAnswer]) -> int:
        raise NotImplementedError

    async def wake(self, connection: Connection, movements: Collection[UUID]) -> int:
        assert await connection.fetchval("SELECT true")
        self.woken.extend(movements)
        return len(movements)


class DyingBooks(Adjustments):
    """Books whose process is gone as soon as the entry is written."""

    async def post(self, connection: Connection, adjustments: Sequence[Adjustment]) -> None:
        await super().post(connection, adjustments)
        raise ConnectionResetError


@dataclass
class FinanceOnTrial:
    """`finance_ports.Finance` over the test's database, books and windows real, the rest watched."""

    endpoint: Endpoint
    home_folder: Path
    config: Path = CONFIG
    waker: Waker = field(default_factory=Waker)
    dying: AdjustmentBooks | None = None
    is_rehearsal: bool = False

    def deposit_alarm_days(self) -> Mapping[str, Decimal]:
        return {}

    @property
    def windows(self) -> Windows:
        return SettlementWindows(self.connect)

    @property
    def books(self) -> AdjustmentBooks:
        return self.dying or Adjustments(self.connect)

    @property
    def evidence(self) -> FileEvidence:
        return self.waker

    @property
    def chargeback_rows(self) -> ChargebackRows:
        return DisputedChargebackRows()

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

    async def write_partner_statements(self, night: date, folder: Path) -> int:
        raise NotImplementedError

    def url(self, role: str = "app") -> str:
        return database_of(self.endpoint).url(role)

    async def connect(self, role: str = "app") -> Connection:
        return await database_of(self.endpoint).connect(role)


@dataclass
class Scene:
    """One test's desk; `connection` is the application's, `root` holds no grant back."""

    endpoint: Endpoint
    finance: FinanceOnTrial
    desk: ResolutionActions
    connection: Connection
    root: Connection
    run: RunRecord

    async def found(
        self, code: str, institution: str = "bkash", reference: str = "R1", **facts: object
    ) -> UUID:
        """A break that the newest run has found, open; amounts of 5 taka unless told."""
        one = a_break(self.run, code, institution, reference, **facts)
        async with self.connection.transaction():
            await write_breaks(self.connection, [one])
            await append(self.connection, [event_of(one.id, self.run)])
        return one.id

    async def next_run(self, night: date, number: int = 1, **facts: object) -> RunRecord:
        self.run = a_run(self.run.seq + 1, night, number, **facts)
        async with self.connection.transaction():
            await write_run(self.connection, self.run, [])
        return self.run

    async def file(self, name: str, state: str, settled: int, correction: int = 0) -> int:
        """A file that the newest run has judged."""
        one = a_file(name, self.run.night, state, settled, correction)
        places = await write_files(self.connection, self.run.id, [one])
        await self.file_state(places[0], state)
        return places[0]

    async def file_state(self, place: int, state: str) -> None:
        await self.root.execute(_STATE, place, self.run.id, state)

    async def happens(self, break_id: UUID, kind: BreakEventKind, state: BreakState) -> None:
        """A run closes or opens a break."""
        async with self.connection.transaction():
            await append(self.connection, [replace(event_of(break_id, self.run), event=kind, state=state)])

    async def propose(
        self,
        break_id: UUID,
        action: ResolutionAction = ResolutionAction.WRITE_OFF,
        by: str = MAKER,
        **facts: object,
    ) -> Resolution:
        if touches_our_bank(action):
            facts.setdefault("bank_reference", f"FT-{uuid4()}")
        proposal = Proposal(break_id, action, "the bank will not pay", by)
        return await self.desk.propose(replace(proposal, **facts))  # type: ignore[arg-type]

    async def check(
        self, one: Resolution, by: str = CHECKER, verdict: CheckerVerdict = CheckerVerdict.APPROVED
    ) -> Resolution:
        return await self.desk.check(CheckOrder(one.id, by, verdict))

    async def decided(
        self, break_id: UUID, action: ResolutionAction = ResolutionAction.WRITE_OFF, **facts: object
    ) -> Resolution:
        """Proposed and approved by as many as are needed."""
        one = await self.propose(break_id, action, MAKER, **facts)
        for checker in (CHECKER, OTHER)[: one.checkers_needed]:
            one = await self.check(one, checker)
        return one

    async def broken(self, break_id: UUID) -> BreakRecord:
        return await break_by(self.connection, break_id, self.desk.calendar)

    async def state(self, break_id: UUID) -> BreakState:
        return (await self.broken(break_id)).state

    async def events(self, break_id: UUID) -> list[BreakEvent]:
        return await events_of(self.connection, break_id)

    async def kinds(self, break_id: UUID) -> list[str]:
        return [event.event.value for event in await self.events(break_id)]

    async def decisions(self, break_id: UUID) -> list[Resolution]:
        return await resolutions_of(self.connection, break_id)

    async def count(self, table: str) -> int:
        return int(await self.root.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our own words

    async def balances(self) -> dict[str, int]:
        """Accounts that hold anything, each in its own direction."""
        found = await self.finance.books.balances(self.connection)
        return {account: paisa for account, paisa in found.items() if paisa}

    async def is_sound(self) -> bool:
        """The audit of the books, the chain of events, every closing, and decisions beside entries."""
        finding = await audit(database_of(self.endpoint))
        assert finding is None, finding
        assert await verify_chain(self.connection) is None
        assert await verify_closings(self.connection) is None
        assert await verify_decisions(self.connection) is None
        return True


@asynccontextmanager
async def set_scene(place: Endpoint, home: Path = CONFIG) -> AsyncIterator[Scene]:
    finance = FinanceOnTrial(place, home)
    is_finance: Finance = finance
    calendar = read_calendar(CONFIG / "calendar.toml")
    desk = ResolutionActions(is_finance, read_resolution_rules(CONFIG / "resolutions.toml"), calendar)
    database = database_of(place)
    connection, root = await database.connect(), await database.connect("owner")
    try:
        for person in (MAKER, CHECKER, OTHER, THIRD):
            await root.execute(persons(person))
        run = a_run(1, NIGHT, 1)
        await write_run(connection, run, [PositionRecord("bkash", 990, 1_000, 10, 0, 0)])
        yield Scene(place, finance, desk, connection, root, run)
    finally:
        await connection.close()
        await root.close()


def a_run(seq: int, night: date, number: int, **facts: object) -> RunRecord:
    one = RunRecord(
        id=uuid4(),
        seq=seq,
        night=night,
        number=number,
        identity={"ledger": "l", "files": "f", "rules": "r", "calendar": "c"},
        identity_digest=f"identity {seq}",
        findings_digest=f"findings {seq}",
        outcome_digest=f"outcome {seq}",
        rows_digest=f"rows {seq}",
        last_line=0,
        figures={"rows": 3},
        invariants={"conservation": "hold"},
        sql="",
        started_at=datetime.combine(night + timedelta(days=1), time(), UTC),
    )
    return replace(one, **facts)  # type: ignore[arg-type]


def a_break(run: RunRecord, code: str, institution: str, reference: str, **facts: object) -> BreakRecord:
    one = BreakRecord(
        id=uuid5(_SPACE, f"{code} {institution} {reference}"),
        run_id=run.id,
        code=code,
        institution=institution,
        reference=reference,
        first_seen=run.night,
        age=0,
        state=BreakState.OPEN,
        amount=500,
        difference=0,
        exposure=500,
        file="",
        day=run.night,
        cycle=1,
        owner="finance",
        deadline=date(2026, 11, 4),
        diagnosis="",
        details={"en": f"{reference} stands apart.", "bn": "গরমিল।", "rows": [], "movements": []},
    )
    return replace(one, **facts)  # type: ignore[arg-type]


def a_file(name: str, night: date, state: str, settled: int, correction: int) -> FileRecord:
    return FileRecord(
        name=name,
        institution=name.split("_", 1)[0],
        day=NIGHT,
        cycle=1,
        correction=correction,
        sha256=f"sha of {name}",
        source="folder",
        received_at=datetime(2026, 11, 3, tzinfo=UTC),
        night=night,
        layout_version="1",
        state=state,
        rows=3,
        settled=settled,
        sequence=None,
        closing=None,
        rounding=0,
    )


def event_of(break_id: UUID, run: RunRecord) -> NewEvent:
    facts = {"run": run.seq}
    return NewEvent(break_id, run.night, "night", BreakEventKind.FOUND, BreakState.OPEN, facts)
