"""Reading the form of a web page, as far as a payer needs it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from typing_extensions import override


@dataclass
class Form:
    """One form: where and how it is sent, its fields with their values, its buttons by name and value."""

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._is_inside = False

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get").lower()))
            self._is_inside = True
        elif not self._is_inside or "name" not in values:
            return
        elif tag == "button" or (tag == "input" and values.get("type") == "submit"):
            self.forms[-1].buttons.append((values["name"], values.get("value", "")))
        elif tag == "input":
            self.forms[-1].fields[values["name"]] = values.get("value", "")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False


def forms_of(page: str) -> list[Form]:
    """Return the forms of a page in their order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.forms
