"""Reading the movements of every simulator (`GET /_admin/movements`), merged by institution."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import aiohttp

from sandbox.kit.institution.movements import Movement
from sandbox.registry import InstitutionName
from sandbox.rehearsals.day.institutions import INSTITUTIONS, SECOND_ROUTES, BookSource, book_sources

_SECONDS = 60
_HTTP_OK = 200


class InstitutionUnavailableError(Exception):
    """A simulator does not return its movements."""


@dataclass(frozen=True, slots=True)
class DayBook:
    """The movements of one institution in their order, and the date of the first event there."""

    first: date
    movements: tuple[Movement, ...]


async def read_books(addresses: Mapping[InstitutionName, str], since: date) -> Mapping[str, DayBook]:
    """Read the books of all simulators with a known address; institutions without any event are omitted.

    Raises:
        InstitutionUnavailableError: a simulator does not answer.
    """
    books: dict[str, list[DayBook]] = {}
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for institution_id, source in sorted(book_sources().items()):
            if source.name in addresses:
                book = await _read_book(session, addresses[source.name], source, since)
                if book is not None:
                    books.setdefault(SECOND_ROUTES.get(institution_id, institution_id), []).append(book)
    return {
        institution_id: _merged_book(institution_id, books[institution_id])
        for institution_id in INSTITUTIONS
        if institution_id in books
    }


async def _read_book(
    session: aiohttp.ClientSession, address: str, source: BookSource, since: date
) -> DayBook | None:
    query = {"since": since.isoformat()} | ({"house": source.institution} if source.institution else {})
    try:
        async with session.get(f"{address}/_admin/movements", params=query) as answer:
            if answer.status != _HTTP_OK:
                raise InstitutionUnavailableError(
                    f"{source.name} {source.institution} answers {answer.status}"
                )
            return read_book(await answer.json(content_type=None))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise InstitutionUnavailableError(f"{source.name} does not answer: {type(error).__name__}") from error


def with_awaited_books(books: Mapping[str, DayBook], awaited: Mapping[str, date]) -> Mapping[str, DayBook]:
    """The books with an empty one of each institution that is only awaited, from a date of its own on.

    An institution sends its files once it is connected, also where nothing has ever reached it.
    """
    empty = {
        SECOND_ROUTES.get(institution_id, institution_id): DayBook(first, ())
        for institution_id, first in awaited.items()
    }
    known = empty | dict(books)
    return {
        institution_id: known[institution_id] for institution_id in INSTITUTIONS if institution_id in known
    }


def read_book(document: Mapping[str, Any]) -> DayBook | None:
    """Return the book in a response, or None if nothing ever happened at the institution."""
    if document["first"] is None:
        return None
    movements = tuple(Movement.read(movement) for movement in document["movements"])
    return DayBook(date.fromisoformat(document["first"]), movements)


def _merged_book(institution_id: str, books: Iterable[DayBook]) -> DayBook:
    """The books of an institution and of its second route, merged."""
    listed = list(books)
    movements = [
        replace(movement, institution_id=institution_id) for book in listed for movement in book.movements
    ]
    movements.sort(key=lambda movement: movement.instant)
    return DayBook(min(book.first for book in listed), tuple(movements))
