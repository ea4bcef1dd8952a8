"""Header and trailer against the body: a file that is cut, doubled or changed is refused as a whole.

Everything is counted over all rows, whatever their state or event, and amounts as they are written. What was
stated and what was counted are kept side by side, so that a register and a report can show both.
"""

from collections.abc import Mapping

import polars as pl

from reconciliation.canonical_row import SUCCESS
from reconciliation.errors import ControlTotalError
from reconciliation.statement.canonical_rows import WRITTEN, rounding_of_row
from reconciliation.statement.cell_tables import CellTable
from reconciliation.statement.layout import AmountFormat, ControlCells, Layout
from reconciliation.statement.values.amounts import Sign, ascii_digits, paisa

_HASH_MODULUS = 10**12
# No reference is longer, and a number of thousands of digits takes its time.
_DIGITS_MAX = 100


def check_controls(table: CellTable, rows: pl.DataFrame, layout: Layout) -> Mapping[str, str]:
    """Check the stated count, sums, hash total and digest against the body.

    Returns them under `stated.<what>` and `counted.<what>`: amounts in paisa, all as text. Rows and amounts
    are counted even where nothing is stated.

    Raises:
        ControlTotalError: one of them is not.
    """
    totals = {"counted.rows": str(rows.height)} | {
        f"counted.{name}": str(int(rows[column].sum())) for name, column in WRITTEN.items() if column in rows
    }
    totals |= table.controls
    totals |= _rounding(rows, layout)
    control, amounts = layout.control, layout.amounts
    if control is None or amounts is None:
        return totals
    trailer = table.trailer
    lines = str(rows.height + control.rows_beside)
    totals |= {"stated.rows": _same("rows", trailer[control.rows], lines, control.rows_beside)}
    for cell, name in control.sums.items():
        stated = _paisa(trailer[cell], amounts, layout.amount_sign(name))
        summed = int(totals[f"counted.{name}"])
        if stated != summed:
            raise ControlTotalError(f"{name} sums to {summed} paisa, the file says {trailer[cell]!r}")
        totals[f"stated.{name}"] = str(stated)
    return totals | _checked_digests(table, control)


def _checked_digests(table: CellTable, control: ControlCells) -> dict[str, str]:
    totals: dict[str, str] = {}
    if control.hash_of:
        numbers = table.cells[control.hash_of].to_list()
        if not all(number.isdecimal() and len(number) <= _DIGITS_MAX for number in numbers):
            raise ControlTotalError("the hash total cannot be taken of what is no number")
        total = str(sum(map(int, numbers)) % _HASH_MODULUS)
        stated = _same("hash total", table.trailer[control.hash_cell], total)
        totals |= {"stated.hash": stated, "counted.hash": total}
    if control.sha256_cell:
        stated = table.trailer[control.sha256_cell]
        if stated != table.body_sha256:
            raise ControlTotalError("the digest of the body is another one")
        totals |= {"stated.sha256": stated, "counted.sha256": table.body_sha256}
    return totals


def _same(total_name: str, stated: str, counted: str, rows_beside: int = 0) -> str:
    """The stated number less `rows_beside`; Bangla digits and leading zeros are allowed.

    Raises:
        ControlTotalError: it is another one.
    """
    digits = "".join(str(int(character)) if character.isdecimal() else character for character in stated)
    significant = digits.lstrip("0") or "0"
    if not digits or not significant.isdecimal() or significant != str(int(counted)):
        raise ControlTotalError(f"{total_name}: {counted} in the body, the file says {digits[:40]!r}")
    return str(int(significant) - rows_beside)


def _paisa(text: str, amounts: AmountFormat, sign: Sign) -> int | None:
    read = paisa(ascii_digits(pl.col("text")), amounts.unit, amounts.grouping, sign)
    value: int | None = pl.DataFrame({"text": [text]}).select(read).item()
    return value


def _rounding(rows: pl.DataFrame, layout: Layout) -> dict[str, str]:
    """What the rows of a file have rounded, signs taken off, where they have; nothing else shows it."""
    if not layout.rounding:
        return {}
    success = rows.filter(pl.col("status") == SUCCESS)
    paisa_off = int(success.select(rounding_of_row().abs().sum()).item())
    return {"counted.rounding": str(paisa_off)} if paisa_off else {}
