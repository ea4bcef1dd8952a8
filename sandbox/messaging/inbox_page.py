"""The inbox, for people: it needs no script and loads nothing, and whatever was sent is escaped."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.pages import PageVisit, with_query
from sandbox.kit.institution.replies import Reply, page_reply
from sandbox.kit.payer_pages.dhaka_time import dhaka_time
from sandbox.kit.payer_pages.language import PARAMETER, Language, digits, language_of, typed_digits
from sandbox.kit.payer_pages.payer_page import HEADERS
from sandbox.messaging import wording
from sandbox.messaging.book import SmsBook, SmsMessage
from sandbox.messaging.replies import ERRORS
from sandbox.messaging.wire import mobile_of, typed_msisdn

MESSAGES_ON_A_PAGE = 50
_OK, _MALFORMED, _NOT_FOUND = 200, 400, 404

_TEMPLATES = Path(__file__).with_name("templates")
_PAGE = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("inbox.html")
_STYLE = (_TEMPLATES / "inbox.css").read_text(encoding="utf-8")

_PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
# Six digits that are no part of an amount, a date, a reference or a longer number.
_CODE = re.compile(r"(?<![\w.,:/-])(\d{6})(?![\w:/-]|[.,]\d)")


class Piece(NamedTuple):
    """A piece of a text, and whether it is a one-time code."""

    text: str
    is_code: bool


def pieces_of(body: str) -> list[Piece]:
    """Return a text in pieces, each number of six digits a piece of its own."""
    pieces = [Piece(text, bool(at % 2)) for at, text in enumerate(_CODE.split(body))]
    return [piece for piece in pieces if piece.text]


class _Selection(NamedTuple):
    """What a visitor asks for; no `number` is all of them, and no `page` is one that cannot be read."""

    typed: str
    number: str | None
    page: int | None
    has_wrong_number: bool


def _selection(visit: PageVisit) -> _Selection:
    typed = visit.query.get("to", "").strip()
    number = typed_msisdn(typed)
    page = typed_digits(visit.query.get("page", "1"))
    is_page = _PAGE_NUMBER.fullmatch(page) is not None
    return _Selection(typed, number, int(page) if is_page else None, bool(typed) and number is None)


class InboxPage:
    """The inbox of one gateway."""

    def __init__(self, book: SmsBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    def show(self, visit: PageVisit) -> Reply:
        """Show what has arrived, newest first; HTTP 400 if the number is none, 404 if the page is none."""
        if visit.method != "GET":
            return ERRORS.wrong_method
        selection = _selection(visit)
        if selection.has_wrong_number:
            return self._reply(visit, selection, [], _MALFORMED)
        arrived = self._book.inbox(self._clock.now(), selection.number)
        pages = max(1, -(-len(arrived) // MESSAGES_ON_A_PAGE))
        is_page = selection.page is not None and selection.page <= pages
        return self._reply(visit, selection, arrived, _OK if is_page else _NOT_FOUND)

    def _reply(
        self, visit: PageVisit, selection: _Selection, arrived: Sequence[SmsMessage], status: int
    ) -> Reply:
        language, page = language_of(visit), selection.page or 1
        first = (page - 1) * MESSAGES_ON_A_PAGE
        last = first + MESSAGES_ON_A_PAGE
        rendered = _PAGE.render(
            words=wording,
            style=_STYLE,
            language=language,
            selection=selection,
            status=status,
            count=digits(len(arrived), language),
            messages=[_inbox_entry(message, language) for message in arrived[first:last]],
            has_newer=first > 0,
            has_older=last < len(arrived),
            address=_Address(visit, selection.number),
            to=digits(mobile_of(selection.number), language) if selection.number else "",
        )
        return page_reply(rendered, status=status, headers=HEADERS)


class _Address:
    """The addresses of this page with something else asked for; the language stays as it was chosen."""

    def __init__(self, visit: PageVisit, number: str | None) -> None:
        self._query = dict(visit.query)
        chosen = visit.query.get(PARAMETER)
        self._language = {PARAMETER: chosen} if chosen in set(Language) else {}
        self._number = {"to": number} if number else {}

    @property
    def language(self) -> str:
        """The language that was chosen by the address, empty if none was."""
        return self._language.get(PARAMETER, "")

    def in_language(self, language: Language) -> str:
        """The same page in a language."""
        return with_query("/inbox", **{**self._query, PARAMETER: language})

    def of_number(self, number: str) -> str:
        """The messages to one number, or to all if it is empty."""
        return with_query("/inbox", **({"to": number} if number else {}), **self._language)

    def of_page(self, page: int) -> str:
        """Another page of the same messages."""
        more = {"page": str(page)} if page > 1 else {}
        return with_query("/inbox", **self._number, **more, **self._language)


def _inbox_entry(message: SmsMessage, language: Language) -> dict[str, object]:
    at = message.delivered_at or message.accepted_at
    return {
        "msisdn": message.msisdn,
        "to": digits(mobile_of(message.msisdn), language),
        "instant": at.isoformat(timespec="seconds"),
        "time": dhaka_time(at, language),
        "pieces": pieces_of(message.body),
        "lang": "bn" if message.sms_type == "BN" else "en",
        "sender": message.sender_id,
        "parts": digits(message.parts, language) if message.parts > 1 else "",
    }
