"""Tables of money on any screen: where one does not fit, each row becomes a paragraph, nothing is cut."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len
from rich.padding import Padding
from rich.text import Text

from ekpay_switch.cli.terminal import screen, show_table, taka
from ekpay_switch.security.masking import printable

_BORDER: Final = 3
_NOTHING: Final = ("", "0.00")


def show_fitting(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table as `show_table` prints it, or, on a screen too narrow for it, a paragraph a row.

    A paragraph begins with the first column; of the others it leaves out what is empty or no money.
    """
    cells = list(rows)
    names = [heading.removeprefix(">") for heading in headings]
    widths = (max(map(cell_len, column)) for column in zip(names, *cells, strict=True))
    if sum(width + _BORDER for width in widths) + 1 <= screen().width:
        show_table(title, headings, cells)
        return
    screen().print(Text(title, style="italic"))
    for first, *remaining in cells:
        screen().print(Text(printable(first), style="bold"), soft_wrap=True)
        pairs = zip(names[1:], remaining, strict=True)
        facts = ", ".join(f"{name} {cell}" for name, cell in pairs if cell not in _NOTHING)
        screen().print(Padding(Text(printable(facts), overflow="fold"), (0, 0, 0, 2)))


def money_cell(value: object) -> str:
    """An amount in paisa as taka, anything else as it is."""
    return taka(value) if isinstance(value, int) else str(value)
