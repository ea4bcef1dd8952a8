"""Asking every simulator what moved, by `GET /_admin/movements`, and what that makes of each institution."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import aiohttp

from sandbox.kit.institution.movements import Movement
from sandbox.registry import Name
from sandbox.rehearsals.day.institutions import HOUSES, SECOND_ROUTES, Desk, desks

_SECONDS = 60
_HTTP_OK = 200


class InstitutionSilentError(Exception):
    """A simulator does not say what moved."""


@dataclass(frozen=True, slots=True)
class DayBook:
    """What one institution has told: when anything happened there first, and its movements in their order."""

    first: date
    movements: tuple[Movement, ...]


async def ask_all(addresses: Mapping[Name, str], since: date) -> Mapping[str, DayBook]:
    """Ask those whose addresses are known; who was never used by the switch is left out.

    Raises:
        InstitutionSilentError: one of them does not answer.
    """
    told: dict[str, list[DayBook]] = {}
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for house_id, desk in sorted(desks().items()):
            if desk.name in addresses:
                book = await _ask(session, addresses[desk.name], desk, since)
                if book is not None:
                    told.setdefault(SECOND_ROUTES.get(house_id, house_id), []).append(book)
    return {house_id: _together(house_id, told[house_id]) for house_id in HOUSES if house_id in told}


async def _ask(session: aiohttp.ClientSession, address: str, desk: Desk, since: date) -> DayBook | None:
    query = {"since": since.isoformat()} | ({"house": desk.house} if desk.house else {})
    try:
        async with session.get(f"{address}/_admin/movements", params=query) as answer:
            if answer.status != _HTTP_OK:
                raise InstitutionSilentError(f"{desk.name} {desk.house} answers {answer.status}")
            return read_book(await answer.json(content_type=None))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise InstitutionSilentError(f"{desk.name} does not answer: {type(error).__name__}") from error


def read_book(told: Mapping[str, Any]) -> DayBook | None:
    """Return what an answer tells, or None if nothing ever happened there."""
    if told["first"] is None:
        return None
    movements = tuple(Movement.read(one) for one in told["movements"])
    return DayBook(date.fromisoformat(told["first"]), movements)


def _together(house_id: str, books: Iterable[DayBook]) -> DayBook:
    """What an institution and its second route have seen, as one."""
    listed = list(books)
    movements = [replace(one, institution_id=house_id) for book in listed for one in book.movements]
    movements.sort(key=lambda one: one.instant)
    return DayBook(min(book.first for book in listed), tuple(movements))
