"""SWIFT MT940 and MT942 account statements, by the library mt-940, with amounts checked by our own reading.

The library takes statements, balances and :86: apart and keeps amounts as exact decimals. What :61: says is
read here as well, and both must agree: the reference of :61: is never replaced by a text of :86:. The value
date of :61: has its year; the entry date has none and is dated nearest to it, so that 0102 behind 31
December is next year's. A 30 February of a core that counts thirty days in each month is the last of
February. RC and RD undo an entry; the sign is as it counts for the account: RC takes money out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import mt940

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.formats.account_entries import AccountStatement, StatementEntry
from reconciliation.statement.values.amounts import paisa_of_decimal
from reconciliation.statement.values.dates import with_year_of

_SIGNS = {"C": 1, "D": -1, "RC": -1, "RD": 1}
# Value date, entry date or four spaces, mark, funds code, amount, kind, the customer's reference and the
# bank's. Some banks break the line before the amount, and some leave the comma of a whole amount away.
_LINE = re.compile(
    r"^:61:(?P<value>\d{6})(?P<entry>\d{4}|\s{4})?(?P<mark>RC|RD|C|D)(?P<funds>[A-Z])?[\n ]?"
    r"(?P<amount>0*\d{1,12}(?:,\d{0,2})?)(?P<kind>[A-Z][A-Z0-9 ]{3})(?P<ours>(?:(?!//)[^\n]){0,16})"
    r"(?://(?P<theirs>[^\n]*))?",
    re.MULTILINE,
)
_BEGIN = re.compile(r"^:61:", re.MULTILINE)
_BALANCE = re.compile(r"^:6[02][FM]:(?P<said>[CD]\d{6}[A-Z]{3}0*\d{1,12}(?:,\d{0,2})?\s*$)?", re.MULTILINE)
# Placeholders for a missing reference, which :86: may have.
_NO_REFERENCE = {"", "NONREF", "EREF", "KREF", "PREF", "MARF", "EREF+", "KREF+"}
_END_TO_END = re.compile(r"/EREF/([^/]+)")
_SUMS = {"sum_credit_entries": ("credits", 1), "sum_debit_entries": ("debits", -1)}
_OPTIONS = mt940.Options.all()


@dataclass(frozen=True, slots=True)
class _EntryLine:
    """The fields of one :61: by our own reading, and the line at which it begins."""

    line: int
    fields: Mapping[str, str | None]


def read(text: str) -> list[AccountStatement]:
    """Every account statement of the file.

    Raises:
        UnreadableFileError: no statement, a field :61: that is not one, or a date that no calendar has.
        ControlTotalError: :90D: or :90C: does not agree with the entries.
    """
    marks = list(_marks(text))
    _check_balances_are_whole(text)
    statements = _parsed(text)
    parsed_count = sum(len(statement.transactions) for statement in statements)
    if parsed_count != len(marks):
        raise UnreadableFileError(f"{parsed_count} of {len(marks)} entries were understood", column=":61:")
    numbered = iter(enumerate(marks, start=1))
    return [_statement(statement, numbered) for statement in statements]


def _marks(text: str) -> Iterator[_EntryLine]:
    line, before = 1, 0
    for begin in _BEGIN.finditer(text):
        line += text.count("\n", before, begin.start())
        before = begin.start()
        match = _LINE.match(text, before)
        if match is None:
            raise UnreadableFileError("no date, mark and amount", line=line, column=":61:")
        yield _EntryLine(line, match.groupdict())


def _check_balances_are_whole(text: str) -> None:
    """Refuse a balance without currency, which the library would ignore."""
    for match in _BALANCE.finditer(text):
        if not match["said"]:
            line = text.count("\n", 0, match.start()) + 1
            raise UnreadableFileError("no mark, date, currency and amount", line=line, column=match[0][:5])


def _parsed(text: str) -> list[Any]:
    if ":20:" not in text:
        raise UnreadableFileError("no field :20:, so no account statement")
    try:
        return list(mt940.parse_statements(text, options=_OPTIONS))
    except (RuntimeError, ValueError, KeyError, AttributeError, InvalidOperation) as problem:
        raise UnreadableFileError(f"no MT940 or MT942: {problem}") from problem


def _statement(
    # The library's own class, whose data is a free mapping.
    parsed: Any,  # noqa: ANN401
    numbered: Iterator[tuple[int, _EntryLine]],
) -> AccountStatement:
    data = parsed.data
    sequence = str(data.get("statement_number") or "")
    opening = _balance(data, "final_opening_balance", "intermediate_opening_balance")
    closing = _balance(data, "final_closing_balance", "intermediate_closing_balance")
    entries = tuple(_entry(booking.data, *next(numbered)) for booking in parsed.transactions)
    return AccountStatement(
        identification=str(data.get("transaction_reference") or ""),
        account=str(data.get("account_identification") or ""),
        sequence=int(sequence) if sequence.isdecimal() else None,
        opening=opening,
        closing=closing,
        entries=entries,
        kind="940" if opening is not None or closing is not None else "942",
        currency=_currency(data),
        controls=_checked_sums(data, entries),
    )


def _entry(data: dict[str, Any], ordinal: int, mark: _EntryLine) -> StatementEntry:
    value_date = date(data["date"].year, data["date"].month, data["date"].day)
    booked_on, entry_date = value_date, (mark.fields["entry"] or "").strip()
    if entry_date:
        booked_on = with_year_of(int(entry_date[:2]), int(entry_date[2:]), value_date)
    amount = abs(_paisa(data["amount"].amount, mark.line))
    sign = str(data["status"])
    if (sign, amount) != (mark.fields["mark"], _exact(mark.fields["amount"] or "")):
        raise UnreadableFileError("the amount can be read in two ways", line=mark.line, column=":61:")
    return StatementEntry(
        ordinal=ordinal,
        booked_on=booked_on,
        value_date=value_date,
        amount=_SIGNS[sign] * amount,
        currency=str(data["amount"].currency or data.get("currency") or ""),
        reference=_own_reference(mark.fields["ours"]) or _end_to_end(data),
        bank_reference=_own_reference(mark.fields["theirs"]),
        text=" ".join(str(data.get("transaction_details") or "").split()),
        is_reversal=sign in {"RC", "RD"},
        line=mark.line,
    )


def _checked_sums(data: Mapping[str, Any], entries: tuple[StatementEntry, ...]) -> dict[str, str]:
    """The number and sum of credits and debits that an MT942 states in :90C: and :90D:."""
    controls: dict[str, str] = {}
    for name, (word, sign) in _SUMS.items():
        summary = data.get(name)
        if summary is None:
            continue
        amounts = [abs(entry.amount) for entry in entries if entry.amount * sign > 0]
        stated = abs(_paisa(summary.amount, None))
        # Compared as text: a number may have thousands of digits.
        count = str(summary.number).lstrip("0") or "0"
        if (count, stated) != (str(len(amounts)), sum(amounts)):
            raise ControlTotalError(
                f"{len(amounts)} {word} of {sum(amounts)} paisa, the file says {count[:40]} of {stated}",
                column=":90C:" if sign > 0 else ":90D:",
            )
        controls |= {f"stated.{word}": str(stated), f"counted.{word}": str(sum(amounts))}
    return controls


def _balance(data: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        if data.get(name) is not None:
            return _paisa(data[name].amount.amount, None)
    return None


def _currency(data: Mapping[str, Any]) -> str:
    names = ("final_opening_balance", "intermediate_opening_balance", "final_closing_balance")
    return next((str(data[name].amount.currency) for name in names if data.get(name) is not None), "")


def _paisa(amount: Decimal, line: int | None) -> int:
    value = paisa_of_decimal(str(amount))
    if value is None:
        raise UnreadableFileError(f"{amount} is no amount in paisa", line=line)
    return value


def _exact(amount: str) -> int | None:
    """Paisa of an amount with its comma; some banks fill it with more zeros than the standard has digits."""
    whole, _, part = amount.partition(",")
    return paisa_of_decimal(f"{int(whole or 0)}.{part or 0}")


def _own_reference(reference: str | None) -> str:
    text = (reference or "").strip()
    return "" if text in _NO_REFERENCE else text


def _end_to_end(data: Mapping[str, Any]) -> str:
    """The end-to-end reference in the details, where the bank structures them."""
    structured = data.get("end_to_end_reference")
    # Lines of details break anywhere, also inside a word.
    match = _END_TO_END.search(str(data.get("transaction_details") or "").replace("\n", ""))
    return _own_reference(str(structured)) if structured else match[1].strip() if match else ""
