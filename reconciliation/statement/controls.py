"""Header and trailer against the body: a file that is cut, doubled or changed is refused as a whole.

Everything is counted over all rows, whatever their state or event, and amounts as they are written.
"""

import polars as pl

from reconciliation.errors import ControlTotalError
from reconciliation.statement.amounts import ascii_digits, paisa
from reconciliation.statement.canonical import WRITTEN
from reconciliation.statement.layout import Amounts, Control, Layout
from reconciliation.statement.tables import Table

_HASH_MODULUS = 10**12


def check_controls(table: Table, rows: pl.DataFrame, layout: Layout) -> None:
    """The count, the sums, the hash total and the digest that the file tells must be those of its body.

    Raises:
        ControlTotalError: one of them is not.
    """
    control, amounts = layout.control, layout.amounts
    if control is None or amounts is None:
        return
    told = table.trailer
    _compare("rows", told[control.rows], str(rows.height))
    for cell, field in control.sums.items():
        summed = int(rows[WRITTEN[field]].sum())
        stated = _paisa(told[cell], amounts)
        if stated != summed:
            raise ControlTotalError(f"{field} sums to {summed} paisa, the file says {told[cell]!r}")
    _check_digests(table, control)


def _check_digests(table: Table, control: Control) -> None:
    if control.hash_of:
        numbers = table.cells[control.hash_of].to_list()
        if not all(number.isdecimal() for number in numbers):
            raise ControlTotalError("the hash total cannot be taken of what is no number")
        total = sum(map(int, numbers)) % _HASH_MODULUS
        _compare("hash total", table.trailer[control.hash_cell], str(total))
    if control.sha256_cell and table.trailer[control.sha256_cell] != table.body_sha256:
        raise ControlTotalError("the digest of the body is another one")


def _compare(what: str, stated: str, counted: str) -> None:
    """Equal as whole numbers, Bangla digits and leading zeros allowed."""
    stated = "".join(str(int(character)) if character.isdecimal() else character for character in stated)
    if not stated.isdecimal() or int(stated) != int(counted):
        raise ControlTotalError(f"{what}: {counted} in the body, the file says {stated!r}")


def _paisa(text: str, amounts: Amounts) -> int | None:
    frame = pl.DataFrame({"text": [text]})
    read = ascii_digits(pl.col("text"))
    value: int | None = frame.select(paisa(read, amounts.unit, amounts.grouping, amounts.sign)).item()
    return value
