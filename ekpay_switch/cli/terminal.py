"""How commands print: tables, Dhaka times, one line for an error."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import format_taka
from ekpay_switch.security.masking import mask_account, mask_long_numbers, printable

# A pipe has no width; output for another program must not be folded at eighty columns.
_PIPE_WIDTH = 200
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
    """A table on stdout; headings that begin with `>` are of columns set to the right."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    screen().print(table)


def show_json(value: object) -> None:
    """JSON on stdout, for programs: instants with their offset, amounts in whole paisa."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_json_text))


def dhaka(instant: datetime | None) -> str:
    """An instant on a Dhaka clock to the second, or nothing."""
    return "" if instant is None else in_dhaka(instant).strftime("%Y-%m-%d %H:%M:%S")


def dhaka_time(instant: datetime) -> str:
    """Only the time of day, to the millisecond: the date stands above."""
    return in_dhaka(instant).strftime("%H:%M:%S.%f")[:-3]


def taka(paisa: int) -> str:
    """Paisa as taka with two decimals."""
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


def _json_text(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)
