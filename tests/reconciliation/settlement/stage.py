"""Settlement over real tables: runs with rows of our choice, books with money in them, two persons."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import polars as pl

from ekpay_switch.domain.ledger.entries import Entry, increase
from ekpay_switch.persistence.alarms.wing import WingAlarms
from ekpay_switch.persistence.bank_lines import BankLineRows
from ekpay_switch.persistence.ledger.adjustments import Adjustments
from ekpay_switch.ports.finance import Adjustment, Connection, Finance
from reconciliation.canonical_row import BRINGS, FILE, IDENTITY, LEDGER, MATCHED, SUCCESS, complete
from reconciliation.results.committed_rows import ChangedRows, row_names
from reconciliation.results.records import RunRecord
from reconciliation.results.runs import write_run
from reconciliation.settlement.contradictions import decide_contradiction
from reconciliation.settlement.current_state import SettlementSetting, open_work, read_setting
from reconciliation.settlement.instructions.account_registry import AccountRegistry
from reconciliation.settlement.post_outcomes import PostedOutcomes, post_outcomes
from reconciliation.settlement.settle_value_date import SettledValueDate, SettlementOrder, settle
from reconciliation.settlement.store.bank_outcomes import AnswerFile
from reconciliation.settlement.store.contradictions import ContradictionDecision, Verdict
from tests.persistence.books import Books
from tests.persistence.staff_rows import persons
from tests.reconciliation.settlement.sample_lines import CONFIG, SUN

MAKER, CHECKER = "Rahima", "Karim"
JOURNAL = """
SELECT j.moment, p.account, p.amount FROM journal_entries AS j JOIN postings AS p ON p.entry_id = j.id
WHERE j.moment <> 'opening' ORDER BY j.seq, p.seq
"""
CLOSE = "UPDATE settlement_windows SET state = 'closed', closed_at = clock_timestamp() WHERE state = 'open'"
Row = dict[str, object]


class Persons:
    """Everybody is who they say."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def verify(self, name: str, passphrase: str) -> None:
        self.asked.append((name, passphrase))

    async def may_decide(self, _connection: Connection, _name: str) -> bool:
        return True


@dataclass
class Office:
    """`Finance` over the books of a test."""

    books_: Books
    home_folder: Path
    config: Path = CONFIG
    persons: Persons = field(default_factory=Persons)
    is_rehearsal: bool = True
    alarm_days: dict[str, Decimal] = field(default_factory=dict)

    def deposit_alarm_days(self) -> Mapping[str, Decimal]:
        return self.alarm_days

    @cached_property
    def books(self) -> Adjustments:
        return Adjustments(self.books_.database.connect)

    @cached_property
    def alarms(self) -> WingAlarms:
        return WingAlarms()

    @cached_property
    def bank_lines(self) -> BankLineRows:
        return BankLineRows()

    async def connect(self, role: str = "app") -> Any:  # noqa: ANN401 - the driver's own
        return await self.books_.database.connect(role)


@dataclass(frozen=True)
class KeptRows:
    """Rows of runs as a test has kept them, each run with everything that counts behind it."""

    kept: Mapping[int, pl.DataFrame]

    def changed_rows(self, run: RunRecord) -> ChangedRows:
        """What is new or says something else than behind the run before."""
        now = self.kept[run.seq]
        before = self.kept.get(run.seq - 1, now.clear())
        lost = frozenset(row_names(before)) - frozenset(row_names(now))
        return ChangedRows(now.join(before, on=list(now.columns), how="anti", nulls_equal=True), lost)

    def settled_rows(self, run: RunRecord, runs: Iterable[int], names: Collection[str]) -> pl.DataFrame:
        written = [self.changed_rows(replace(run, seq=one)).rows for one in sorted(runs)]
        rows = pl.concat([self.kept[run.seq].clear(), *written])
        rows = rows.unique(IDENTITY, keep="last", maintain_order=True)
        counting = set(row_names(self.kept[run.seq])) & set(names)
        return rows.filter(pl.format("{}:{}", "origin", "ordinal").is_in(sorted(counting)))

    def of_institutions(self, run: RunRecord, institutions: Sequence[str]) -> pl.DataFrame:
        return self.kept[run.seq].filter(pl.col("institution").is_in(institutions))

    def all_rows(self, run: RunRecord, columns: Sequence[str]) -> pl.DataFrame:
        return self.kept[run.seq].select(list(dict.fromkeys([*IDENTITY, *columns])))


@dataclass
class Stage:
    """One test's settlement. `rows` are what the newest run has judged."""

    books: Books
    home: Path
    rows: list[Row] = field(default_factory=list)
    runs: int = 0
    kept: dict[int, pl.DataFrame] = field(default_factory=dict)

    @cached_property
    def office(self) -> Office:
        return Office(self.books, self.home)

    @cached_property
    def desk(self) -> SettlementSetting:
        return read_setting(cast("Finance", self.office), KeptRows(self.kept))

    def with_registry(self, registry: AccountRegistry) -> "Stage":
        """The same stage with other accounts to pay into."""
        self.__dict__["desk"] = replace(self.desk, registry=registry)
        return self

    @property
    def frame(self) -> pl.DataFrame:
        return complete(pl.DataFrame(self.rows)) if self.rows else complete(pl.DataFrame({"source": []}))

    async def staff(self) -> "Stage":
        for name in (MAKER, CHECKER):
            await self.books.tell(persons(name))
        return self

    async def hold(self, moved: Mapping[str, int], *, owed: Sequence[tuple[str, int]] = ()) -> "Stage":
        """Post balances, each in its account's own direction; what they leave over goes to `rounding`."""
        lines = [increase(account, paisa) for account, paisa in moved.items()]
        lines.append(increase("rounding", sum(line.amount for line in lines)))
        postings = tuple((line.account, line.amount) for line in lines if line.amount)
        return await self.write(Adjustment(uuid4(), "opening", postings, payable_changes=tuple(owed)))

    async def post(self, entry: Entry) -> "Stage":
        """Post an entry of the core's own."""
        return await self.write(Adjustment.of(uuid4(), entry))

    async def write(self, adjustment: Adjustment) -> "Stage":
        await self.office.books.open_accounts([account for account, _ in adjustment.postings])
        connection = await self.office.connect()
        try:
            async with connection.transaction():
                await self.office.books.post(connection, [adjustment])
        finally:
            await connection.close()
        return self

    async def run(self, night: date = SUN, *, holds: bool = True, last_line: int = 0) -> UUID:
        """Close what is open and commit a run of a night over the rows as they are."""
        await self.books.tell(CLOSE)
        self.runs += 1
        self.kept[self.runs] = self.frame
        record = RunRecord(
            uuid4(), self.runs, night, self.runs, {}, "", "", "", "", last_line, {},
            {"sums": "hold" if holds else "1 paisa"}, "", datetime(2026, 4, 5, tzinfo=UTC),
        )  # fmt: skip
        connection = await self.office.connect()
        try:
            await write_run(connection, record, [])
        finally:
            await connection.close()
        return record.id

    async def settle(self, value_date: date, override: str = "no night is closed here") -> SettledValueDate:
        async with open_work(self.desk) as work:
            return await settle(work, SettlementOrder(value_date, MAKER, CHECKER, override))

    async def follow(self, answer: bytes | None = None) -> PostedOutcomes:
        async with open_work(self.desk) as work:
            return await post_outcomes(work, AnswerFile(answer, MAKER, CHECKER) if answer else None)

    async def decide(self, end_to_end_id: str, verdict: Verdict) -> None:
        async with open_work(self.desk) as work:
            decision = ContradictionDecision(end_to_end_id, verdict, "asked their desk", MAKER, CHECKER)
            await decide_contradiction(work, decision)

    async def balances(self) -> dict[str, int]:
        connection = await self.office.connect()
        try:
            found = await self.office.books.balances(connection)
        finally:
            await connection.close()
        return {name: paisa for name, paisa in found.items() if paisa and name != "rounding"}

    async def journal(self) -> list[tuple[str, str, int]]:
        """What settlement has posted."""
        return [tuple(row) for row in await self.books.rows(JOURNAL)]

    async def journal_of_settlement(self) -> list[tuple[str, str, int]]:
        """The same where payments were posted as well."""
        return [line for line in await self.journal() if line[0].startswith("settlement_")]


def row(institution: str, reference: str, net: int, **more: object) -> Row:
    """A matched row of a file of Sunday that succeeded."""
    told: Row = {
        "source": FILE, "origin": f"{institution}_20260405_01.txt", "ordinal": 1, "institution": institution,
        "reference": reference, "direction": BRINGS, "ours": reference, "theirs": f"T{reference}",
        "status": SUCCESS, "gross": net, "fee": 0, "vat": 0, "net": net, "currency": "BDT",
        "instant": datetime(2026, 4, 5, 6, tzinfo=UTC), "business_date": SUN, "verdict": MATCHED,
    }  # fmt: skip
    return told | more


def ours(institution: str, reference: str, net: int, **more: object) -> Row:
    """The same movement in our books."""
    return row(institution, reference, net, **{"source": LEDGER, "origin": "lines-1"} | more)


def pair(institution: str, reference: str, net: int, *, file: str = "", **more: object) -> list[Row]:
    """A movement on both sides that agrees."""
    named = {"origin": file} if file else {}
    return [row(institution, reference, net, **named, **more), ours(institution, reference, net, **more)]


def expected(bank: str, batch: str, net: int, day: date) -> Row:
    """What we expect of a batch on a statement."""
    return ours(bank, batch, net, origin=f"payout {batch} 1", business_date=day)


def booked(bank: str, reference: str, net: int, day: date, **more: object) -> Row:
    """An entry on a statement."""
    told = {"origin": f"{bank}_{day:%Y%m%d}_01.xml", "business_date": day, "theirs": "SB1", **more}
    return row(bank, reference, net, **told)


def report(end_to_end_id: str, state: str, reason: str = "AC04") -> bytes:
    """A bank's answer about one instruction."""
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10"><FIToFIPmtStsRpt>'
        f"<TxInfAndSts><OrgnlEndToEndId>{end_to_end_id}</OrgnlEndToEndId><TxSts>{state}</TxSts>"
        f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf></TxInfAndSts></FIToFIPmtStsRpt></Document>"
    ).encode()


def next_day(day: date) -> date:
    return day + timedelta(days=1)
