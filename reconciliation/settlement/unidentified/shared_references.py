"""Which of the lines of a bank that share a reference holds it. Pure.

A bank may book the fee of a transfer under the reference of the transfer, and what persons write down by that
reference is the transfer: the largest line holds it, however late it comes (docs/adr/0097). What is proposed
or decided about a line is not disturbed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from reconciliation.settlement.unidentified.statement_lines import BankLine
from reconciliation.unidentified.items import UnidentifiedItem


def contested_names(items: Iterable[UnidentifiedItem]) -> frozenset[str]:
    """The references that two or more of these items bear."""
    bearers: dict[str, int] = {}
    for item in items:
        for name in item.names:
            bearers[name] = bearers.get(name, 0) + 1
    return frozenset(name for name, count in bearers.items() if count > 1)


def yielding_items(
    items: Sequence[UnidentifiedItem],
    new: Sequence[BankLine],
    holders: Mapping[str, UUID],
    present: Collection[str],
) -> list[UnidentifiedItem]:
    """The open items that yield a reference to a larger line of their bank and direction.

    They are taken out and found again without it. `items` are open, `new` is about to be booked, `holders`
    are the entries that hold references now, and `present` the keys of lines that nothing explains: an item
    of another one is left alone, as it would not be found again.
    """
    yielding: dict[str, UnidentifiedItem] = {}
    lines: list[BankLine | UnidentifiedItem] = [*items, *new]
    for item in items:
        for name in item.names:
            if holders.get(name) != item.booked_entry_id:
                continue
            largest = max(abs(line.amount) for line in lines if _is_rival(line, item, name))
            smaller = [
                other for other in items if _is_rival(other, item, name) and abs(other.amount) < largest
            ]
            if item in smaller and all(other.line_key in present for other in smaller):
                yielding |= {other.line_key: other for other in smaller}
    return list(yielding.values())


def _is_rival(line: BankLine | UnidentifiedItem, item: UnidentifiedItem, name: str) -> bool:
    """Whether a line bears the reference of an item at its bank in its direction; the item itself does."""
    return line.bank == item.bank and line.amount * item.amount > 0 and name in line.names
