"""A statement layout as data: config/statements/<institution>.toml, read strictly.

A layout maps columns and words and names the format of amounts and times. It has no conditions and no
expressions; a format that no setting describes becomes a new setting, not a special case in a reader. Unknown
columns are refused.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ekpay_switch.config_files.toml_file import ConfigFileError, toml_text
from reconciliation.canonical_row import OutcomeCode
from reconciliation.configuration_faults import fault_wording
from reconciliation.errors import ConfigurationError
from reconciliation.statement.formats.ach_records import CELLS as ACH_CELLS
from reconciliation.statement.formats.message_layout import MessageLayout, StatementOptions
from reconciliation.statement.values.amounts import Grouping, Sign, Unit

Event = Literal["payment", "back", "chargeback"]
Status = Literal["success", "failed"]
AmountField = Literal["gross", "fee", "vat", "kept", "net"]
Container = Literal[
    "text", "workbook", "iso8583", "ach", "beftn", "camt052", "camt053", "camt054", "mt940", "mt942"
]
# Files that become a table of cells; of the others, each is made of account statements.
TABLES: frozenset[Container] = frozenset({"text", "workbook", "iso8583", "ach", "beftn"})
_PARSED_MAX = 256
# Below a taka: more is a difference, not a rounding.
_ROUNDING_MAX = 99
# Where nobody has agreed how long a chargeback may wait for our answer, soon is safe.
_ANSWER_DAYS, _ANSWER_DAYS_MAX = 3, 120
_FIXED_CELLS: Mapping[Container, tuple[str, ...]] = {"ach": ACH_CELLS, "beftn": ACH_CELLS}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TextLayout(_Strict):
    """How bytes become lines, and lines cells. Columns with widths make it fixed-width text."""

    encoding: Literal["ascii", "utf-8", "utf-8-sig", "utf-16-le-bom"]
    line_end: Literal["lf", "crlf"]
    delimiter: str = Field(default="", max_length=1)
    quote: Literal["", '"'] = ""
    headings: bool = False


class LineLayout(_Strict):
    """The cells of one kind of line. `=X` is a cell that holds exactly X, `=` an empty one, else a name."""

    columns: tuple[str, ...] = Field(strict=False, min_length=1)
    widths: tuple[int, ...] = Field(strict=False, default=())

    @model_validator(mode="after")
    def _each_column_has_its_width(self) -> "LineLayout":
        if self.widths and len(self.widths) != len(self.columns):
            raise ValueError("as many widths as columns, or none")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns; those that hold a fixed text are called by their place."""
        return tuple(f"={index}" if name.startswith("=") else name for index, name in enumerate(self.columns))

    @property
    def constants(self) -> Mapping[str, str]:
        """What each cell of fixed text must hold."""
        return {
            name: column[1:]
            for name, column in zip(self.names, self.columns, strict=True)
            if column.startswith("=")
        }


class AmountFormat(_Strict):
    """How every amount of the file is written; `signed_by_event` are those whose minus is the event's."""

    unit: Unit
    grouping: Grouping = "none"
    sign: Sign = "plain"
    signed_by_event: tuple[AmountField, ...] = Field(strict=False, default=())


class TimeFormat(_Strict):
    """Where the instant stands; several columns are read as one text, one space between them.

    A `date` tells no time of day; its instant is the first of that day in Dhaka.
    """

    columns: tuple[str, ...] = Field(strict=False, min_length=1)
    form: Literal["pattern", "date", "epoch_ms", "serial", "month_day"]
    pattern: str = ""


class WordTable(_Strict):
    """Cells looked up together, one space between them; without `otherwise`, an unknown word is refused."""

    columns: tuple[str, ...] = Field(strict=False, min_length=1)
    words: Mapping[str, str] = {}
    otherwise: str = ""


class EventColumns(_Strict):
    """What gives the direction of a row: always a payment, a word, the amount's sign, or a filled cell."""

    by: Literal["payment", "word", "sign", "filled"]
    columns: tuple[str, ...] = Field(strict=False, default=())
    words: Mapping[str, Event] = {}


class OutcomeColumn(_Strict):
    """The column that says how a row was paid; a word that is not listed rejects the row."""

    column: str
    words: Mapping[str, Annotated[OutcomeCode, Field(strict=False)]] = Field(min_length=1)


class FieldColumns(_Strict):
    """Which column holds which fact. Without `net`, it is gross less what was kept."""

    ours: str
    theirs: str = ""
    theirs_when_back: str = ""
    gross: str = ""
    fee: str = ""
    vat: str = ""
    kept: str = ""
    net: str = ""
    currency: str = ""
    counter: str = ""  # counts lines within the file, so two equal rows may differ in it


class ControlCells(_Strict):
    """What trailer or last line must agree with, over all rows whatever their state: cell → what it counts.

    Sums are taken of amounts as they are written, before an event gives them its sign. `rows_beside` is how
    many lines or messages are counted along that are no rows, as the header and the trailer themselves.
    """

    rows: str
    rows_beside: int = Field(default=0, ge=0)
    sums: Mapping[str, AmountField] = {}
    hash_of: str = ""
    hash_cell: str = ""
    sha256_cell: str = ""


class FeeTerms(_Strict):
    """The agreed schedule, in basis points and paisa; a cap of 0 is none."""

    basis_points: int = Field(ge=0, le=10_000)
    floor: int = Field(ge=0)
    cap: int = Field(ge=0)
    vat_basis_points: int = Field(ge=0, le=10_000)
    on_taking_back: Literal["kept", "returned"]


class PayoutBank(_Strict):
    """By which bank's statement the institution pays."""

    bank: str


class Layout(_Strict):
    """How to read the settlement files of one institution."""

    institution: str
    code: str
    version: str
    kind: Literal["funds", "delivery", "statement"]
    container: Container
    extension: str
    text: TextLayout | None = None
    messages: MessageLayout | None = None
    statement: StatementOptions = StatementOptions()
    row: LineLayout | None = None
    header: LineLayout | None = None
    trailer: LineLayout | None = None
    control: ControlCells | None = None
    amounts: AmountFormat | None = None
    time: TimeFormat | None = None
    events: EventColumns | None = None
    status: WordTable | None = None
    outcome: OutcomeColumn | None = None
    fields: FieldColumns | None = None
    currencies: Mapping[str, str] = {}
    fee: FeeTerms | None = None
    payout: PayoutBank | None = None
    charge: int = 0
    # So many paisa may gross less fee and VAT be off net in one row, since each of them is rounded by itself.
    rounding: int = Field(default=0, ge=0, le=_ROUNDING_MAX)
    # By so many days after the day of its file a chargeback must be answered, by the institution's rule.
    chargeback_answer_days: int = Field(default=_ANSWER_DAYS, ge=0, le=_ANSWER_DAYS_MAX)

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> "Layout":
        is_table = self.container in TABLES
        if is_table and not (self.names and self.amounts and self.time and self.events and self.fields):
            raise ValueError("a table needs row, amounts, time, events and fields")
        if not is_table and not self.statement.account:
            raise ValueError("statement.account: say of which account the statements are")
        if self.container in _FIXED_CELLS and self.row is not None:
            raise ValueError("the cells of a clearing record are fixed")
        if (self.container == "text") != (self.text is not None):
            raise ValueError("text, and only text, has a section for it")
        if (self.container == "iso8583") != (self.messages is not None):
            raise ValueError("messages, and only these, have a section for them")
        if (self.kind == "funds") != (self.fee is not None and self.payout is not None):
            raise ValueError("who brings funds, and nobody else, has a fee and a payout")
        has_trailer = self.trailer is not None or bool(self.messages and self.messages.trailer)
        if has_trailer != (self.control is not None):
            raise ValueError("a trailer is there to be checked")
        self._names_its_columns()
        return self

    @model_validator(mode="after")
    def _has_its_outcome_in_a_column(self) -> "Layout":
        if self.outcome is not None and self.container not in TABLES:
            raise ValueError("outcome: only a table has a column for it")
        return self

    @model_validator(mode="after")
    def _rounds_what_it_states(self) -> "Layout":
        if self.rounding and not (self.fields and self.fields.gross and self.fields.net):
            raise ValueError("rounding: only rows that state gross and net can differ by it")
        return self

    def amount_sign(self, name: AmountField) -> Sign:
        """How a negative amount is written: a net is below zero, with a minus, where a fee has a floor."""
        sign = "plain" if self.amounts is None else self.amounts.sign
        return "minus" if sign == "plain" and name == "net" else sign

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of a row, whether the layout lists them or its container has them."""
        return self.row.names if self.row is not None else _FIXED_CELLS.get(self.container, ())

    def _names_its_columns(self) -> None:
        if self.fields is None:
            return
        known = {*self.names, ""}
        if self.messages and (unknown := sorted(known - {*self.messages.names, ""})):
            raise ValueError(f"no cell of a message: {', '.join(unknown)}")
        named = [value for value in self.fields.model_dump().values() if isinstance(value, str)]
        for section in (self.time, self.events, self.status):
            named.extend(section.columns if section else ())
        named.extend([self.outcome.column] if self.outcome else [])
        if unknown := sorted(set(named) - known):
            raise ValueError(f"no column of the row: {', '.join(unknown)}")


def read_layout(path: Path) -> Layout:
    """The layout of a file, which is called after its institution.

    Raises:
        ConfigurationError: the file is no valid layout, or has another name.
    """
    try:
        layout = _parse(toml_text(path))
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{path.name}: not TOML: {problem}") from problem
    except (ValidationError, ConfigFileError) as problem:
        raise ConfigurationError(f"{path.name}: {fault_wording(problem)}") from problem
    if layout.institution != path.stem:
        raise ConfigurationError(f"{path.name} describes {layout.institution}")
    return layout


# A night reads all of them, and a month thirty times; layouts are frozen, so that all may share one.
@lru_cache(_PARSED_MAX)
def _parse(text: str) -> Layout:
    return Layout.model_validate(tomllib.loads(text))


def read_layouts(folder: Path) -> Mapping[str, Layout]:
    """Every layout by its institution."""
    return {path.stem: read_layout(path) for path in sorted(folder.glob("*.toml"))}
