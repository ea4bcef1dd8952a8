"""SWIFT MT940 and MT942 account statements, by the library mt-940, with what money cannot leave to it.

The library keeps amounts as exact decimals. The value date of :61: has its year; the entry date has none
and is dated again here, nearest to the value date, so that 0102 behind 31 December is next year's. A 30
February of a core that counts thirty days in each month is the last of February. RC and RD undo an entry;
the sign is as it counts for the account: RC takes money out.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import mt940

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.amounts import paisa_of_decimal
from reconciliation.statement.dates import with_year_of
from reconciliation.statement.entries import AccountStatement, Entry

_SIGNS = {"C": 1, "D": -1, "RC": -1, "RD": 1}
# Value date, entry date, mark, funds code, amount: what of :61: is checked against the library's reading.
_LINE = re.compile(r"^:61:(\d{6})(\d{4})?(RC|RD|C|D)([A-Z])?(\d{1,12},\d{0,2})", re.MULTILINE)


def read(text: str) -> list[AccountStatement]:
    """Every account statement of the file.

    Raises:
        UnreadableFileError: no statement, a field :61: that is not one, or a date that no calendar has.
    """
    marks = list(_LINE.finditer(text))
    if len(marks) != len(re.findall(r"^:61:", text, re.MULTILINE)):
        raise UnreadableFileError("a field :61: has no date, mark and amount", column=":61:")
    statements = _parsed(text)
    told = sum(len(statement.transactions) for statement in statements)
    if told != len(marks):
        raise UnreadableFileError(f"{told} of {len(marks)} entries were understood", column=":61:")
    entry_dates = iter(mark[2] for mark in marks)
    ordinals = iter(range(1, len(marks) + 1))
    return [_statement(statement, entry_dates, ordinals) for statement in statements]


def _parsed(text: str) -> list[Any]:
    if ":20:" not in text:
        raise UnreadableFileError("no field :20:, so no account statement")
    try:
        return list(mt940.parse_statements(text))
    except (RuntimeError, ValueError, KeyError, AttributeError) as problem:
        raise UnreadableFileError(f"no MT940 or MT942: {problem}") from problem


def _statement(
    # The library's own class, whose data is a free mapping.
    parsed: Any,  # noqa: ANN401
    entry_dates: Iterator[str | None],
    ordinals: Iterator[int],
) -> AccountStatement:
    data = parsed.data
    sequence = str(data.get("statement_number") or "")
    return AccountStatement(
        identification=str(data.get("transaction_reference") or ""),
        account=str(data.get("account_identification") or ""),
        sequence=int(sequence) if sequence.isdecimal() else None,
        opening=_balance(data, "final_opening_balance", "intermediate_opening_balance"),
        closing=_balance(data, "final_closing_balance", "intermediate_closing_balance"),
        entries=tuple(
            _entry(booking.data, next(entry_dates), next(ordinals)) for booking in parsed.transactions
        ),
    )


def _entry(data: dict[str, Any], entry_date: str | None, ordinal: int) -> Entry:
    value_date = date(data["date"].year, data["date"].month, data["date"].day)
    booked_on = value_date
    if entry_date:
        booked_on = with_year_of(int(entry_date[:2]), int(entry_date[2:]), value_date)
    mark = str(data["status"])
    return Entry(
        ordinal=ordinal,
        booked_on=booked_on,
        value_date=value_date,
        amount=_SIGNS[mark] * abs(_paisa(data["amount"].amount)),
        currency=str(data["amount"].currency or data.get("currency") or ""),
        reference=_given(data.get("customer_reference")),
        bank_reference=_given(data.get("bank_reference")),
        text=" ".join(str(data.get("transaction_details") or "").split()),
        is_reversal=mark in {"RC", "RD"},
    )


def _balance(data: dict[str, Any], *names: str) -> int | None:
    for name in names:
        if data.get(name) is not None:
            return _paisa(data[name].amount.amount)
    return None


def _paisa(amount: Decimal) -> int:
    value = paisa_of_decimal(str(amount))
    if value is None:
        raise UnreadableFileError(f"{amount} is no amount in paisa", column=":61:")
    return value


def _given(reference: object) -> str:
    text = str(reference or "").strip()
    return "" if text == "NONREF" else text
