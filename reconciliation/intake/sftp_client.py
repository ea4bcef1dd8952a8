"""Fetching complete files from one SFTP server; asyncssh is imported here and nowhere else.

Nothing from a server is trusted: only valid names of settlement files are taken, so none can leave its
folder; only plain files are opened; size, number of names and every wait are limited. A file is written
outside the inbox, resumed where it stopped, and moved into the inbox once it is whole and its size and time
are unchanged. A failing server does not affect others.
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

from reconciliation.digests import file_digest
from reconciliation.errors import ConfigurationError, SourceError
from reconciliation.intake.fetched_files import FetchLog, RemoteFile
from reconciliation.intake.inbox_delivery import (
    InboxDelivery,
    StillWaitingError,
    parse_expected_name,
)
from reconciliation.intake.sftp_servers import SftpServer
from reconciliation.statement.layout import Layout

# One request at a time, so that nothing is pending when one is given up.
_CHUNK: Final = 1 << 18
_PLACE: Final = "{institution}"
_ALL: Final = "*"
_T = TypeVar("_T")


class FetchOutcome(StrEnum):
    """The outcome for a name on a server."""

    FETCHED = "fetched"
    SAME = "same bytes"
    UNFINISHED = "still being written"
    WAITS = "another of this name waits for the night"
    NOT_TAKEN = "left there"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The result of a fetch for one file, or for the server where `name` is empty."""

    server: str
    name: str
    outcome: FetchOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ServerFetch:
    """The fetch from one server."""

    name: str
    server: SftpServer
    layouts: Mapping[str, Layout]
    home: Path

    async def run(self) -> list[FetchResult]:
        """Fetch new files; after a failure the last result has its reason."""
        results: list[FetchResult] = []
        try:
            async with asyncio.timeout(self.server.limits.whole_seconds), self._connected() as sftp:
                await self._fetch_all(sftp, results)
        except (asyncssh.Error, OSError, TimeoutError, SourceError, ConfigurationError) as problem:
            results.append(FetchResult(self.name, "", FetchOutcome.FAILED, _wording_of(problem)))
        return results

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncssh.SFTPClient]:
        limits, fingerprint = self.server.limits, self.server.fingerprint()
        connection = await asyncssh.connect(
            self.server.host,
            self.server.port_number(),
            username=self.server.user,
            client_keys=[str(self.server.private_key(self.home))],
            client_factory=lambda: _Pinned(fingerprint),
            # Only the fingerprint is trusted; no agent, configuration or key of the user is used.
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
            yield await self._within_silence_limit(connection.start_sftp_client(path_encoding=None))
        finally:
            # A silent server would not answer a close either.
            connection.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(limits.connect_seconds):
                    await connection.wait_closed()

    async def _fetch_all(self, sftp: asyncssh.SFTPClient, results: list[FetchResult]) -> None:
        remembered = FetchLog(self.home / "reconciliation" / "fetched" / f"{self.name}.jsonl")
        places, rule = self._folders(), self.server.complete
        before = [await self._list_files(sftp, folder) for _, folder in places]
        after = before
        is_new = any(file not in remembered for listed in before for file in listed.values())
        if rule.by == "stable" and is_new:
            await asyncio.sleep(rule.seconds)
            after = [await self._list_files(sftp, folder) for _, folder in places]
        for (institution, _), first, second in zip(places, before, after, strict=True):
            for file in self._complete_files(first, second, results):
                if file not in remembered:
                    # One by one, so that files are reported although a later one fails.
                    result = await self._fetch_if_allowed(sftp, file, institution, remembered)
                    results.append(result)

    def _folders(self) -> list[tuple[str, str]]:
        """Each folder with its institution, empty for a folder of several."""
        if _PLACE not in self.server.folder:
            return [("", self.server.folder)]
        named = sorted(self.layouts) if _ALL in self.server.institutions else self.server.institutions
        return [(institution, self.server.folder.replace(_PLACE, institution)) for institution in named]

    def _complete_files(
        self, before: Mapping[str, RemoteFile], after: Mapping[str, RemoteFile], results: list[FetchResult]
    ) -> list[RemoteFile]:
        """The plain files of a folder that are complete, by two listings of it."""
        suffix = self.server.complete.suffix
        if self.server.complete.by == "marker":
            unchanged = {
                name: RemoteFile(
                    file.folder, name, file.size, f"{file.changed}/{after[name + suffix].changed}"
                )
                for name, file in after.items()
                if name + suffix in after
            }
            plain = {name for name in after if not name.endswith(suffix)}
        else:
            unchanged = {name: file for name, file in after.items() if before.get(name) == file}
            plain = {*before, *after}
        results.extend(
            FetchResult(self.name, name, FetchOutcome.UNFINISHED) for name in sorted(plain - set(unchanged))
        )
        return [unchanged[name] for name in sorted(unchanged)]

    async def _list_files(self, sftp: asyncssh.SFTPClient, folder: str) -> dict[str, RemoteFile]:
        """The plain files of a folder by name; empty for a missing folder."""
        files: dict[str, RemoteFile] = {}
        count = 0
        try:
            async for entry in self._entries(sftp, folder):
                count += 1
                if count > self.server.limits.names_max:
                    raise SourceError(f"{folder}: more than {self.server.limits.names_max} names")
                name, attributes = entry.filename, entry.attrs
                if attributes.type == asyncssh.FILEXFER_TYPE_REGULAR and name.isascii():
                    text = name.decode() if isinstance(name, bytes) else name
                    files[text] = RemoteFile(folder, text, attributes.size or 0, str(attributes.mtime or ""))
        except asyncssh.SFTPNoSuchFile:
            return {}
        return files

    async def _entries(self, sftp: asyncssh.SFTPClient, folder: str) -> AsyncIterator[asyncssh.SFTPName]:
        entries = sftp.scandir(folder.encode())
        while (entry := await self._within_silence_limit(anext(entries, None))) is not None:
            yield entry

    def _refusal_of(self, file: RemoteFile, institution: str) -> str:
        """Why a file is not fetched; empty where it is."""
        try:
            name = parse_expected_name(file.name, self.layouts)
        except SourceError as problem:
            return str(problem)
        sender = name.key.institution
        if institution not in {"", sender}:
            return f"a file of {sender} in the folder of {institution}"
        if not {sender, _ALL} & set(self.server.institutions):
            return f"this server may not bring files of {sender}"
        if file.size > self.server.limits.bytes_max:
            return f"{file.size} bytes, more than {self.server.limits.bytes_max}"
        return ""

    async def _fetch_if_allowed(
        self, sftp: asyncssh.SFTPClient, file: RemoteFile, institution: str, remembered: FetchLog
    ) -> FetchResult:
        why = self._refusal_of(file, institution)
        if why:
            return FetchResult(self.name, file.name, FetchOutcome.NOT_TAKEN, why)
        return await self._fetch(sftp, file, remembered)

    async def _fetch(self, sftp: asyncssh.SFTPClient, file: RemoteFile, remembered: FetchLog) -> FetchResult:
        delivery = InboxDelivery.of(self.home, "sftp")
        # Another size or time is another file: a partial file of one is never continued with the other.
        changed = file.changed.replace("/", "-")
        part = delivery.arriving_folder / f"{self.name}.{file.name}.{file.size}.{changed}.part"
        try:
            await self._download(sftp, file, part)
            sha256 = file_digest(part)
            is_new = delivery.move_into_inbox(part, file.name)
        except StillWaitingError:
            part.unlink()
            return FetchResult(self.name, file.name, FetchOutcome.WAITS)
        except _ChangedError as problem:
            part.unlink(missing_ok=True)
            return FetchResult(self.name, file.name, FetchOutcome.UNFINISHED, str(problem))
        except asyncssh.SFTPConnectionLost:
            raise
        except asyncssh.SFTPError as problem:
            return FetchResult(self.name, file.name, FetchOutcome.FAILED, _wording_of(problem))
        remembered.add(file, sha256)
        return FetchResult(self.name, file.name, FetchOutcome.FETCHED if is_new else FetchOutcome.SAME)

    async def _download(self, sftp: asyncssh.SFTPClient, remote_file: RemoteFile, part: Path) -> None:
        """Append the rest of a file to its partial file, and check that it has not changed."""
        path = f"{remote_file.folder.rstrip('/')}/{remote_file.name}".encode()
        remote = await self._within_silence_limit(sftp.open(path, "rb", encoding=None, block_size=_CHUNK))
        try:
            length = await self._copy(remote, remote_file, part)
            now = await self._within_silence_limit(sftp.lstat(path))
        finally:
            with suppress(TimeoutError, asyncssh.Error):
                await self._within_silence_limit(remote.close())
        is_same = (
            now.size == remote_file.size and str(now.mtime or "") == remote_file.changed.partition("/")[0]
        )
        if not is_same or now.type != asyncssh.FILEXFER_TYPE_REGULAR or length != remote_file.size:
            raise _ChangedError(f"it changed while it was read: {length} of {remote_file.size} bytes came")

    async def _copy(self, remote: asyncssh.SFTPClientFile, remote_file: RemoteFile, part: Path) -> int:
        """Append until the end; returns the length read, one byte too many where the file grew."""
        with part.open("ab") as file:
            while True:
                length_max = min(_CHUNK, remote_file.size + 1 - file.tell())
                chunk = _bytes(await self._within_silence_limit(remote.read(length_max, file.tell())))
                if not chunk or file.tell() + len(chunk) > remote_file.size:
                    return file.tell() + len(chunk)
                file.write(chunk)

    async def _within_silence_limit(self, answer: Awaitable[_T]) -> _T:
        """Await an answer of the server within the limit of silence.

        A request that times out is cancelled without waiting: closing it would wait for the silent server.

        Raises:
            TimeoutError: no answer in time.
        """
        asking = asyncio.ensure_future(answer)
        try:
            await asyncio.wait({asking}, timeout=self.server.limits.silent_seconds)
            if not asking.done():
                raise TimeoutError
            return asking.result()
        finally:
            asking.add_done_callback(_ignore_outcome)
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


def _ignore_outcome(request: "asyncio.Future[_T]") -> None:
    """Retrieve the exception of a cancelled request, so that asyncio does not log it."""
    if not request.cancelled():
        request.exception()


def _bytes(content: bytes | str) -> bytes:
    """The content of a file without an encoding, narrowed to bytes."""
    assert isinstance(content, bytes)
    return content


def _wording_of(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    return " ".join(str(problem).split())[:200] or type(problem).__name__


async def fetch_all(
    servers: Mapping[str, SftpServer], layouts: Mapping[str, Layout], home: Path
) -> Sequence[FetchResult]:
    """Fetch from all servers at once; each has its own limits."""
    works = [ServerFetch(name, server, layouts, home).run() for name, server in sorted(servers.items())]
    return [result for each in await asyncio.gather(*works) for result in each]
