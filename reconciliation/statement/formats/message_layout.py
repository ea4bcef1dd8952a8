"""The parts of a layout for message files: account statements, and ISO 8583 clearing messages."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# The name of a message's type among its cells.
TYPE = "MTI"
_LAST_ELEMENT = 128
_BITMAPS = frozenset({"1", "65"})


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class StatementOptions(_Strict):
    """How account statements are taken from a file.

    `account` is the one that they are of, as they name it. With `several`, a file may hold more than one
    statement of it, each opening where the one before closed. With `details`, each payment inside a batch
    entry becomes a row; otherwise the entry is one.
    """

    account: str = ""
    several: bool = False
    batches: Literal["entry", "details"] = "entry"
    encoding: Literal["ascii", "utf-8", "latin-1", "cp1252"] = "ascii"


class ElementLayout(_Strict):
    """One data element: `digits` counts those of its length, 0 for a fixed one.

    `name` is what its cell is called, DE and its number where it is empty. With `tags`, it is made of parts
    that each have four digits of tag and three of length; a tag that is not named refuses the message.
    """

    name: str = ""
    digits: int = Field(default=0, ge=0, le=4)
    length: int = Field(ge=1, le=9999)
    form: Literal["text", "bytes"] = "text"
    tags: Mapping[str, str] = {}


class MessageLayout(_Strict):
    """A file of ISO 8583 messages: how they are framed and encoded, and which are header, row and trailer.

    `vbs` puts four bytes of length before each message and ends with a length of zero; `blocked` is the same
    in blocks of 1,014 bytes whose last two are padding; `rdw` counts its own four bytes and ends with the
    file. `header`, `row` and `trailer` say what the cells of such a message hold; a message that is none of
    them refuses the file.
    """

    frame: Literal["vbs", "blocked", "rdw"]
    encoding: Literal["ascii", "cp500"] = "ascii"
    bitmap: Literal["binary", "hex"] = "binary"
    header: Mapping[str, str] = {}
    row: Mapping[str, str] = Field(min_length=1)
    trailer: Mapping[str, str] = {}
    elements: Mapping[str, ElementLayout] = Field(min_length=1)

    @model_validator(mode="after")
    def _elements_are_numbered(self) -> "MessageLayout":
        numbers = {number for number in self.elements if number.isdecimal() and number not in _BITMAPS}
        if numbers != set(self.elements) or any(not 1 < int(number) <= _LAST_ELEMENT for number in numbers):
            raise ValueError("elements are called by their numbers from 2 to 128, bitmaps apart")
        if len(set(self.names)) != len(self.names):
            raise ValueError("two cells have one name")
        marks = {*self.header, *self.row, *self.trailer}
        if unknown := sorted(marks - set(self.names)):
            raise ValueError(f"no cell of a message: {', '.join(unknown)}")
        return self

    def name_of(self, number: str) -> str:
        """What the cell of an element is called."""
        return self.elements[number].name or f"DE{number}"

    @property
    def names(self) -> tuple[str, ...]:
        """Every cell that a message may have: its type, its elements, and their parts."""
        cells = [TYPE]
        for number, element in self.elements.items():
            cells.extend(element.tags.values() if element.tags else (self.name_of(number),))
        return tuple(cells)
