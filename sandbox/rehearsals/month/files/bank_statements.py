"""The statements of the two banks to which the connectors pay: camt.053 and MT940.

A credit is the settled amount of all files of a batch, less the bank's charge.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

from sandbox.kit.institution.amounts import taka
from sandbox.rehearsals.month.files.file_faults import FilePlan
from sandbox.rehearsals.month.files.layouts import Cover
from sandbox.rehearsals.month.model.answer_key import AnswerKey, Code
from sandbox.rehearsals.month.model.days import LAST, business_days_after, date_of, is_business
from sandbox.rehearsals.month.model.instants import dashed, plain
from sandbox.rehearsals.month.model.institutions import (
    BANK_CHARGES,
    FUNDS,
    JANATA_ACCOUNT,
    SONALI_ACCOUNT,
    STATEMENTS,
    MonthInstitution,
)
from sandbox.rehearsals.month.model.references import ReferenceMaker

_STRAY_PAISA = 4_321_500
_SHORT_PAISA = (1, 50_000)
# A batch of these is never empty.
_STRUCK_SHARE_MIN = 8


class CreditError(StrEnum):
    """The breaks that one credit can have."""

    SHORT = "short"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement on an account; a negative amount is a debit. `ours` is the batch, or nothing."""

    amount: int
    charge: int
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One day of one account; `number` counts from 1."""

    institution: MonthInstitution
    day: int
    number: int
    opening: int
    closing: int
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class StatementPlan:
    """The planned breaks of statements: by (payout day, institution), and by days of a bank."""

    credits: Mapping[tuple[int, MonthInstitution], tuple[CreditError, int]]
    strays: Mapping[int, str]
    """A credit without a batch: day and bank."""
    cut: int
    """The day on which the statement of Sonali lacks an entry."""


def plan_statements(random: Random, plan: FilePlan) -> StatementPlan:
    """Choose the breaks; a batch with a file that has a break itself gets none."""
    paid: dict[tuple[int, MonthInstitution], bool] = {}
    for institution in FUNDS:
        for date in institution.dates():
            batch = (institution.payout(date), institution)
            paid[batch] = paid.get(batch, True) and plan.is_clean(institution, date)
    days = [day for day in range(LAST) if is_business(day) and business_days_after(day, 1) <= LAST]
    # Late enough that every connector has made a payout.
    cut = random.choice([day for day in days if day > len(FUNDS)])
    used_days = {cut, business_days_after(cut, 1)}
    whole = [
        batch
        for batch, is_whole in paid.items()
        if is_whole and batch[0] <= LAST and batch[0] not in used_days
    ]
    struck = random.sample([batch for batch in whole if batch[1].share >= _STRUCK_SHARE_MIN], 4)
    wrongs = [(CreditError.SHORT, paisa) for paisa in _SHORT_PAISA] + [(CreditError.ABSENT, 0)] * 2
    strays = random.sample([day for day in days if day not in used_days], 2)
    return StatementPlan(
        dict(zip(struck, wrongs, strict=True)),
        dict(zip(strays, (SONALI_ACCOUNT, JANATA_ACCOUNT), strict=True)),
        cut,
    )


class Statements:
    """Writes the statements of each day, and records their breaks in the key."""

    def __init__(self, files: Path, plan: StatementPlan, key: AnswerKey, names: ReferenceMaker) -> None:
        self._files = files
        self._plan = plan
        self._key = key
        self._names = names
        self._balances = dict.fromkeys(STATEMENTS, 0)
        self._numbers = dict.fromkeys(STATEMENTS, 0)

    def write_day(self, day: int, settled: Mapping[MonthInstitution, int]) -> None:
        """Write what each bank booked on a business day."""
        for bank in STATEMENTS:
            entries = [*self._credits(day, bank, settled), *self._strays(day, bank)]
            opening = self._balances[bank]
            self._balances[bank] = opening + sum(entry.amount for entry in entries)
            self._numbers[bank] += 1
            statement = Statement(bank, day, self._numbers[bank], opening, self._balances[bank], entries)
            if bank.id == SONALI_ACCOUNT and day == self._plan.cut:
                self._write_cut(statement)
            else:
                self._write(statement, day, statement.entries)

    def _write_cut(self, statement: Statement) -> None:
        first = self._write(statement, statement.day, statement.entries[1:])
        self._write(statement, business_days_after(statement.day, 1), statement.entries, correction=1)
        self._key.add(
            Code.CONTROL_TOTAL, statement.institution.id, first.name, statement.day, "an entry is missing"
        )

    def _write(self, statement: Statement, night: int, entries: Sequence[Entry], correction: int = 0) -> Path:
        write, extension = WRITERS[statement.institution.id]
        name = Cover(statement.institution, statement.day, 1, correction=correction).name(extension)
        path = self._files / dashed(night) / name
        path.write_bytes(write(statement, entries).encode())
        return path

    def _credits(
        self, day: int, bank: MonthInstitution, settled: Mapping[MonthInstitution, int]
    ) -> Iterable[Entry]:
        for institution in FUNDS:
            if institution.bank != bank.id or not settled.get(institution, 0):
                continue
            charge, batch = BANK_CHARGES[bank.id], institution.batch(plain(day))
            wrong, short = self._plan.credits.get((day, institution), (None, 0))
            if wrong is CreditError.ABSENT:
                self._key.add(Code.LEDGER_ONLY, bank.id, batch, day, "a payout is missing")
                continue
            if wrong is CreditError.SHORT:
                self._key.add(Code.AMOUNT, bank.id, batch, day, "funds short")
            yield Entry(settled[institution] - charge - short, charge, batch, self._names.theirs(bank))

    def _strays(self, day: int, bank: MonthInstitution) -> Iterable[Entry]:
        if self._plan.strays.get(day) == bank.id:
            entry = Entry(_STRAY_PAISA, 0, "", self._names.theirs(bank))
            self._key.add(Code.FILE_ONLY, bank.id, entry.theirs, day, "a credit of nobody")
            yield entry


_CAMT = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def _camt(statement: Statement, entries: Sequence[Entry]) -> str:
    day, number = dashed(statement.day), statement.number
    total = taka(sum(abs(entry.amount) for entry in statement.entries))
    return "\n".join([
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Document xmlns="{_CAMT}"><BkToCstmrStmt>',
        f"<GrpHdr><MsgId>S{plain(statement.day)}</MsgId><CreDtTm>{day}T23:55:00+06:00</CreDtTm></GrpHdr>",
        f"<Stmt><Id>S{plain(statement.day)}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb>",
        f"<CreDtTm>{day}T23:55:00+06:00</CreDtTm>",
        "<Acct><Id><Othr><Id>0127000000001</Id></Othr></Id><Ccy>BDT</Ccy></Acct>",
        _balance("OPBD", statement.opening, day),
        _balance("CLBD", statement.closing, day),
        "<TxsSummry><TtlNtries>",
        f"<NbOfNtries>{len(statement.entries)}</NbOfNtries><Sum>{total}</Sum></TtlNtries></TxsSummry>",
        *(_camt_entry(entry, day) for entry in entries),
        "</Stmt></BkToCstmrStmt></Document>",
        "",
    ])  # fmt: skip


def _sign(paisa: int) -> str:
    return "DBIT" if paisa < 0 else "CRDT"


def _balance(kind: str, paisa: int, day: str) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="BDT">{taka(abs(paisa))}</Amt>'
        f"<CdtDbtInd>{_sign(paisa)}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _camt_entry(entry: Entry, day: str) -> str:
    charge = f'<Chrgs><TtlChrgsAndTaxAmt Ccy="BDT">{taka(entry.charge)}</TtlChrgsAndTaxAmt></Chrgs>'
    return (
        f'<Ntry><Amt Ccy="BDT">{taka(abs(entry.amount))}</Amt><CdtDbtInd>{_sign(entry.amount)}</CdtDbtInd>'
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
        f"<AcctSvcrRef>{entry.theirs}</AcctSvcrRef><BkTxCd><Prtry><Cd>STLM</Cd></Prtry></BkTxCd>"
        f"{charge if entry.charge else ''}<NtryDtls><TxDtls><Refs><EndToEndId>{entry.ours or 'NOTPROVIDED'}"
        "</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>"
    )


def _comma(paisa: int) -> str:
    return taka(abs(paisa)).replace(".", ",")


def _letter(paisa: int) -> str:
    return "D" if paisa < 0 else "C"


def _mt940(statement: Statement, entries: Sequence[Entry]) -> str:
    day = f"{date_of(statement.day):%y%m%d}"
    opening, closing = statement.opening, statement.closing
    lines = [
        f":20:JB{plain(statement.day)}",
        ":25:0202000000002",
        f":28C:{statement.number}/1",
        f":60F:{_letter(opening)}{day}BDT{_comma(opening)}",
    ]
    for entry in entries:
        ours = entry.ours or "NONREF"
        signed_amount = f"{_letter(entry.amount)}{_comma(entry.amount)}"
        lines.append(f":61:{day}{day[2:]}{signed_amount}NTRF{ours}//{entry.theirs}")
        lines.append(f":86:/BATCH/{ours}/CHG/{_comma(entry.charge)}")
    lines += [f":62F:{_letter(closing)}{day}BDT{_comma(closing)}", "-", ""]
    return "\r\n".join(lines)


WRITERS = {SONALI_ACCOUNT: (_camt, "xml"), JANATA_ACCOUNT: (_mt940, "sta")}
