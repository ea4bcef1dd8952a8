"""The cells of a sheet, as a parser of XML comes upon them: row after row, and never as a grid.

Whoever wrote the sheet says where a cell stands, so an address is never taken as a size: rows and the cells
in them must rise, a row that is empty ends the sheet, and nothing may stand beside the headings.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from xml.parsers import expat

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.formats.workbook_values import number_text, time_text

ROWS_MAX: Final = 1 << 20
COLUMNS_MAX: Final = 1 << 14
TEXT_MAX: Final = 32_767
_DIGITS: Final = "0123456789"
_LETTERS_MAX: Final = 3
_BOOLEANS: Final = {"0": "false", "1": "true"}

# A cell: its text, or its place among the shared texts.
Cell = str | int


class SheetRows:
    """Receives the events of a sheet's XML; `rows` are whole rows that nobody took yet."""

    def __init__(self, shared_count: int, time_styles: Mapping[str, bool], cells_max: int) -> None:
        self.rows: list[list[Cell]] = []
        self.numbers: list[list[bool]] = []
        self.first_line = 1
        self.headings: list[Cell] | None = None
        self.headings_line = 0
        self._shared_count = shared_count
        self._time_styles = time_styles
        self._cells_left = self._cells_max = cells_max
        self._columns: dict[str, int] = {}
        self._line, self._line_text = 0, "0"
        self._last_line = 0
        self._cells: list[Cell] = []
        self._is_number: list[bool] = []
        self._column = -1
        self._type, self._style = "n", ""
        self._text: list[str] | None = None
        self._value, self._letters = "", 0
        self._phonetic = False
        self._is_in_row, self._is_in_cell, self._has_value = False, False, False

    def handlers(self) -> tuple[Callable[..., None], Callable[..., None], Callable[[str], None]]:
        """What a parser calls: at the start of an element, at its end, and with text."""
        return self._start, self._end, self._data

    def take(self) -> tuple[int, list[list[Cell]], list[list[bool]]]:
        """The number of the first row that nobody took yet, those rows, and which cells are numbers."""
        taken = self.first_line, self.rows, self.numbers
        self.first_line += len(self.rows)
        self.rows, self.numbers = [], []
        return taken

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        match name.rpartition(":")[2] if ":" in name else name:
            case "c":
                self._begin_cell(attributes)
            case "v":
                self._begin_value()
            case "t":
                if self._type == "inlineStr" and not self._phonetic:
                    self._text = []
            case "row":
                self._begin_row(attributes.get("r", ""))
            case "rPh":
                self._phonetic = True
            case _:
                pass

    def _end(self, name: str) -> None:
        match name.rpartition(":")[2] if ":" in name else name:
            case "c":
                self._is_in_cell = False
                if self._value:
                    self._end_cell()
            case "v" | "t":
                if self._text is not None:
                    self._value += "".join(self._text)
                    self._text = None
            case "row":
                self._is_in_row = False
                self._end_row()
            case "rPh":
                self._phonetic = False
            case _:
                pass

    def _data(self, text: str) -> None:
        if self._text is None:
            return
        self._text.append(text)
        self._letters += len(text)
        if self._letters > TEXT_MAX:
            raise self._refusal(f"a cell of more than {TEXT_MAX} letters")

    def _begin_row(self, number: str) -> None:
        if self._is_in_row:
            raise self._refusal(f"row {number[:20]!r} stands inside another row")
        line = self._line + 1 if not number else int(number) if _is_count(number) else 0
        if not self._line < line <= ROWS_MAX:
            raise UnreadableFileError(
                f"row {number[:20]!r} stands behind row {self._line}, or beyond the bounds of a sheet",
                line=self._line + 1,
            )
        self._line, self._line_text = line, str(line)
        self._cells, self._is_number, self._column = [], [], -1
        self._is_in_row = True

    def _begin_cell(self, attributes: Mapping[str, str]) -> None:
        self._cells_left -= 1
        if self._cells_left < 0:
            raise self._refusal(f"more than {self._cells_max} cells")
        reference = attributes.get("r")
        column = self._column + 1 if reference is None else self._column_of(reference)
        if column <= self._column or self._is_in_cell or not self._is_in_row:
            raise self._refusal(f"cell {str(reference)[:20]!r} stands where no cell can follow")
        self._column = column
        self._type, self._style = attributes.get("t", "n"), attributes.get("s", "")
        self._value, self._letters, self._phonetic = "", 0, False
        self._is_in_cell, self._has_value = True, False

    def _begin_value(self) -> None:
        if self._has_value:
            raise self._refusal("a cell with two values")
        self._text, self._has_value = [], True

    def _column_of(self, reference: str) -> int:
        """The column of an address, counted from 0; its row must be the one that it stands in."""
        letters = reference.rstrip(_DIGITS)
        column = self._columns.get(letters)
        if column is None:
            column = _column(letters)
            if column is None or column >= COLUMNS_MAX:
                raise self._refusal(f"{reference[:20]!r} is no address of a cell")
            self._columns[letters] = column
        if reference[len(letters) :] != self._line_text:
            raise self._refusal(f"cell {reference[:20]!r} stands in another row than it says")
        return column

    def _end_cell(self) -> None:
        cell, is_number = self._read_value(self._value)
        if cell is None:
            return
        if self.headings is not None and self._column >= len(self.headings):
            if isinstance(cell, int) or cell.strip():
                raise self._refusal(f"a cell in column {self._column + 1}, which has no heading")
            return
        if self._column > len(self._cells):
            self._fill(self._column)
        self._cells.append(cell)
        self._is_number.append(is_number)

    def _fill(self, width: int) -> None:
        """Make the row as wide as this with empty cells."""
        blanks = width - len(self._cells)
        self._cells.extend([""] * blanks)
        self._is_number.extend([False] * blanks)

    def _read_value(self, value: str) -> tuple[Cell | None, bool]:
        """The cell and whether it is a number; None for a value of no known type, as an error is."""
        match self._type:
            case "s":
                return self._shared(value), False
            case "inlineStr" | "str" | "d":
                return value, False
            case "n":
                return self._number(value)
            case "b":
                return _BOOLEANS.get(value, value), True
            case _:
                return None, False

    def _shared(self, value: str) -> int:
        if not _is_count(value) or int(value) >= self._shared_count:
            raise self._refusal(f"no shared text {value[:20]!r}")
        return int(value)

    def _number(self, value: str) -> tuple[str, bool]:
        if self._time_styles.get(self._style):
            time = time_text(value)
            if time is not None:
                return time, False
        return number_text(value), True

    def _end_row(self) -> None:
        if not any(isinstance(cell, int) or cell.strip() for cell in self._cells):
            return
        if self.headings is None:
            self.headings, self._last_line = self._cells, self._line
            self.headings_line, self.first_line = self._line, self._line + 1
            return
        if self._line != self._last_line + 1:
            raise UnreadableFileError(
                f"the row is empty, and row {self._line} is not", line=self._last_line + 1
            )
        self._last_line = self._line
        self._fill(len(self.headings))
        self.rows.append(self._cells)
        self.numbers.append(self._is_number)

    def _refusal(self, reason: str) -> UnreadableFileError:
        return UnreadableFileError(reason, line=self._line or None)


class SharedTexts:
    """Receives the events of the XML of shared texts."""

    def __init__(self, texts_max: int) -> None:
        self.texts: list[str] = []
        self.taken = 0
        self._max = texts_max
        self._parts: list[str] = []
        self._letters = 0
        self._is_text = False
        self._phonetic = False

    def handlers(self) -> tuple[Callable[..., None], Callable[..., None], Callable[[str], None]]:
        """What a parser calls: at the start of an element, at its end, and with text."""
        return self._start, self._end, self._data

    def take(self) -> list[str]:
        """The texts that nobody took yet."""
        taken, self.texts = self.texts, []
        self.taken += len(taken)
        return taken

    def _start(self, name: str, _attributes: Mapping[str, str]) -> None:
        match name.rpartition(":")[2] if ":" in name else name:
            case "si":
                self._parts, self._letters = [], 0
            case "t":
                self._is_text = not self._phonetic
            case "rPh":
                self._phonetic = True
            case _:
                pass

    def _end(self, name: str) -> None:
        match name.rpartition(":")[2] if ":" in name else name:
            case "si":
                self.texts.append("".join(self._parts))
                if self.taken + len(self.texts) > self._max:
                    raise UnreadableFileError(f"more than {self._max} shared texts")
            case "t":
                self._is_text = False
            case "rPh":
                self._phonetic = False
            case _:
                pass

    def _data(self, text: str) -> None:
        if self._is_text:
            self._parts.append(text)
            self._letters += len(text)
            if self._letters > TEXT_MAX:
                number = self.taken + len(self.texts)
                raise UnreadableFileError(f"shared text {number} has more than {TEXT_MAX} letters")


def parser_of(receiver: SheetRows | SharedTexts) -> expat.XMLParserType:
    """A parser that tells a receiver what it comes upon; a document type is refused."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = receiver.handlers()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_declaration: object) -> None:
    raise UnreadableFileError("a document type declaration is not taken")


def _is_count(text: str) -> bool:
    return len(text) <= len(str(1 << 31)) and text.isascii() and text.isdecimal()


def _column(letters: str) -> int | None:
    """The column of these letters, counted from 0; None where they are none."""
    if not 1 <= len(letters) <= _LETTERS_MAX:
        return None
    number = 0
    for letter in letters:
        if not "A" <= letter <= "Z":
            return None
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def text_of(cells: Sequence[Cell]) -> Sequence[str | None]:
    """The cells that are text themselves."""
    return [cell if isinstance(cell, str) else None for cell in cells]


def places_of(cells: Sequence[Cell]) -> Sequence[int | None]:
    """The cells that are places among the shared texts."""
    return [cell if isinstance(cell, int) else None for cell in cells]
