"""Sending notifications to URLs that partners chose: once a try, to checked addresses, within limits.

The name is resolved and checked at each try, and the connection can only go to an address of that very
answer, so that a name which changes between check and connect (DNS rebinding) leads nowhere. Only the status
of an answer counts; its body is read up to a limit and dropped.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ekpay_switch.domain.notifications import SendResult
from ekpay_switch.ports.world import Clock
from ekpay_switch.wire.public_addresses import (
    AddressRules,
    Target,
    UnsafeAddressError,
    refuse_unless_public,
    target_of,
)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# More than may be sent at once: a name server that never answers keeps its thread for a while.
_LOOKUPS_AT_ONCE = 128
_HEADERS = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "ekpay-switch",
}
_FAILURES = (aiohttp.ClientError, OSError, ValueError, RuntimeError)


@dataclass(frozen=True, slots=True)
class WebhookLimits:
    """The seconds of a whole try, resolving included, and the bytes of an answer that are read."""

    try_seconds: float = 15.0
    answer_bytes_max: int = 64 * 1024
    rules: AddressRules = field(default_factory=AddressRules)


class NameResolver:
    """The system's resolver in threads of its own: a lookup that hangs must not hold up others."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, "webhook-names")

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Every address of the name, as text; raises `OSError` where there is none."""
        loop = asyncio.get_running_loop()
        addresses = await loop.run_in_executor(self._threads, _look_up, host, port)
        return tuple(dict.fromkeys(addresses))

    def close(self) -> None:
        """Start no more lookups; those that run end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    return [str(place[4][0]) for place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


async def resolve_checked(target: Target, resolve: Resolve) -> Sequence[str]:
    """Resolve a target now and answer its addresses.

    Raises:
        UnsafeAddressError: it has none, or one that is not public and the target is not trusted.
    """
    try:
        addresses = await resolve(target.host, target.port)
    except (OSError, UnicodeError) as problem:
        raise UnsafeAddressError("the name has no address") from problem
    if not target.is_trusted:
        refuse_unless_public(addresses)
    return addresses


class WebhookSender:
    """The port `NotificationSender` over aiohttp; a connection of its own for each try."""

    def __init__(
        self,
        clock: Clock,
        resolve: Resolve,
        limits: WebhookLimits | None = None,
        certificates: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._resolve = resolve
        self._limits = limits or WebhookLimits()
        self._certificates = certificates or ssl.create_default_context()

    async def send(
        self, url: str, headers: Mapping[str, str], body: bytes, plain_hosts: frozenset[str] = frozenset()
    ) -> SendResult:
        """Try once; raises nothing for whatever the URL, the network or the endpoint does."""
        heard = _ReceivedStatus()
        try:
            async with asyncio.timeout(self._limits.try_seconds):
                target = target_of(url, replace(self._limits.rules, plain=plain_hosts))
                addresses = await resolve_checked(target, self._resolve)
                await self._post(target, addresses, _Message(headers, body), heard)
        except TimeoutError:
            return heard.tried or SendResult(None, f"no answer within {self._limits.try_seconds:g} s")
        except UnsafeAddressError as refused:
            return SendResult(None, str(refused))
        except _FAILURES as failure:
            return heard.tried or SendResult(None, _failure_text(failure))
        return heard.tried or SendResult(None, "no answer")

    async def _post(
        self, target: Target, addresses: Sequence[str], message: "_Message", heard: "_ReceivedStatus"
    ) -> None:
        url = URL(target.url, encoded=True)
        async with (
            self._session(addresses) as session,
            session.post(url, data=message.body, headers=message.headers, allow_redirects=False) as answer,
        ):
            retry_after = _retry_after(answer.headers.get("Retry-After", ""), self._clock.now())
            heard.tried = SendResult(answer.status, f"HTTP {answer.status}", retry_after)
            await self._drain(answer)

    def _session(self, addresses: Sequence[str]) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_CheckedNames(addresses),
                socket_factory=_restricted_sockets(frozenset(addresses)),
                use_dns_cache=False,
                force_close=True,
                ssl=self._certificates,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
        )

    async def _drain(self, answer: aiohttp.ClientResponse) -> None:
        """Read the answer up to the limit, so that an endpoint can finish sending it."""
        size = 0
        async for piece in answer.content.iter_any():
            size += len(piece)
            if size > self._limits.answer_bytes_max:
                break
        answer.close()


@dataclass(frozen=True, slots=True)
class _Message:
    """What is posted."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _ReceivedStatus:
    """The status of an answer: it counts even where reading the body fails."""

    tried: SendResult | None = None


def _failure_text(failure: Exception) -> str:
    """Class name and the system's own words only: an exception's text may quote what was sent to us."""
    words = failure.strerror if isinstance(failure, OSError) else None
    return f"{type(failure).__name__}: {words}" if words else type(failure).__name__


class _CheckedNames(AbstractResolver):
    """Hands out exactly the addresses that were checked, whatever the name is."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        families = {socket.AF_INET, socket.AF_INET6} if family == socket.AF_UNSPEC else {family}
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST
            )
            for address in self._addresses
            if (kind := socket.AF_INET6 if ":" in address else socket.AF_INET) in families
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _restricted_sockets(addresses: frozenset[str]) -> Callable[[tuple[Any, ...]], socket.socket]:
    """The last check: no socket is made for an address that was not checked, also not for a numeric host."""

    def make(place: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = place
        if address[0] not in addresses:
            raise UnsafeAddressError("the address changed after it was checked")
        return socket.socket(family, kind, protocol)

    return make


def _retry_after(text: str, now: datetime) -> float | None:
    """The seconds that Retry-After asks for, written either way (RFC 9110, 10.2.3), or None."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max((until - now).total_seconds(), 0.0)
