"""A list as a command prints it: a table for people, JSON for programs, CSV for spreadsheets."""

import csv
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import wraps
from typing import Annotated, Any, ParamSpec, get_type_hints

import typer

from ekpay_switch.cli.terminal import json_text, show_json, show_table
from ekpay_switch.domain.spreadsheet_cells import without_formula

Parameters = ParamSpec("Parameters")
AsJson = Annotated[bool, typer.Option("--json", help="For programs; amounts in paisa.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="For spreadsheets; amounts in paisa.")]


@dataclass(frozen=True, slots=True)
class PrintedList:
    """What a command lists: cells for people, and the same lines as records for programs.

    `headings` are those of `show_table`. `fields` head the CSV where there is no record to name them.
    """

    title: str
    headings: Sequence[str]
    rows: Iterable[Sequence[str]]
    records: Iterable[Mapping[str, object]]
    fields: Sequence[str] = ()
    notes: Sequence[str] = ()


def prints_list(command: Callable[Parameters, PrintedList]) -> Callable[..., None]:
    """The command that prints what this one lists, with `--json` and `--csv` beside its own options."""

    @wraps(command)
    def printing(*words: Any, as_json: bool, as_csv: bool, **options: Any) -> None:  # noqa: ANN401
        show_listing(command(*words, **options), as_json=as_json, as_csv=as_csv)

    signature = inspect.signature(command)
    forms = {"as_json": AsJson, "as_csv": AsCsv}
    # Typer reads both: the parameters by the signature, their types by the annotations.
    vars(printing)["__signature__"] = signature.replace(
        parameters=[
            *signature.parameters.values(),
            *(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=form)
                for name, form in forms.items()
            ),
        ],
        return_annotation=None,
    )
    printing.__annotations__ = get_type_hints(command, include_extras=True) | forms | {"return": None}
    return printing


def show_listing(listing: PrintedList, *, as_json: bool, as_csv: bool) -> None:
    """Print a list in the form that was asked for."""
    if as_json or as_csv:
        show_records(list(listing.records), listing.fields, as_json=as_json, as_csv=as_csv)
    else:
        show_table(listing.title, listing.headings, listing.rows)
        for note in listing.notes:
            typer.echo(note)


def show_records(
    records: Sequence[Mapping[str, object]], fields: Sequence[str] = (), *, as_json: bool, as_csv: bool
) -> None:
    """Print records for programs or for spreadsheets."""
    if as_json and as_csv:
        raise typer.BadParameter("either --json or --csv, not both")
    if as_json:
        show_json(records)
    else:
        show_csv(records, fields)


def show_csv(records: Sequence[Mapping[str, object]], fields: Sequence[str] = ()) -> None:
    """CSV on stdout: amounts in paisa, instants with their offset; no text is a formula.

    The records name the columns, or `fields` where there is none.
    """
    names = list(dict.fromkeys(name for record in records for name in record)) or list(fields)
    if not names:
        return
    writer = csv.DictWriter(sys.stdout, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: _cell(cell) for name, cell in record.items()})


def _cell(value: object) -> object:
    """A cell; what holds several values is written as JSON."""
    if isinstance(value, Enum):
        return _cell(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        texts = sorted(value) if isinstance(value, set | frozenset) else value
        return json.dumps(texts, ensure_ascii=False, default=json_text)
    return without_formula(value) if isinstance(value, str) else value
