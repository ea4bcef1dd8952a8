"""Reading a web page, as far as a payer needs it: its forms, and whether it looks again by itself."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple

from typing_extensions import override


@dataclass
class Form:
    """One form: where and how it is sent, its fields with their values, its buttons by name and value.

    `typed` are the names of the fields that a person sees.
    """

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)


class Refresh(NamedTuple):
    """What a page does by itself: after so many seconds it opens an address, relative to its own."""

    seconds: float
    url: str


_REFRESH = re.compile(r"\s*([0-9]{1,4})\s*(?:[;,]\s*url\s*=\s*['\"]?([^'\"]*?)['\"]?\s*)?", re.IGNORECASE)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.refresh: Refresh | None = None
        self._is_inside = False

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            found = _REFRESH.fullmatch(values.get("content", ""))
            self.refresh = Refresh(float(found[1]), found[2] or "") if found else self.refresh
        elif tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get").lower()))
            self._is_inside = True
        elif not self._is_inside or "name" not in values:
            return
        elif tag == "button" or (tag == "input" and values.get("type") == "submit"):
            self.forms[-1].buttons.append((values["name"], values.get("value", "")))
        elif tag == "input":
            self.forms[-1].fields[values["name"]] = values.get("value", "")
            if values.get("type") != "hidden":
                self.forms[-1].typed.add(values["name"])

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False


def forms_of(page: str) -> list[Form]:
    """Return the forms of a page in their order."""
    return _read(page).forms


def refresh_of(page: str) -> Refresh | None:
    """Return what the page does by itself, if it does anything."""
    return _read(page).refresh


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader
