"""How commands print: tables, Dhaka times, one line for an error."""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import format_taka, grouped_taka, parse_taka
from ekpay_switch.security.masking import mask_account, mask_long_numbers, printable

# A pipe has no width; output for another program must not be folded.
_PIPE_WIDTH = 10_000
# What separates two columns, and the cells that say nothing in a paragraph.
_BORDER = 3
_NOTHING = ("", "0.00")
_TAKA = re.compile(r"-?\d{4,13}\.\d{2}", re.ASCII)
# Facts whose names contain one of these hold what identifies a payer, or a prepaid token.
_PRIVATE_WORDS = ("account", "bill", "meter", "mobile", "phone", "token")


def screen() -> Console:
    """Where results go; built when needed, so that it writes to the stdout of this moment."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def complain(text: str) -> None:
    """One line on stderr, whatever the text contains."""
    typer.echo(f"ekpay: {printable(text.strip())}", err=True)


def show_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout; headings that begin with `>` are of columns set to the right.

    On a screen that is too narrow for it each row is a paragraph, so that no id is ever cut: it begins with
    the first column, and leaves out what is empty or no money.
    """
    lines = [
        [_table_cell(heading, cell) for heading, cell in zip(headings, row, strict=True)] for row in rows
    ]
    names = [heading.removeprefix(">") for heading in headings]
    widths = (max(map(cell_len, column)) for column in zip(names, *lines, strict=True))
    if sum(width + _BORDER for width in widths) + 1 > screen().width:
        _show_paragraphs(title, names, lines)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    for line in lines:
        table.add_row(*map(Text, line))
    screen().print(table)


def _table_cell(heading: str, cell: str) -> str:
    """The text of a cell; an amount in a column set to the right has its lakhs and crores apart."""
    if not heading.startswith(">") or not _TAKA.fullmatch(cell):
        return printable(cell)
    sign = -1 if cell.startswith("-") else 1
    return grouped_taka(sign * parse_taka(cell.removeprefix("-")).minor)


def _show_paragraphs(title: str, names: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    screen().print(Text(title, style="italic"))
    for first, *remaining in lines:
        screen().print(Text(first, style="bold"), soft_wrap=True)
        pairs = zip(names[1:], remaining, strict=True)
        facts = ", ".join(f"{name} {cell}" for name, cell in pairs if cell not in _NOTHING)
        screen().print(Padding(Text(facts, overflow="fold"), (0, 0, 0, 2)))


def show_json(value: object) -> None:
    """JSON on stdout, for programs: instants with their offset, amounts in whole paisa."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=json_text))


def dhaka(instant: datetime | None) -> str:
    """An instant on a Dhaka clock to the second, or nothing."""
    return "" if instant is None else in_dhaka(instant).strftime("%Y-%m-%d %H:%M:%S")


def dhaka_time(instant: datetime) -> str:
    """Only the time of day, to the millisecond: the date stands above."""
    return in_dhaka(instant).strftime("%H:%M:%S.%f")[:-3]


def taka(paisa: int) -> str:
    """Paisa as taka with two decimals; a table groups its own: `1,23,456.78`."""
    return format_taka(paisa)


def facts_wording(facts: Mapping[str, object]) -> str:
    """Facts as `name value`, without what identifies a payer and without a prepaid token."""
    return ", ".join(f"{name.replace('_', ' ')} {_fact_text(name, value)}" for name, value in facts.items())


def _fact_text(name: str, value: object) -> str:
    text = str(value)
    if any(word in name.lower() for word in _PRIVATE_WORDS):
        return mask_account(text)
    return mask_long_numbers(text) if " " in text else text


def passphrase(variable: str, prompt: str, *, is_new: bool = False) -> str:
    """A passphrase from the environment variable, for scripts, or else asked for without echo."""
    secret = os.environ.get(variable)
    if secret:
        return secret
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"nobody is here to type a passphrase: set {variable}")
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=is_new, err=True))


def json_text(value: object) -> str:
    """What JSON has no form for: instants, dates and ids as texts."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)
