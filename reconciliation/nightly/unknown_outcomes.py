"""What files say about payments whose outcome is unknown (reconciliation.md 5, case 10).

A file answers a frozen line `unknown` with success or failure. A window that is over without an answer is an
absence, reported again by a later night once the next file lacks the movement too. Each answer is evidence
and wakes the payment; the inquiry that follows decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import polars as pl

from ekpay_switch.ports.finance import FileAnswer, FileSays, LineEvent, LineRole
from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.findings import FindingKey
from reconciliation.canonical_row import FILE, KEY, LEDGER, SUCCESS, UNKNOWN
from reconciliation.engine.night import Night, RunConfiguration, complete_dates
from reconciliation.intake.file_names import LogicalKey, expected_name
from reconciliation.intake.file_register import FileRegister
from reconciliation.intake.ledger_rows import PARTNER

_ROLES: Final = {"funds": LineRole.CONNECTOR, "delivery": LineRole.BILLER}
_UNKNOWN: Final = r"^unknown-([0-9a-f-]{36})-([a-z]+)-\d+$"
RowValues = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FamilyAnswer:
    """An answer, and the family whose breaks it belongs to."""

    institution: str
    reference: str
    file_answer: FileAnswer

    @property
    def facts(self) -> dict[str, object]:
        """The facts for the event of a break; enough to report an absence again."""
        file_answer = self.file_answer
        return {
            "says": file_answer.says.value,
            "file": file_answer.file,
            "ordinal": file_answer.ordinal,
            "amount": file_answer.amount,
            "movement": str(file_answer.movement),
            "payment": str(file_answer.payment_id),
            "role": file_answer.role.value,
            "event": file_answer.event.value,
        }


@dataclass(frozen=True, slots=True)
class Absence:
    """An absence reported by one night, of a break that still stands; `day` is the date of its file."""

    key: FindingKey
    day: date
    facts: Mapping[str, object]


def answers_of(night: Night, setting: RunConfiguration) -> list[FamilyAnswer]:
    """The answers of this run to our lines that are unknown."""
    rows = night.judged.rows
    unknown_rows = rows.filter((pl.col("source") == LEDGER) & (pl.col("status") == UNKNOWN)).with_columns(
        _movement=pl.col("origin").str.extract(_UNKNOWN, 1), _event=pl.col("origin").str.extract(_UNKNOWN, 2)
    )
    unknown_rows = unknown_rows.filter(pl.col("_movement").is_not_null())
    theirs = rows.filter((pl.col("source") == FILE) & pl.col("rejected").is_null())
    their_rows = theirs.join(unknown_rows.select(KEY).unique(), on=list(KEY), how="semi").sort(
        "origin", "ordinal"
    )
    rows_by_key: dict[tuple[object, ...], list[RowValues]] = {}
    for row in their_rows.iter_rows(named=True):
        rows_by_key.setdefault(tuple(row[name] for name in KEY), []).append(row)
    fresh = _fresh(night)
    missing = {item.key for item in night.findings if item.key.code is BreakCode.UNKNOWN_OPEN}
    answers = []
    for row in unknown_rows.sort("origin").iter_rows(named=True):
        theirs_of_it = rows_by_key.get(tuple(row[name] for name in KEY), [])
        answer = _answer(row, theirs_of_it, night.date, setting)
        if theirs_of_it and (row["origin"] in fresh or any(item["origin"] in fresh for item in theirs_of_it)):
            answers += [answer] if answer is not None else []
        elif not theirs_of_it and (row["institution"], row["reference"]) in _families(missing):
            answers.append(_absence_of(row, night.date, setting))
    return answers


def repeated_absences(
    absences: Sequence[Absence], night: date, setting: RunConfiguration, register: FileRegister
) -> list[FamilyAnswer]:
    """Absences of which the next date's files are complete by now and lack the movement too."""
    complete = complete_dates(setting.schedule, register)
    answers = []
    for absence in absences:
        institution = absence.key.institution
        after = setting.calendar.date_after(institution, absence.day)
        if after in complete.get(institution, set()):
            answers.append(_repeated_absence(absence, after, night, setting))
    return answers


def _fresh(night: Night) -> set[str]:
    """Origins that no earlier run had."""
    new = night.pool.filter(pl.col("verdict").is_null())["origin"].unique().to_list()
    return set(new)


def _families(keys: set[FindingKey]) -> set[tuple[str, str]]:
    return {(key.institution, key.reference) for key in keys}


def _answer(
    row: RowValues, theirs: Sequence[RowValues], night: date, setting: RunConfiguration
) -> FamilyAnswer | None:
    """The common answer of a file's rows; None where they contradict each other."""
    successes = [their_row for their_row in theirs if their_row["status"] == SUCCESS]
    if any(their_row["currency"] != row["currency"] for their_row in successes):
        return None
    equal = [their_row for their_row in successes if their_row["net"] == row["net"]] or successes
    if len({(their_row["net"], their_row["theirs"]) for their_row in equal}) > 1:
        return None
    if equal:
        return _answer_from_row(row, FileSays.SUCCESS, equal[0], night, setting)
    return _answer_from_row(row, FileSays.FAILED, theirs[0], night, setting) if theirs else None


def _answer_from_row(
    row: RowValues, says: FileSays, theirs: RowValues, night: date, setting: RunConfiguration
) -> FamilyAnswer:
    # A file without a gross means our gross where its net is our net.
    untold = row["gross"] if theirs["net"] == row["net"] else theirs["net"]
    amount = untold if theirs["gross"] is None else theirs["gross"]
    file_answer = FileAnswer(
        movement=UUID(str(row["_movement"])),
        payment_id=UUID(str(row["payment_id"])),
        role=_role(str(row["institution"]), setting),
        event=LineEvent(str(row["_event"])),
        says=says,
        file=str(theirs["origin"]),
        ordinal=int(str(theirs["ordinal"])),
        night=night,
        their_reference=str(theirs["theirs"]),
        amount=int(str(amount)),
    )
    return FamilyAnswer(str(row["institution"]), str(row["reference"]), file_answer)


def _absence_of(row: RowValues, night: date, setting: RunConfiguration) -> FamilyAnswer:
    institution, day = str(row["institution"]), row["due_date"]
    file_answer = FileAnswer(
        movement=UUID(str(row["_movement"])),
        payment_id=UUID(str(row["payment_id"])),
        role=_role(institution, setting),
        event=LineEvent(str(row["_event"])),
        says=FileSays.ABSENT,
        file=_file(institution, day, setting) if isinstance(day, date) else "",
        ordinal=0,
        night=night,
    )
    return FamilyAnswer(institution, str(row["reference"]), file_answer)


def _repeated_absence(absence: Absence, day: date, night: date, setting: RunConfiguration) -> FamilyAnswer:
    facts, key = absence.facts, absence.key
    file_answer = FileAnswer(
        movement=UUID(str(facts["movement"])),
        payment_id=UUID(str(facts["payment"])),
        role=LineRole(str(facts["role"])),
        event=LineEvent(str(facts["event"])),
        says=FileSays.ABSENT,
        file=_file(key.institution, day, setting),
        ordinal=0,
        night=night,
    )
    return FamilyAnswer(key.institution, key.reference, file_answer)


def _file(institution: str, day: date, setting: RunConfiguration) -> str:
    """The last file of a date, which had to name the movement at the latest."""
    key = LogicalKey(institution, day, setting.schedule.cycles(institution))
    return expected_name(key, setting.layouts[institution])


def _role(institution: str, setting: RunConfiguration) -> LineRole:
    if institution.startswith(f"{PARTNER}_"):
        return LineRole.PARTNER
    return _ROLES.get(setting.layouts[institution].kind, LineRole.CONNECTOR)
