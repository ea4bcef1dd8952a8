"""Clearing files as tables: the entries of an ACH file, and the messages of an ISO 8583 one."""

from collections.abc import Mapping, Sequence

import polars as pl

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.cell_tables import CellTable
from reconciliation.statement.formats import ach, iso8583_file
from reconciliation.statement.formats.ach_records import CELLS, cells_of
from reconciliation.statement.layout import Layout


def read_ach(content: bytes, layout: Layout) -> CellTable:
    """One row an entry, over all batches; its header is that of the file.

    Raises:
        UnreadableFileError: the file is refused, see `ach`.
    """
    read = ach.read_lines(content) if layout.container == "ach" else ach.read_xml(content)
    entries = [(batch, entry) for batch in read.batches for entry in batch.entries]
    rows = [cells_of(batch, entry) for batch, entry in entries]
    return CellTable(
        _grid(rows, CELLS),
        1,
        read.header,
        {},
        places=[entry.line for _, entry in entries],
        controls=read.controls,
    )


def read_messages(content: bytes, layout: Layout) -> CellTable:
    """One row a message between header and trailer, whose cells come along by name.

    Raises:
        UnreadableFileError: a message cannot be read, is none that the layout knows, or has a cell that is
            no column.
        ControlTotalError: the file is cut off, or header or trailer is not there.
    """
    spec = layout.messages
    if spec is None:
        raise UnreadableFileError("the layout describes no messages")
    messages = iso8583_file.read(content, spec)
    last = len(messages)
    header = _taken_off(messages, 1, spec.header, "header")
    trailer = _taken_off(messages, last, spec.trailer, "trailer")
    begin = 2 if spec.header else 1
    for number, message in enumerate(messages, start=begin):
        if not _is(message, spec.row):
            raise UnreadableFileError("no message that the layout knows", line=number, unit="message")
        if unnamed := sorted(set(message) - set(layout.names)):
            raise UnreadableFileError("an unknown column", number, unnamed[0], "message")
    return CellTable(_grid(messages, layout.names), begin, header, trailer, unit="message")


def _taken_off(
    messages: list[dict[str, str]], number: int, marks: Mapping[str, str], name_of_message: str
) -> Mapping[str, str]:
    """The first or the last message, by its number in the file, which is removed from the list."""
    if not marks:
        return {}
    place = 0 if number == 1 else -1
    if not messages or not _is(messages[place], marks):
        raise ControlTotalError(f"no {name_of_message}", line=number, unit="message")
    return messages.pop(place)


def _is(message: Mapping[str, str], marks: Mapping[str, str]) -> bool:
    return all(message.get(name) == text for name, text in marks.items())


def _grid(rows: Sequence[Mapping[str, str]], names: Sequence[str]) -> pl.DataFrame:
    """Columns of text; a cell that a row lacks is empty."""
    return pl.DataFrame(
        {name: [row.get(name, "") for row in rows] for name in names},
        schema=dict.fromkeys(names, pl.String),
    )
