"""Parses a web page for a payer: its forms, links and refresh."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import NamedTuple

from typing_extensions import override


@dataclass
class PageForm:
    """One form: where and how it is sent, its fields with their values, its buttons by name and value.

    `visible_fields` are the names of the fields that a person sees. Of choice fields, `fields` holds the
    preselected value, if any, and `choices` all values. Fields and buttons elsewhere on the page that name
    the form by its `id` are among them.
    """

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    visible_fields: set[str] = field(default_factory=set)
    choices: dict[str, list[str]] = field(default_factory=dict)
    id: str = ""


class Refresh(NamedTuple):
    """A page's refresh: after so many seconds it opens an address, relative to its own."""

    seconds: float
    url: str


_CHOICE_TYPES = frozenset({"radio", "checkbox"})
_REFRESH = re.compile(r"\s*([0-9]{1,4})\s*(?:[;,]\s*url\s*=\s*['\"]?([^'\"]*?)['\"]?\s*)?", re.IGNORECASE)


_BY_ID = ' form="'
_LINK = re.compile(r"<a\s[^>]*href=\"([^\"]+)\"", re.IGNORECASE)


class _PageParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self.refresh: Refresh | None = None
        self._is_inside = False
        self._select = ""
        self._elsewhere: list[tuple[str, dict[str, str]]] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self.refresh = _refresh(values.get("content", "")) or self.refresh
        elif tag == "form":
            method = values.get("method", "get").lower()
            self.forms.append(PageForm(values.get("action", ""), method, id=values.get("id", "")))
            self._is_inside = True
        elif values.get("form"):
            self._elsewhere.append((tag, values))
        elif self._is_inside:
            self._read_field(self.forms[-1], tag, values)

    @override
    def close(self) -> None:
        super().close()
        # A field may stand before the form that it belongs to.
        for tag, values in self._elsewhere:
            form = next((form for form in self.forms if form.id == values["form"]), None)
            if form is not None:
                self._read_field(form, tag, values)

    def _read_field(self, form: PageForm, tag: str, values: dict[str, str]) -> None:
        if tag == "option" and self._select:
            self._choose(form, self._select, values.get("value", ""), is_chosen="selected" in values)
        elif "name" not in values:
            return
        elif tag == "select":
            self._select = values["name"]
        elif tag == "input" and values.get("type") in _CHOICE_TYPES:
            self._choose(form, values["name"], values.get("value", "on"), is_chosen="checked" in values)
        elif tag == "button" or (tag == "input" and values.get("type") == "submit"):
            form.buttons.append((values["name"], values.get("value", "")))
        elif tag == "input":
            form.fields[values["name"]] = values.get("value", "")
            if values.get("type") != "hidden":
                form.visible_fields.add(values["name"])

    def _choose(self, form: PageForm, name: str, value: str, *, is_chosen: bool) -> None:
        # A browser preselects the first option of a list, and nothing in a group of radio buttons.
        if is_chosen or (self._select and name not in form.choices):
            form.fields[name] = value
        form.choices.setdefault(name, []).append(value)
        form.visible_fields.add(name)

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "select":
            self._select = ""


def forms_of(page: str) -> list[PageForm]:
    """Return the forms of a page in their order."""
    # The parts before the first form and after the last one may be most of a page.
    begins, ends = page.find("<form"), page.rfind("</form")
    if _BY_ID in page:
        return _read(page).forms
    return _read(page[max(begins, 0) : ends if ends > 0 else None]).forms


def links_of(page: str) -> list[str]:
    """Return the targets of a page's links, in their order."""
    return [unescape(link) for link in _LINK.findall(page)]


def refresh_of(page: str, header: str | None = None) -> Refresh | None:
    """Return the refresh of a page, if it has one; the header takes precedence."""
    if header is not None:
        return _refresh(header)
    # Parsing a whole page without a refresh would cost more than all else that a payer does.
    return _read(page).refresh if "http-equiv" in page.lower() else None


def _refresh(content: str) -> Refresh | None:
    match = _REFRESH.fullmatch(content)
    return Refresh(float(match[1]), match[2] or "") if match else None


def _read(page: str) -> _PageParser:
    reader = _PageParser()
    reader.feed(page)
    reader.close()
    return reader
