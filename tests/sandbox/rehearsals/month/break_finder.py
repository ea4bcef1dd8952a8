"""Find what is wrong with a month, by the rules of docs/protocols/reconciliation-month.md.

A small judge in plain Python that keeps everything in memory: it proves that the key of a month says what the
document says. No code of the generator is used.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from tests.sandbox.rehearsals.month.file_reader import Read, read
from tests.sandbox.rehearsals.month.table_rows import Line

DAYS = [date(2026, 4, 1) + timedelta(days=number) for number in range(30)]
_CLOSED = {date(2026, 4, 13), date(2026, 4, 14)}
_DHAKA = timedelta(hours=6)
_BOUND_PAISA = 10
_SEQUENCED = {"janata", "npsb", "okwallet", "breb_postpaid", "achallan_generic"}

Finding = tuple[str, str, str, str]


@dataclass(frozen=True)
class Facts:
    """One line of the table of institutions; a cut-off of None is midnight."""

    code: str = ""
    is_business: bool = False
    cut_off: time | None = None
    cycles: int = 1
    lag: int = 0
    bank: str = ""


S, J = "stmt_sonali", "stmt_janata"
HOUSES: Mapping[str, Facts] = {
    "bkash": Facts("BKASH", lag=1, bank=S),
    "nagad": Facts("NAGAD", lag=1, bank=J),
    "dbbl_nexus": Facts("NEXUS", bank=S),
    "sslcommerz": Facts("SSLCZ", lag=2, bank=S),
    "upay": Facts("UPAY", lag=1, bank=J),
    "sonali_spg": Facts("SPG", is_business=True, bank=S),
    "ebl": Facts("EBL", is_business=True, cut_off=time(23), lag=1, bank=S),
    "janata": Facts("JANATA", is_business=True, cut_off=time(20), bank=J),
    "npsb": Facts("NPSB", cycles=4, bank=J),
    "okwallet": Facts("OKW", lag=1, bank=J),
    "mcash": Facts("MCASH", lag=1, bank=S),
    "desco_postpaid": Facts(),
    "breb_postpaid": Facts(cycles=2),
    "nesco_postpaid": Facts(lag=1),
    "dhaka_wasa": Facts(lag=1),
    "jalalabad_gas": Facts(is_business=True, lag=1),
    "achallan_generic": Facts(is_business=True, cut_off=time(22)),
    S: Facts(is_business=True),
    J: Facts(is_business=True),
}
_CHARGES = {S: 1_150, J: 575}


def works(day: date) -> bool:
    return day.weekday() not in {4, 5} and day not in _CLOSED


def forward(day: date, count: int) -> date:
    for _ in range(count):
        day += timedelta(days=1)
        while not works(day):
            day += timedelta(days=1)
    return day


def dates(house: str) -> list[date]:
    facts = HOUSES[house]
    made = [day for day in DAYS if works(day) or not facts.is_business]
    return [day for day in made if forward(day, facts.lag) <= DAYS[-1]]


def due(house: str, at: datetime) -> date:
    facts = HOUSES[house]
    day = at.date() + timedelta(days=facts.cut_off is not None and at.time() >= facts.cut_off)
    return forward(day, 1) if facts.is_business and not works(day) else day


def is_late_window(house: str, at: datetime) -> bool:
    cut_off = HOUSES[house].cut_off or time(0)
    day = at.date() + timedelta(days=cut_off == time(0))
    return timedelta(0) < datetime.combine(day, cut_off) - at <= timedelta(minutes=10)


@dataclass(frozen=True)
class Booked:
    """A row of the ledger."""

    house: str
    leg: str
    event: str
    status: str
    ours: str
    theirs: str
    gross: int
    net: int
    at: datetime


@dataclass
class Judge:
    """Everything that was seen so far, and what was found in it."""

    found: dict[tuple[str, str, str], str] = field(default_factory=dict)
    books: dict[tuple[str, str, str], Booked] = field(default_factory=dict)
    learnt: dict[tuple[str, str], Booked] = field(default_factory=dict)
    due: dict[tuple[str, date], list[Booked]] = field(default_factory=lambda: defaultdict(list))
    came: dict[tuple[str, str, int], str] = field(default_factory=dict)
    loaded: dict[tuple[str, str, int], Read] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)
    rows: dict[tuple[str, str, str], list[tuple[Read, Line]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    judged: set[tuple[str, date]] = field(default_factory=set)
    late: dict[tuple[str, date], list[Booked]] = field(default_factory=lambda: defaultdict(list))
    paid: set[tuple[str, date]] = field(default_factory=set)
    night: str = ""

    def find(self, code: str, house: str, reference: str) -> None:
        self.found.setdefault((code, house, reference), self.night)

    def findings(self) -> set[Finding]:
        return {(*name, night) for name, night in self.found.items()}

    def pass_night(self, night: date, folder: Path) -> None:
        self.night = night.isoformat()
        self._read_books(folder / "ledger" / f"{self.night}.csv")
        fresh = [read(path) for path in sorted((folder / "files" / self.night).iterdir())]
        touched = [file for file in fresh if self._take(file)]
        for file in touched:
            self._check_sequence(file)
            if file.house not in _CHARGES:
                self._load(file)
        for file in touched:
            self._judge_rows(file)
        self._judge_absences(night)
        self._judge_batches(night)

    def _read_books(self, path: Path) -> None:
        seen = set()
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            at = datetime.fromisoformat(row["instant"]).replace(tzinfo=None) + _DHAKA
            assert at.date().isoformat() == row["business_date"] == path.stem
            event = "payment" if row["event"] == "payment" else "back"
            name = (row["institution"], row["our_reference"], event)
            if name in seen:
                self.find("DUP_IN_LEDGER", *name[:2])
                continue
            assert name not in self.books
            seen.add(name)
            gross, fee, vat, net = (int(row[column]) for column in ("gross", "fee", "vat", "net"))
            assert gross - fee - vat == net
            booked = Booked(
                name[0], row["leg"], event, row["status"], name[1], row["their_reference"], gross, net, at
            )
            self.books[name] = booked
            self.due[booked.house, due(booked.house, at)].append(booked)
            if booked.theirs:
                assert (booked.house, booked.theirs) not in self.learnt
                self.learnt[booked.house, booked.theirs] = booked

    def _take(self, file: Read) -> bool:
        """Whether a file is to be loaded."""
        place = (file.house, file.date, file.cycle)
        if file.digest in self.digests:
            self.find("FILE_DUPLICATE", file.house, file.name)
            return False
        self.digests.add(file.digest)
        if place in self.came and not file.correction:
            self.find("FILE_REPLAYED", file.house, file.name)
            return False
        self.came.setdefault(place, file.name)
        if not file.is_whole:
            self.find("CONTROL_TOTAL", file.house, file.name)
            return False
        return True

    def _check_sequence(self, file: Read) -> None:
        if file.house not in _SEQUENCED:
            return
        places = [
            (day.isoformat(), cycle)
            for day in dates(file.house)
            for cycle in range(1, HOUSES[file.house].cycles + 1)
        ]
        at = places.index((file.date, file.cycle))
        # How many numbers were left out before each file that came.
        left_out = {
            places.index(place[1:]): other.sequence - places.index(place[1:]) - 1
            for place, other in self.loaded.items()
            if place[0] == file.house
        }
        before = max((place for place in left_out if place < at), default=None)
        if file.sequence - at - 1 > (0 if before is None else left_out[before]):
            self.find("SEQUENCE_GAP", file.house, file.name)

    def _load(self, file: Read) -> None:
        place = (file.house, file.date, file.cycle)
        old = self.loaded.get(place)
        if old is not None:
            self.find("FILE_SUPERSEDED", file.house, old.name)
            for rows in self.rows.values():
                rows[:] = [(other, line) for other, line in rows if other is not old]
        self.loaded[place] = file
        for line in file.lines:
            ours = self._ours(file.house, line)
            if not ours:
                self.find("FILE_ONLY", file.house, line.theirs)
                continue
            self.rows[file.house, ours, line.event].append((file, line))

    def _judge_rows(self, file: Read) -> None:
        if file.house in _CHARGES:
            self.loaded[file.house, file.date, file.cycle] = file
            return
        names = {(file.house, self._ours(file.house, line), line.event) for line in file.lines}
        odd = sum(self._judge_row(file, name) for name in names if name[1])
        if odd > _BOUND_PAISA:
            self.find("ROUNDING", file.house, file.name)

    def _ours(self, house: str, line: Line) -> str:
        known = self.learnt.get((house, line.theirs))
        return line.ours or (known.ours if known else "")

    def _judge_row(self, file: Read, name: tuple[str, str, str]) -> bool:
        """Judge all rows of a name; whether it is a paisa off."""
        rows, booked = self.rows[name], self.books.get(name)
        spoiled = [line for other, line in rows if other is file and not line.is_readable]
        for line in spoiled:
            self.find("ROW_REJECTED", file.house, f"{file.name}:{line.ordinal}")
        if spoiled:
            return False
        if booked is None:
            self.find("FILE_ONLY", *name[:2])
            return False
        if len(rows) > 1:
            self.find(_plural(booked, rows), *name[:2])
            return False
        code, is_odd = self._compared(booked, rows[0][1])
        if code:
            self.find(code, *name[:2])
        return is_odd

    def _compared(self, booked: Booked, line: Line) -> tuple[str, bool]:
        if booked.status == "unknown":
            return "", False
        if line.is_success != (booked.status == "success"):
            return "THEY_SUCCESS_WE_FAILED" if line.is_success else "WE_SUCCESS_THEY_FAILED", False
        if not line.is_success or line.currency != "BDT":
            return "CURRENCY" if line.is_success else "", False
        expected = booked.net
        if line.gross not in {None, booked.gross}:
            back = self.books.get((booked.house, booked.ours, "back"))
            is_shown = bool(self.rows.get((booked.house, booked.ours, "back")))
            if back is None or is_shown or line.gross != booked.gross + back.gross:
                return "AMOUNT", False
            expected += back.net
        off = abs(line.net - expected)
        return ("FEE_VARIANCE" if off > 1 else ""), off == 1

    def _judge_absences(self, night: date) -> None:
        for house, facts in HOUSES.items():
            for day in dates(house):
                if forward(day, facts.lag) > night:
                    break
                places = [(house, day.isoformat(), cycle) for cycle in range(1, facts.cycles + 1)]
                for _, _, cycle in (place for place in places if place not in self.came):
                    name = f"{house}_{day:%Y%m%d}_{cycle:02d}.{_EXTENSIONS[house]}"
                    self.find("FILE_MISSING", house, name)
                if (house, day) in self.judged or not all(place in self.loaded for place in places):
                    continue
                self.judged.add((house, day))
                self._judge_absent(house, day)

    def _judge_absent(self, house: str, day: date) -> None:
        after = day + timedelta(days=1)
        after = forward(day, 1) if HOUSES[house].is_business else after
        for booked in self.due.pop((house, day), []):
            code = self._absent_code(booked)
            if code == "TIMING":
                self.late[house, after].append(booked)
            if code:
                self.find(code, house, booked.ours)
        for booked in self.late.pop((house, day), []):
            if not self.rows.get((house, booked.ours, booked.event)):
                self.find(_lost(booked), house, booked.ours)

    def _absent_code(self, booked: Booked) -> str:
        if booked.status == "failed" or self.rows.get((booked.house, booked.ours, booked.event)):
            return ""
        if booked.event == "back":
            payment = self.books[booked.house, booked.ours, "payment"]
            rows = self.rows.get((booked.house, booked.ours, "payment"), [])
            is_netted = any(line.gross == payment.gross + booked.gross for _, line in rows)
            return "" if is_netted else "REVERSAL_PENDING"
        if booked.status == "unknown":
            return "UNKNOWN_OPEN"
        return "TIMING" if is_late_window(booked.house, booked.at) else _lost(booked)

    def _judge_batches(self, night: date) -> None:
        for bank in _CHARGES:
            for day in dates(bank):
                statement = self.loaded.get((bank, day.isoformat(), 1))
                if day > night or statement is None:
                    continue
                for house in (house for house, facts in HOUSES.items() if facts.bank == bank):
                    self._judge_batch(statement, house, day)
                for line in statement.lines:
                    if not line.ours:
                        self.find("FILE_ONLY", bank, line.theirs)

    def _judge_batch(self, statement: Read, house: str, payout: date) -> None:
        facts = HOUSES[house]
        places = [
            (house, day.isoformat(), cycle)
            for day in dates(house)
            if forward(forward(day, facts.lag), 1) == payout
            for cycle in range(1, facts.cycles + 1)
        ]
        if (house, payout) in self.paid or not places or not all(place in self.loaded for place in places):
            return
        self.paid.add((house, payout))
        settled = sum(
            line.net
            for place in places
            for line in self.loaded[place].lines
            if line.is_success and line.currency == "BDT"
        )
        batch, charge = f"{facts.code}{payout:%Y%m%d}", _CHARGES[facts.bank]
        entry = [line for line in statement.lines if line.ours == batch]
        if settled and not entry:
            self.find("LEDGER_ONLY", statement.house, batch)
        elif entry and [entry[0].net, entry[0].charge] != [settled - charge, charge]:
            self.find("AMOUNT", statement.house, batch)


_EXTENSIONS = {
    **dict.fromkeys(HOUSES, "csv"), "nagad": "xlsx", "janata": "txt", "npsb": "txt", "okwallet": "txt",
    "mcash": "txt", "breb_postpaid": "txt", "achallan_generic": "txt", S: "xml", J: "sta",
}  # fmt: skip


def _lost(booked: Booked) -> str:
    return "LEDGER_ONLY" if booked.leg == "funds" else "BILLER_NOT_POSTED"


def _plural(booked: Booked, rows: Sequence[tuple[Read, Line]]) -> str:
    if len({(line.theirs, line.gross, line.net) for _, line in rows}) == 1:
        return "DUP_IN_FILE" if len({file.name for file, _ in rows}) == 1 else "DUP_ACROSS_FILES"
    is_same = len({line.gross for _, line in rows}) == 1
    return "BILLER_DOUBLE_POST" if booked.leg == "delivery" and is_same else "AMBIGUOUS"


def judge(folder: Path) -> Judge:
    """Pass all nights of a month."""
    made = Judge()
    for night in DAYS:
        made.pass_night(night, folder)
    return made
