"""The statements of the banks on whose accounts connectors pay (docs/protocols/reconciliation-month.md).

Each connector pays all its files of one payout date in one credit, less the charge of the bank. The credit is
the amount of the correct file, even if an error was injected into that file. What persons and our
instructions move on our own account stands on its statement too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.rehearsals.day.bank_transfers import OWN_BANK, noted_transfers
from sandbox.rehearsals.day.injected_errors import InjectedError, InjectionRequest, NothingToInjectError
from sandbox.rehearsals.day.institutions import BANKS, INSTITUTIONS
from sandbox.rehearsals.day.payout_bank import bank_reference, movements_of
from sandbox.rehearsals.day.plan import file_key
from sandbox.rehearsals.day.state import DayState, DepositedFile
from sandbox.rehearsals.month.files.bank_statements import WRITERS, Entry, Statement
from sandbox.rehearsals.month.model.answer_key import Code
from sandbox.rehearsals.month.model.days import business_days_after, is_business
from sandbox.rehearsals.month.model.instants import dashed, plain
from sandbox.rehearsals.month.model.institutions import BANK_CHARGES, MonthInstitution

_STRAY_PAISA = 4_321_500
_SHORT_PAISA = 50_000
_OF_CREDITS = frozenset({Code.AMOUNT, Code.LEDGER_ONLY})


@dataclass(frozen=True, slots=True)
class WrittenStatement:
    """One bank statement, ready to be deposited."""

    key: str
    name: str
    content: bytes
    deposited: DepositedFile


@dataclass(slots=True)
class BankAccounts:
    """All bank accounts on one night; `first_days` holds the first day of each with a paying connector."""

    state: DayState
    first_days: Mapping[str, int]
    requests: Sequence[InjectionRequest]
    made_at: str
    state_folder: Path
    injected: list[InjectedError] = field(default_factory=list)

    def write(self, night: int) -> Iterator[WrittenStatement]:
        """Write every statement that is due and was not deposited before.

        Raises:
            NothingToInjectError: an injection request names a bank that has no credit to change.
        """
        for bank in BANKS.values():
            requests = [request for request in self.requests if request.institution == bank.id]
            first = self.first_days.get(bank.id, night + 1)
            if bank.id in self.state.statements:
                first = self.state.statements[bank.id][2] + 1
            for day in filter(is_business, range(first, night + 1)):
                yield self._write_statement(bank, day, requests if day == night else [])
            if requests and not is_business(night):
                raise NothingToInjectError(f"{bank.id} has no statement of {dashed(night)}")

    def _write_statement(
        self, bank: MonthInstitution, day: int, requests: Sequence[InjectionRequest]
    ) -> WrittenStatement:
        number, opening, _ = self.state.statements.get(bank.id, [0, 0, day])
        booked = list(self._credits(bank, day))
        entries = [*self._inject_errors(bank, day, booked, requests), *self._transfers(bank, day)]
        closing = opening + sum(entry.amount for entry in entries)
        self.state.statements[bank.id] = [number + 1, closing, day]
        statement = Statement(bank, day, number + 1, opening, closing, entries)
        write, extension = WRITERS[bank.id]
        key = file_key(bank, (day, 1))
        deposited = DepositedFile(bank.id, day, 1, 0, self.made_at)
        return WrittenStatement(key, f"{key}.{extension}", write(statement, entries).encode(), deposited)

    def _credits(self, bank: MonthInstitution, day: int) -> Iterator[Entry]:
        settled: dict[str, int] = {}
        for deposited in self.state.deposited.values():
            institution = INSTITUTIONS.get(deposited.institution_id)
            if (
                institution is not None
                and institution.bank == bank.id
                and institution.payout(deposited.date) == day
            ):
                settled[institution.id] = settled.get(institution.id, 0) + deposited.settled_paisa
        for institution_id, paisa in sorted(settled.items()):
            if paisa:
                charge, batch = BANK_CHARGES[bank.id], INSTITUTIONS[institution_id].batch(plain(day))
                yield Entry(paisa - charge, charge, batch, self._name(bank))

    def _transfers(self, bank: MonthInstitution, day: int) -> Iterator[Entry]:
        """What persons and our instructions have moved on our account since the last statement."""
        if bank.id != OWN_BANK:
            return
        before = self.state.statements.get(bank.id)
        after = None if before is None else before[2]
        for transfer in noted_transfers(self.state_folder, after, day):
            yield Entry(transfer.paisa, 0, "", transfer.reference)
        for payout, paisa in movements_of(self.state_folder, after, day):
            yield Entry(paisa, 0, payout.reference, bank_reference(payout, paisa))

    def _inject_errors(
        self, bank: MonthInstitution, day: int, entries: list[Entry], requests: Sequence[InjectionRequest]
    ) -> Sequence[Entry]:
        spoiled, whole = list(entries), list(entries)
        for request in requests:
            if request.code in _OF_CREDITS:
                if not whole:
                    raise NothingToInjectError(f"{bank.id} books no credit on {dashed(day)}")
                entry = whole.pop(0)
                at = spoiled.index(entry)
                short = Entry(entry.amount - _SHORT_PAISA, entry.charge, entry.ours, entry.theirs)
                spoiled[at : at + 1] = [short] if request.code is Code.AMOUNT else []
                self.injected.append(InjectedError(request.code, bank.id, entry.ours, day))
            elif request.code is Code.FILE_ONLY:
                stray = Entry(_STRAY_PAISA, 0, "", self._name(bank))
                spoiled.append(stray)
                self.injected.append(InjectedError(request.code, bank.id, stray.theirs, day))
            else:
                raise NothingToInjectError(f"{request.code} cannot be injected into a statement")
        return spoiled

    def _name(self, bank: MonthInstitution) -> str:
        self.state.unknown_payments += 1
        return f"{bank.code[:1]}B{self.state.unknown_payments:012d}"


def payout_ends(night: int) -> int:
    """Return the day by which all movements until a night are in files and paid, unless errors delay them."""
    longest = max(institution.lag for institution in INSTITUTIONS.values())
    return business_days_after(night, longest + 1)
