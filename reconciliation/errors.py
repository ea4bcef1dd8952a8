"""What the wing refuses.

    ReconciliationError
    ├── ConfigurationError      a layout, a calendar or a table of codes of ours is wrong: nothing was run
    ├── MonthError              a folder is not a month as docs/protocols/reconciliation-month.md describes it
    ├── NightError              a night cannot be run now, or what lies there is not what was committed
    ├── ReportError             a report of the results could not be made
    ├── SourceError             a file could not be brought into the inbox
    ├── SettlementError         a value date cannot be settled now
    │   └── UnknownPartyError   nobody of this name has a line
    └── UnreadableFileError     a far side's file cannot be taken

A faulty file of a far side is a result, not a failure: `intake` turns the last error into a break, so its
callers never see it raised.
"""

from typing import Final

_LETTERS_MAX: Final = 400
_COLUMN_MAX: Final = 100


class ReconciliationError(Exception):
    """The root of every refusal of the wing; without a message of its own, the docstring is the message."""

    def __str__(self) -> str:
        return super().__str__() or (type(self).__doc__ or type(self).__name__).split("\n", 1)[0]


class ConfigurationError(ReconciliationError):
    """A file under config/ is not valid."""


class MonthError(ReconciliationError):
    """The folder is not a month that can be run."""


class NightError(ReconciliationError):
    """The night cannot be run now; nothing was changed."""


class ReportError(ReconciliationError):
    """The results stand, but a report of them could not be made."""


class SettlementError(ReconciliationError):
    """This settlement cannot be carried out now; nothing was written."""


class UnknownPartyError(SettlementError):
    """No party of this name has a line."""


class SourceError(ReconciliationError):
    """A file could not be brought into the inbox; the inbox is as it was."""


class UnreadableFileError(ReconciliationError):
    """The file of a far side cannot be taken as it is; none of its rows is loaded."""

    code = "ROW_REJECTED"
    # The name of the file, set where several are read.
    file = ""

    def __init__(
        self, reason: str, line: int | None = None, column: str | None = None, unit: str = "line"
    ) -> None:
        """Build the message from the reason and, where there is one place, line (1-based) and column.

        In a file of messages `unit` is `message`, and a column is a field.
        """
        # A parser that fails before the first line says 0.
        line = line or None
        column = column if column is None or len(column) <= _COLUMN_MAX else f"{column[:_COLUMN_MAX]}…"
        place = "" if line is None else f"{unit} {line}"
        cell = "column" if unit == "line" else "field"
        place += "" if column is None else f"{', ' if place else ''}{cell} {column}"
        # A reason cites what stands in the file, be it a cell of a megabyte.
        reason = reason if len(reason) <= _LETTERS_MAX else f"{reason[:_LETTERS_MAX]}…"
        super().__init__(f"{place}: {reason}" if place else reason)
        self.reason = reason
        self.line = line
        self.column = column
        self.unit = unit


class ControlTotalError(UnreadableFileError):
    """Header or trailer and body do not agree: the file is cut, doubled or changed."""

    code = "CONTROL_TOTAL"
