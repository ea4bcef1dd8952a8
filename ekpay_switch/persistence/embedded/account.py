"""The operating-system user that the embedded PostgreSQL runs as, with as few rights as possible.

PostgreSQL refuses to run as root. Started as root, the server gets a system user of its own;
started by anyone else, it runs as that user. No folder outside EKPAY_HOME is ever opened up
for the system user. Where a parent folder is closed to it (a clone below root's own home), the
server gets one Linux capability instead, which lets it pass through and read.
"""

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

SYSTEM_USER = "ekpay-postgres"
_USERADD_WAIT_SECONDS = 10
_OTHERS_READ_AND_PASS = 0o005
_OTHERS_PASS = 0o001
# Bit 2 in linux/capability.h.
_CAP_DAC_READ_SEARCH = 1 << 2


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL failed; the text says what to do."""


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """The operating-system user that owns the data and runs the server.

    Attributes:
        user_id: Its numeric user id.
        group_id: Its numeric primary group.
        becoming: Command prefix under which a program runs as this user; empty when the
            caller is that user already.
    """

    user_id: int
    group_id: int
    becoming: tuple[str, ...] = ()

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The same command, run as this user."""
        return [*self.becoming, *arguments]

    def make_private_folder(self, folder: Path) -> None:
        """Make a folder only this user can use, or check that an existing one is.

        Refuses a link and a folder of another user: below a shared temporary directory
        anybody could have made one first.

        Raises:
            EmbeddedPostgresError: Something that we must not trust has this name.
        """
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as problem:
            raise EmbeddedPostgresError(
                f"{folder} must be a folder of our own: remove it and try again"
            ) from problem
        try:
            # Our own user too: a crash between making the folder and the chown leaves it so.
            if os.fstat(handle).st_uid not in {self.user_id, os.geteuid()}:
                raise EmbeddedPostgresError(f"{folder} belongs to another user: remove it and try again")
            os.fchown(handle, self.user_id, self.group_id)
            os.fchmod(handle, 0o700)
        finally:
            os.close(handle)

    def make_private_file(self, file: Path, text: str = "") -> None:
        """Append text to a 0600 file of this user's, made if missing; never through a link."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        handle = os.open(file, flags, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as opened:
            os.fchown(handle, self.user_id, self.group_id)
            opened.write(text)


def server_account(passes_through: Iterable[Path], reads: Iterable[Path]) -> ServerAccount:
    """The user the server runs as, made on first need when we are root.

    Args:
        passes_through: Folders the server must be able to pass through.
        reads: Files and folders of the installation it must be able to read as well.

    Raises:
        EmbeddedPostgresError: We are root and cannot make the user or become it.
    """
    if os.geteuid() != 0:
        return ServerAccount(os.geteuid(), os.getegid())
    entry = _system_user()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedPostgresError("setpriv (util-linux) is missing: install it, or run as an ordinary user")
    becoming = [setpriv, f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}"]
    becoming += ["--clear-groups", "--no-new-privs"]
    if not (_open_to_others(passes_through, _OTHERS_PASS) and _open_to_others(reads, _OTHERS_READ_AND_PASS)):
        _require_capability()
        # no_setuid_fixup keeps the kernel from clearing the capability when the user changes.
        becoming += [
            "--securebits=+no_setuid_fixup",
            "--inh-caps=-all,+dac_read_search",
            "--ambient-caps=+dac_read_search",
        ]
    return ServerAccount(entry.pw_uid, entry.pw_gid, tuple(becoming))


def _open_to_others(paths: Iterable[Path], bits: int) -> bool:
    """Whether every user can reach each path and has these permission bits on it."""
    resolved = [path.resolve() for path in paths]
    parents = {parent for path in resolved for parent in path.parents}
    return all(parent.stat().st_mode & _OTHERS_PASS for parent in parents) and all(
        path.stat().st_mode & bits == bits for path in resolved
    )


def _require_capability() -> None:
    """Raise EmbeddedPostgresError where root itself lacks the capability to pass on, as in containers."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    permitted = re.search(r"^CapPrm:\s*([0-9a-f]+)$", status, re.MULTILINE)
    if permitted is None or not int(permitted[1], 16) & _CAP_DAC_READ_SEARCH:
        raise EmbeddedPostgresError(
            f"{SYSTEM_USER} cannot reach EKPAY_HOME or the installation through a folder closed to others, "
            "and this root lacks CAP_DAC_READ_SEARCH: use open folders, or run as an ordinary user"
        )


def _system_user() -> pwd.struct_passwd:
    if entry := _password_entry():
        return entry
    useradd = shutil.which("useradd", path=os.defpath + ":/usr/sbin:/sbin")
    if useradd is None:
        raise EmbeddedPostgresError(
            f"useradd is missing: create the system user {SYSTEM_USER}, or run as an ordinary user"
        )
    arguments = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    arguments += ["--shell", "/usr/sbin/nologin", "--comment", "ekPay embedded PostgreSQL", SYSTEM_USER]
    made = subprocess.run(  # noqa: S603 (fixed arguments, no shell)
        [useradd, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    # Another installation may be adding the same user at this moment, which makes ours fail.
    entry = _password_entry() if made.returncode == 0 else _await_password_entry()
    if entry is None:
        raise EmbeddedPostgresError(f"cannot create the system user {SYSTEM_USER}: {made.stderr.strip()}")
    return entry


def _await_password_entry() -> pwd.struct_passwd | None:
    """The entry of the system user, looked up again for some seconds; None if it never appears."""
    lookups = Retrying(
        retry=retry_if_result(lambda entry: entry is None),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(_USERADD_WAIT_SECONDS),
        retry_error_callback=lambda _: None,
    )
    entry: pwd.struct_passwd | None = lookups(_password_entry)
    return entry


def _password_entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return None
