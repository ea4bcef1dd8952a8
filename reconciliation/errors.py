"""What the wing refuses.

    ReconciliationError
    ├── ConfigurationError      a layout, a calendar or a table of codes of ours is wrong: nothing was run
    ├── MonthError              a folder is not a month as docs/protocols/reconciliation-month.md describes it
    ├── ReportError             a report could not be made of what was found
    └── UnreadableFileError     a far side's file cannot be taken

What a far side's file does is an answer, not an accident: `intake` turns the last one into a break, and
nobody above it sees it raised.
"""


class ReconciliationError(Exception):
    """The root of every refusal of the wing; without a message of its own, the docstring is the message."""

    def __str__(self) -> str:
        return super().__str__() or (type(self).__doc__ or type(self).__name__).split("\n", 1)[0]


class ConfigurationError(ReconciliationError):
    """A file under config/ says something that cannot be meant."""


class MonthError(ReconciliationError):
    """The folder is not a month that can be run."""


class ReportError(ReconciliationError):
    """What was found stands, but a report of it could not be made."""


class UnreadableFileError(ReconciliationError):
    """The file of a far side cannot be taken as it is; none of its rows is loaded."""

    code = "ROW_REJECTED"

    def __init__(self, what: str, line: int | None = None, column: str | None = None) -> None:
        """Say what is wrong and, where it is one place, at which line (1-based) and column."""
        place = "" if line is None else f"line {line}"
        place += "" if column is None else f"{', ' if place else ''}column {column}"
        super().__init__(f"{place}: {what}" if place else what)
        self.what = what
        self.line = line
        self.column = column


class ControlTotalError(UnreadableFileError):
    """Header or trailer and body do not agree: the file is cut, doubled or changed."""

    code = "CONTROL_TOTAL"
