"""Fetching complete files from one SFTP server; asyncssh is imported here and nowhere else.

Whatever a server says is foreign: a name is taken only if it is one of ours to the letter, so none can leave
its folder; only plain files are opened; a size, a count of names and every wait have their limits. A file is
written beside the inbox, goes on where it stopped the last time, and is laid into the inbox once it is there
whole and its size and time are still what they were. A server that fails spoils no other one.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import asyncssh

from reconciliation.errors import ConfigurationError, SourceError
from reconciliation.intake.fetched_files import Remembered, Seen
from reconciliation.intake.inbox_delivery import Landing, StillWaitingError, digest, expected
from reconciliation.intake.sftp_servers import Server
from reconciliation.statement.layout import Layout

# One request at a time, so that nothing is under way when one is given up.
_CHUNK: Final = 1 << 18
_PLACE: Final = "{institution}"
_ALL: Final = "*"
_T = TypeVar("_T")


class What(StrEnum):
    """What became of a name on a server."""

    FETCHED = "fetched"
    SAME = "same bytes"
    UNFINISHED = "still being written"
    WAITS = "another of this name waits for the night"
    LEFT = "left there"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Told:
    """One line of what a fetch did."""

    server: str
    name: str
    what: What
    why: str = ""


@dataclass(frozen=True, slots=True)
class Fetching:
    """One server with all that fetching from it needs."""

    name: str
    server: Server
    layouts: Mapping[str, Layout]
    home: Path

    async def run(self) -> list[Told]:
        """Fetch what is new; the last line says why nothing more came, where something went wrong."""
        told: list[Told] = []
        try:
            async with asyncio.timeout(self.server.limits.whole_seconds), self._connected() as sftp:
                await self._fetch_all(sftp, told)
        except (asyncssh.Error, OSError, TimeoutError, SourceError, ConfigurationError) as problem:
            told.append(Told(self.name, "", What.FAILED, _words(problem)))
        return told

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncssh.SFTPClient]:
        limits, fingerprint = self.server.limits, self.server.fingerprint()
        connection = await asyncssh.connect(
            self.server.host,
            self.server.where(),
            username=self.server.user,
            client_keys=[str(self.server.private_key(self.home))],
            client_factory=lambda: _Pinned(fingerprint),
            # Nothing but the fingerprint is trusted; nothing of whoever runs this is offered.
            known_hosts=([], [], []),
            config=None,
            agent_path=None,
            preferred_auth="publickey",
            gss_host=None,
            connect_timeout=limits.connect_seconds,
            login_timeout=limits.connect_seconds,
            keepalive_interval=limits.silent_seconds,
        )
        try:
            yield await self._soon(connection.start_sftp_client(path_encoding=None))
        finally:
            # A server that is silent would not answer a farewell either.
            connection.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(limits.connect_seconds):
                    await connection.wait_closed()

    async def _fetch_all(self, sftp: asyncssh.SFTPClient, told: list[Told]) -> None:
        remembered = Remembered(self.home / "reconciliation" / "fetched" / f"{self.name}.jsonl")
        places, rule = self._folders(), self.server.complete
        before = [await self._listed(sftp, folder) for _, folder in places]
        after = before
        is_new = any(seen not in remembered for listed in before for seen in listed.values())
        if rule.by == "stable" and is_new:
            await asyncio.sleep(rule.seconds)
            after = [await self._listed(sftp, folder) for _, folder in places]
        for (institution, _), first, second in zip(places, before, after, strict=True):
            for seen in self._complete(first, second, told):
                if seen not in remembered:
                    # One by one: what came is told although the next one fails.
                    one = await self._taken(sftp, seen, institution, remembered)
                    told.append(one)

    def _folders(self) -> list[tuple[str, str]]:
        """Each folder with the institution that it is of, empty for several."""
        if _PLACE not in self.server.folder:
            return [("", self.server.folder)]
        named = sorted(self.layouts) if _ALL in self.server.institutions else self.server.institutions
        return [(one, self.server.folder.replace(_PLACE, one)) for one in named]

    def _complete(
        self, before: Mapping[str, Seen], after: Mapping[str, Seen], told: list[Told]
    ) -> list[Seen]:
        """The plain files of a folder that nobody writes any more, by two looks at it."""
        suffix = self.server.complete.suffix
        if self.server.complete.by == "marker":
            found = {
                name: Seen(seen.folder, name, seen.size, f"{seen.changed}/{after[name + suffix].changed}")
                for name, seen in after.items()
                if name + suffix in after
            }
            plain = {name for name in after if not name.endswith(suffix)}
        else:
            found = {name: seen for name, seen in after.items() if before.get(name) == seen}
            plain = {*before, *after}
        told.extend(Told(self.name, name, What.UNFINISHED) for name in sorted(plain - set(found)))
        return [found[name] for name in sorted(found)]

    async def _listed(self, sftp: asyncssh.SFTPClient, folder: str) -> dict[str, Seen]:
        """The plain files of a folder by their names; a folder that is not there has none."""
        found: dict[str, Seen] = {}
        count = 0
        try:
            async for entry in self._entries(sftp, folder):
                count += 1
                if count > self.server.limits.names_max:
                    raise SourceError(f"{folder}: more than {self.server.limits.names_max} names")
                name, attributes = entry.filename, entry.attrs
                if attributes.type == asyncssh.FILEXFER_TYPE_REGULAR and name.isascii():
                    text = name.decode() if isinstance(name, bytes) else name
                    found[text] = Seen(folder, text, attributes.size or 0, str(attributes.mtime or ""))
        except asyncssh.SFTPNoSuchFile:
            return {}
        return found

    async def _entries(self, sftp: asyncssh.SFTPClient, folder: str) -> AsyncIterator[asyncssh.SFTPName]:
        entries = sftp.scandir(folder.encode())
        while (entry := await self._soon(anext(entries, None))) is not None:
            yield entry

    def _refused(self, seen: Seen, institution: str) -> str:
        """Why a file is left where it is, or nothing."""
        try:
            name = expected(seen.name, self.layouts)
        except SourceError as problem:
            return str(problem)
        sender = name.key.institution
        if institution not in {"", sender}:
            return f"a file of {sender} in the folder of {institution}"
        if not {sender, _ALL} & set(self.server.institutions):
            return f"this server may not bring files of {sender}"
        if seen.size > self.server.limits.bytes_max:
            return f"{seen.size} bytes, more than {self.server.limits.bytes_max}"
        return ""

    async def _taken(
        self, sftp: asyncssh.SFTPClient, seen: Seen, institution: str, remembered: Remembered
    ) -> Told:
        why = self._refused(seen, institution)
        if why:
            return Told(self.name, seen.name, What.LEFT, why)
        return await self._fetch(sftp, seen, remembered)

    async def _fetch(self, sftp: asyncssh.SFTPClient, seen: Seen, remembered: Remembered) -> Told:
        landing = Landing.of(self.home, "sftp")
        # Another size or time is another file: what was begun of one never goes on with the other.
        changed = seen.changed.replace("/", "-")
        part = landing.arriving / f"{self.name}.{seen.name}.{seen.size}.{changed}.part"
        try:
            await self._download(sftp, seen, part)
            sha256 = digest(part)
            is_new = landing.lay(part, seen.name)
        except StillWaitingError:
            part.unlink()
            return Told(self.name, seen.name, What.WAITS)
        except _ChangedError as problem:
            part.unlink(missing_ok=True)
            return Told(self.name, seen.name, What.UNFINISHED, str(problem))
        except asyncssh.SFTPConnectionLost:
            raise
        except asyncssh.SFTPError as problem:
            return Told(self.name, seen.name, What.FAILED, _words(problem))
        remembered.add(seen, sha256)
        return Told(self.name, seen.name, What.FETCHED if is_new else What.SAME)

    async def _download(self, sftp: asyncssh.SFTPClient, seen: Seen, part: Path) -> None:
        """Write the rest of a file behind what is there of it, and make sure that it is the file still."""
        path = f"{seen.folder.rstrip('/')}/{seen.name}".encode()
        remote = await self._soon(sftp.open(path, "rb", encoding=None, block_size=_CHUNK))
        try:
            length = await self._copy(remote, seen, part)
            now = await self._soon(sftp.lstat(path))
        finally:
            with suppress(TimeoutError, asyncssh.Error):
                await self._soon(remote.close())
        is_same = now.size == seen.size and str(now.mtime or "") == seen.changed.partition("/")[0]
        if not is_same or now.type != asyncssh.FILEXFER_TYPE_REGULAR or length != seen.size:
            raise _ChangedError(f"it changed while it was read: {length} of {seen.size} bytes came")

    async def _copy(self, remote: asyncssh.SFTPClientFile, seen: Seen, part: Path) -> int:
        """How long the file is by what came of it; one byte too many is enough to know that it grew."""
        with part.open("ab") as file:
            while True:
                wanted = min(_CHUNK, seen.size + 1 - file.tell())
                chunk = _bytes(await self._soon(remote.read(wanted, file.tell())))
                if not chunk or file.tell() + len(chunk) > seen.size:
                    return file.tell() + len(chunk)
                file.write(chunk)

    async def _soon(self, answer: Awaitable[_T]) -> _T:
        """An answer of the server, which may be silent for so long and no longer.

        What asks is given up without waiting for its end: it would bid the silent server farewell first.
        """
        asking = asyncio.ensure_future(answer)
        try:
            await asyncio.wait({asking}, timeout=self.server.limits.silent_seconds)
            if not asking.done():
                raise TimeoutError
            return asking.result()
        finally:
            asking.add_done_callback(_forget)
            asking.cancel()


class _ChangedError(SourceError):
    """A file is not what the listing said."""


class _Pinned(asyncssh.SSHClient):
    """Trusts one host key: the one whose fingerprint is known beforehand."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Whether the key is the pinned one, whatever the address."""
        del host, addr, port
        return hmac.compare_digest(key.get_fingerprint(), self._fingerprint)


def _forget(asked: "asyncio.Future[_T]") -> None:
    """What became of a question that was given up interests nobody."""
    if not asked.cancelled():
        asked.exception()


def _bytes(told: bytes | str) -> bytes:
    """What a file without an encoding gives, for the type checker too."""
    assert isinstance(told, bytes)
    return told


def _words(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    return " ".join(str(problem).split())[:200] or type(problem).__name__


async def fetch_all(
    servers: Mapping[str, Server], layouts: Mapping[str, Layout], home: Path
) -> Sequence[Told]:
    """Fetch from all servers at once; each has its own limits."""
    works = [Fetching(name, server, layouts, home).run() for name, server in sorted(servers.items())]
    return [told for each in await asyncio.gather(*works) for told in each]
