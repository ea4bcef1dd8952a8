"""A read-only SFTP server; asyncssh is imported here only.

Host key and client key are made at the first start and kept: a client pins the first and logs in with the
second.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from typing_extensions import override

from sandbox.network.sftp.outbox import move_to_institution_folders

USER = "ekpay"
_KEY_MODE = 0o600
_FOLDER_MODE = 0o700
_LOOK_SECONDS = 0.5
_QUIET_SECONDS = 1.0
_WRITING = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


@dataclass(frozen=True)
class SftpHome:
    """Where the server keeps its keys and its files."""

    root: Path

    @property
    def outbox(self) -> Path:
        """Files here are moved to the folder of their institution."""
        return self.root / "outbox"

    @property
    def files(self) -> Path:
        """The folders that are served."""
        return self.root / "files"

    @property
    def host_key(self) -> Path:
        """The server's private key."""
        return self.root / "host_key"

    @property
    def client_key(self) -> Path:
        """The private key of the only client."""
        return self.root / "client_key"

    def prepare(self) -> None:
        """Make folders and keys where they are missing."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(_FOLDER_MODE)
        for folder in (self.outbox, self.files):
            folder.mkdir(exist_ok=True)
        for path in (self.host_key, self.client_key):
            if not path.exists():
                path.touch(_KEY_MODE)
                path.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the host key, which clients pin."""
        return str(asyncssh.read_private_key(self.host_key).get_fingerprint())


class _KeyLogin(asyncssh.SSHServer):
    """Accepts one key, and no password."""

    def __init__(self, key: asyncssh.SSHKey) -> None:
        self._key = key

    @override
    def begin_auth(self, username: str) -> bool:
        del username
        return True

    @override
    def public_key_auth_supported(self) -> bool:
        return True

    @override
    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key == self._key


def _refuse(*_arguments: object) -> None:
    raise asyncssh.SFTPPermissionDenied("this server shows files and takes none")


# It replaces calls of every signature.
_REFUSED: Any = _refuse


class _ReadOnlyFiles(asyncssh.SFTPServer):
    """Serves files for reading; every change is refused."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:  # noqa: ANN401 - as the library has it
        if pflags & _WRITING:
            _refuse()
        return super().open(path, pflags, attrs)

    remove = rename = posix_rename = mkdir = rmdir = symlink = link = _REFUSED
    setstat = lsetstat = fsetstat = _REFUSED


@asynccontextmanager
async def serve_sftp(sftp_home: SftpHome, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the block ends; yields the bound port."""
    sftp_home.prepare()
    client = asyncssh.read_private_key(sftp_home.client_key).convert_to_public()
    acceptor = await asyncssh.listen(
        host,
        port,
        server_factory=lambda: _KeyLogin(client),
        server_host_keys=[str(sftp_home.host_key)],
        sftp_factory=lambda channel: _ReadOnlyFiles(channel, chroot=str(sftp_home.files).encode()),
        sftp_version=3,
        allow_scp=False,
        allow_pty=False,
        agent_forwarding=False,
    )
    moving = asyncio.create_task(_move_files_forever(sftp_home))
    try:
        yield int(acceptor.get_port())
    finally:
        moving.cancel()
        acceptor.close()
        await acceptor.wait_closed()
        await asyncio.gather(moving, return_exceptions=True)


async def _move_files_forever(sftp_home: SftpHome) -> None:
    while True:
        await asyncio.to_thread(
            move_to_institution_folders, sftp_home.outbox, sftp_home.files, _QUIET_SECONDS
        )
        await asyncio.sleep(_LOOK_SECONDS)
