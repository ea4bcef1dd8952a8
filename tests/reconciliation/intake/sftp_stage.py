"""A real SFTP server on loopback whose files, clock and manners a test decides."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from reconciliation.intake.sftp_client import FetchResult, ServerFetch
from reconciliation.intake.sftp_servers import CompletenessRule, FetchLimits, SftpServer
from reconciliation.statement.layout import read_layouts

LAYOUTS = read_layouts(Path(__file__).parents[3] / "config" / "statements")
NAME = "bkash_20260405_01.csv"
OTHER = "nagad_20260405_01.xlsx"
BEFORE_READ = Callable[[int], Awaitable[None]]


@dataclass
class Manners:
    """How the server behaves; `reads` counts calls that read from a file."""

    before_read: BEFORE_READ | None = None
    reads: list[int] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    hangs_at_listing: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def hang(self) -> None:
        """Say nothing until the test is over."""
        await self.over.wait()


class Shown(asyncssh.SFTPServer):
    manners = Manners()

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:  # noqa: ANN401 - the library's own
        self.manners.reads.append(offset)
        if self.manners.before_read is not None:
            await self.manners.before_read(offset)
        told = super().read(file_obj, offset, size)
        return bytes(told if isinstance(told, bytes) else await told)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        if self.manners.hangs_at_listing:
            await self.manners.hang()
        async for entry in super().scandir(path):
            yield entry


class Door(asyncssh.SSHServer):
    def __init__(self, key: asyncssh.SSHKey, manners: Manners) -> None:
        self._key = key
        self._manners = manners

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._manners.connections.append(conn)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "ekpay" and key == self._key

    def public_key_auth_supported(self) -> bool:
        return True


@dataclass
class Stage:
    """A server with its files, and the home of an installation that fetches from it."""

    root: Path
    port: int = 0
    fingerprint: str = ""
    manners: Manners = field(default_factory=Manners)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def remote(self) -> Path:
        return self.root / "remote"

    @property
    def inbox(self) -> dict[str, bytes]:
        folder = self.home / "reconciliation" / "inbox" / "sftp"
        return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}

    def put(self, name: str, content: bytes = b"x", *, folder: str = "out", marker: bool = True) -> Path:
        path = self.remote / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if marker:
            path.with_name(path.name + ".done").touch()
        return path

    def server(self, **changes: object) -> SftpServer:
        told = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "ekpay",
            "key": "key",
            "host_key": self.fingerprint,
            "folder": "/out",
            "institutions": ["*"],
            "complete": CompletenessRule(by="marker"),
        }
        return SftpServer.model_validate(told | changes)

    async def fetch(self, **changes: object) -> list[FetchResult]:
        return await ServerFetch("bank", self.server(**changes), LAYOUTS, self.home).run()

    async def said(self, **changes: object) -> list[tuple[str, str]]:
        return [(told.name, told.outcome.value) for told in await self.fetch(**changes)]


def quick(**changes: object) -> FetchLimits:
    return FetchLimits.model_validate({"silent_seconds": 0.3, "connect_seconds": 5.0} | changes)


def age(path: Path, seconds: int) -> None:
    """Let a file be so much older or newer: times on the wire are whole seconds."""
    told = path.stat().st_mtime + seconds
    os.utime(path, (told, told))


@asynccontextmanager
async def staged(root: Path) -> AsyncIterator[Stage]:
    stage = Stage(root)
    stage.home.mkdir()
    (stage.remote / "out").mkdir(parents=True)
    host, client = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    (stage.home / "key").write_bytes(client.export_private_key())
    (stage.home / "key").chmod(0o600)
    shown = type("Mine", (Shown,), {"manners": stage.manners})
    acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: Door(client.convert_to_public(), stage.manners),
        server_host_keys=[host],
        sftp_factory=lambda channel: shown(channel, chroot=str(stage.remote).encode()),
        sftp_version=3,
    )
    stage.port, stage.fingerprint = acceptor.get_port(), host.get_fingerprint()
    try:
        yield stage
    finally:
        stage.manners.over.set()
        acceptor.close()
        await acceptor.wait_closed()
