"""Users of the portal: each walks through its pages as a browser does, and thinks between two of them.

A process of its own, `python -m benchmarks.portal.users URL`, so that its work is not the switch's; each user
has an address of its own, since the switch limits what one address may do.
"""

import argparse
import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

import aiohttp

from benchmarks.portal.citizen_rows import KnownCitizen, known_citizens

# Parts of a hundred of all visits.
VISITS = {"pay": 50, "account": 30, "look": 20}
THINK_SECONDS_MAX = 5.0
# The first part of a turn does not count.
WARM_UP_SHARE = 1 / 6
_SESSION = "ekpay-session"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_FIRST_ACCOUNT = 10_000_000
_REDIRECTS = frozenset({302, 303})
_GOOD = frozenset({200, *_REDIRECTS})


class UnexpectedAnswerError(Exception):
    """A page that a user of the bench should have got was not there."""


@dataclass(slots=True)
class Samples:
    """Milliseconds of each request by what was requested, of those that begin in the time that counts."""

    counted_from: float
    counted_until: float
    by_page: dict[str, list[float]] = field(default_factory=dict)

    def add(self, page: str, begun: float, ended: float) -> None:
        """Count a request that began at `begun`, both in seconds of one clock."""
        if self.counted_from <= begun < self.counted_until:
            self.by_page.setdefault(page, []).append(1_000 * (ended - begun))


@dataclass(slots=True)
class User:
    """One user with a browser."""

    session: aiohttp.ClientSession
    citizen: KnownCitizen
    url: str
    think_seconds: float
    samples: Samples
    accounts: "count[int]"
    dice: random.Random

    async def walk(self, until: float) -> None:
        """Visit after visit, until the time is over."""
        visits: Mapping[str, Callable[[], Awaitable[None]]] = {
            "pay": self.pay,
            "account": self.look_at_account,
            "look": self.look_around,
        }
        while time.monotonic() < until:
            (name,) = self.dice.choices(list(VISITS), list(VISITS.values()))
            await visits[name]()

    async def pay(self) -> None:
        """Find DESCO, fetch a bill, order the cart, and look from the checkout back at the result."""
        await self._get("first page", "/")
        await self._get("search", "/?q=current+bill")
        form = await self._get("form", "/bills/desco_postpaid")
        typed = {"group": "B", "B-account_no": str(next(self.accounts))}
        await self._post("bill fetched", "/bills/desco_postpaid", {**_hidden(form), **typed})
        cart = await self._get("cart", "/cart")
        place = await self._post("cart ordered", "/cart/pay", _hidden(cart))
        await self._get("checkout", place)
        place = await self._place("/cart")
        await self._get("result", place)

    async def look_at_account(self) -> None:
        """The account, the year, and a payment of it."""
        account = await self._get("account", "/account")
        await self._get("year", "/account/history")
        found = re.search(r'href="(/bills/[^"]+)"', account)
        await self._get("form", found[1] if found else "/bills/desco_postpaid")

    async def look_around(self) -> None:
        """What anybody may read."""
        await self._get("first page", "/")
        await self._get("health", "/status")
        await self._get("costs", "/costs")

    async def _get(self, page: str, path: str) -> str:
        await self._think()
        begun = time.monotonic()
        async with self.session.get(self.url + _path(path), allow_redirects=False) as answer:
            text = await answer.text()
            self.samples.add(page, begun, time.monotonic())
            if answer.status not in _GOOD:
                raise UnexpectedAnswerError(f"{page}: {answer.status} at {path}")
        return text

    async def _post(self, page: str, path: str, fields: Mapping[str, str]) -> str:
        await self._think()
        begun = time.monotonic()
        async with self.session.post(self.url + path, data=dict(fields), allow_redirects=False) as answer:
            await answer.read()
            self.samples.add(page, begun, time.monotonic())
            if answer.status not in _REDIRECTS:
                raise UnexpectedAnswerError(f"{page}: {answer.status} at {path}")
            return str(answer.headers["location"])

    async def _place(self, path: str) -> str:
        """Where a page leads; what is not shown is not counted."""
        async with self.session.get(self.url + path, allow_redirects=False) as answer:
            await answer.read()
            return str(answer.headers["location"])

    async def _think(self) -> None:
        if self.think_seconds:
            seconds = self.dice.expovariate(1 / self.think_seconds)
            await asyncio.sleep(min(seconds, THINK_SECONDS_MAX))


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - which way a user goes is no secret


def _hidden(page: str) -> dict[str, str]:
    return dict(_HIDDEN.findall(page))


def _path(place: str) -> str:
    """The path of a page of ours, with its query."""
    parts = urlsplit(place)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def _run(url: str, users: int, seconds: float, think_seconds: float, first_account: int) -> Samples:
    begun = time.monotonic()
    samples = Samples(begun + seconds * WARM_UP_SHARE, begun + seconds)
    accounts = count(first_account)
    citizens = known_citizens(users)
    walks: Sequence[Awaitable[None]] = [
        _walk(
            User(session, citizen, url, think_seconds, samples, accounts, _dice(n)),
            begun + seconds,
        )
        for n, (session, citizen) in enumerate(zip(_sessions(users, citizens), citizens, strict=True))
    ]
    await asyncio.gather(*walks)
    return samples


async def _walk(user: User, until: float) -> None:
    try:
        await user.walk(until)
    finally:
        await user.session.close()


def _sessions(users: int, citizens: Sequence[KnownCitizen]) -> list[aiohttp.ClientSession]:
    sessions = []
    for n in range(users):
        connector = aiohttp.TCPConnector(local_addr=(f"127.0.1.{n + 1}", 0))
        jar = aiohttp.CookieJar(unsafe=True)
        session = aiohttp.ClientSession(connector=connector, cookie_jar=jar)
        session.cookie_jar.update_cookies({_SESSION: citizens[n].secret})
        sessions.append(session)
    return sessions


def main() -> int:
    """Walk, and print the milliseconds of each page as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portal.users", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--think-seconds", type=float, default=1)
    parser.add_argument("--first-account", type=int, default=_FIRST_ACCOUNT)
    typed = parser.parse_args()
    try:
        samples = asyncio.run(
            _run(typed.url, typed.users, typed.seconds, typed.think_seconds, typed.first_account)
        )
    except UnexpectedAnswerError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(json.dumps(samples.by_page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
