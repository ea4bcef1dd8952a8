"""What is made wrong on purpose is what the product finds: a month of nights left by the day.

The books of the institutions are written a second time as ours, and as a key what was made wrong.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from reconciliation.month.month_run import run_month
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.movements import Movement
from sandbox.rehearsals.day.file_writer import Night, deposit_files_of
from sandbox.rehearsals.day.injected_errors import (
    CODES,
    InjectedError,
    InjectionRequest,
)
from sandbox.rehearsals.day.institutions import INSTITUTIONS
from sandbox.rehearsals.day.movement_queries import DayBook
from sandbox.rehearsals.month.model.answer_key import AnswerKey, Code
from sandbox.rehearsals.month.model.days import FIRST
from sandbox.rehearsals.month.model.institutions import JANATA_ACCOUNT, SONALI_ACCOUNT
from tests.sandbox.caller import ROOT
from tests.sandbox.rehearsals.day.sample_books import day_of, nights

CONFIG = ROOT / "config"
COLUMNS = (
    "payment_id", "leg", "institution", "event", "status", "our_reference", "their_reference", "gross", "fee",
    "vat", "net", "currency", "instant", "business_date",
)  # fmt: skip
STRUCK = FIRST + timedelta(days=1)  # a Thursday
PAID = FIRST + timedelta(days=4)  # Sunday, on which that Thursday's files are paid
EVERY_CODE = [InjectionRequest(code) for code in CODES]
ON_STATEMENTS = [
    InjectionRequest(Code.AMOUNT, SONALI_ACCOUNT),
    InjectionRequest(Code.LEDGER_ONLY, SONALI_ACCOUNT),
    InjectionRequest(Code.FILE_ONLY, JANATA_ACCOUNT),
]


def write_ledger(folder: Path, books: Mapping[str, DayBook]) -> None:
    """Our books, which say what theirs do."""
    of_day: dict[date, list[Sequence[object]]] = {day: [] for day in nights(FIRST, 30)}
    number = 0
    for house_id, book in books.items():
        for one in book.movements:
            number += 1
            day = one.instant.astimezone(DHAKA).date()
            of_day[day].append(_line(house_id, one, UUID(int=number), day))
    folder.mkdir(parents=True)
    for day, lines in of_day.items():
        with (folder / f"{day}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *lines])


def _line(house_id: str, one: Movement, payment: UUID, day: date) -> Sequence[object]:
    net = one.gross_paisa - one.fee_paisa - one.fee_vat_paisa
    instant = one.instant.astimezone(UTC)
    return (
        payment, INSTITUTIONS[house_id].leg.value, house_id, one.kind.value,
        "success" if one.is_success else "failed", one.our_reference,
        one.their_reference if one.is_success else "",
        one.gross_paisa, one.fee_paisa, one.fee_vat_paisa, net, "BDT",
        f"{instant:%Y-%m-%dT%H:%M:%S}.000Z", day,
    )  # fmt: skip


def leave_month(
    folder: Path, books: Mapping[str, DayBook], wishes: Mapping[date, Sequence[InjectionRequest]], seed: int
) -> list[InjectedError]:
    """Thirty nights of files, and everything that was made wrong in them."""
    seeded: list[InjectedError] = []
    for night in nights(FIRST, 30):
        made_at = datetime.combine(night + timedelta(days=1), datetime.min.time(), DHAKA)
        told = Night(
            night,
            folder / "state",
            folder / "files" / f"{night}",
            wishes.get(night, ()),
            seed,
            made_at=made_at,
        )
        seeded += deposit_files_of(books, told).injected
    return seeded


def seal(path: Path, seeded: Iterable[InjectedError]) -> None:
    key = AnswerKey()
    for one in seeded:
        key.add(one.code, one.institution, one.reference, one.night, "on purpose")
    key.write(path)


def test_all_that_is_made_wrong_is_found_and_nothing_else(tmp_path: Path) -> None:
    books = {house.id: DayBook(FIRST, day_of(house, 8, STRUCK).movements) for house in INSTITUTIONS.values()}
    seeded = leave_month(tmp_path, books, {STRUCK: EVERY_CODE, PAID: ON_STATEMENTS}, seed=2)
    assert {one.code for one in seeded} == set(CODES)
    assert len(seeded) == len(EVERY_CODE) + 3 + len(ON_STATEMENTS)
    month = tmp_path / "month"
    write_ledger(month / "ledger", books)
    (tmp_path / "files").rename(month / "files")
    seal(month / "key", seeded)
    report = run_month(month, CONFIG, tmp_path / "kept", lambda *_: None, None)
    assert report.missed_entries == frozenset()
    assert report.invented_entries == frozenset()
    assert report.invariants == "hold"
