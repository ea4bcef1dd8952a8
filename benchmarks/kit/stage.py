"""The stage of the bench: a database, a sandbox and one switch of its own, as real processes on free ports.

It touches no existing installation: its home is a temporary folder.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import aiohttp
import asyncpg

from benchmarks.kit.errors import BenchError
from ekpay_switch.domain.ledger.posting_rules import prefund_account, topped_up_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import FetchTerms
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.migrate import migrate
from ekpay_switch.persistence.parties.partners import NewPartner, Partners
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.settings import Settings
from sandbox.callers.partner.client import Partner, PartnerClient
from sandbox.kit.biller.switch_environment import settings_for_switch
from sandbox.kit.tcp_ports import free_port
from sandbox.registry import BILLER_FAMILIES, InstitutionName

_REPOSITORY = Path(__file__).resolve().parents[2]
_SANDBOX_PASSWORD = "desco-sandbox"  # noqa: S105 - the sandbox's own, it opens nothing else
_COUNTER_PASSWORD = "counter-sandbox"  # noqa: S105 - the same
_PREFUND = Money(1_000_000_000_000_00)  # a million million taka: no bench ever empties it
# A few partners fetch what a whole country would.
_FETCH_TERMS = FetchTerms(10_000, 100_000)
READY_SECONDS = 30
STOP_SECONDS = 40
_POLL_SECONDS = 0.05
_HTTP_OK = 200
_NEW_ACCOUNTS = "INSERT INTO accounts (code, kind) VALUES ('settlement_bank', 'asset') ON CONFLICT DO NOTHING"


class StageError(BenchError):
    """Something on the stage did not start or stop; the text says what and where its log is."""


@dataclass(frozen=True, slots=True)
class BenchPartner:
    """A partner with a prefund and a living token."""

    id: str
    credentials: Partner
    token: str


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a turn needs; `pids` names the root process of each part.

    `addresses` are those of the sandbox by institution; `environ` holds the switch's settings beyond the
    common ones, for starting a second process.
    """

    home_folder: Path
    database: Database
    connection: asyncpg.Connection
    switch_url: str
    partners: tuple[BenchPartner, ...]
    pids: dict[str, int]
    addresses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    environ: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def postgres(self) -> EmbeddedPostgres:
        """The embedded server of this stage."""
        return EmbeddedPostgres(self.home_folder)

    async def audit(self) -> str:
        """The last line of `ekpay_command audit` over this database, and nothing else of it."""
        process = await asyncio.create_subprocess_exec(
            *ekpay_command("audit"), env=environment(self.home_folder), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        return (output.decode().strip().splitlines() or [f"no answer (exit {process.returncode})"])[-1]


@dataclass(frozen=True, slots=True)
class Staging:
    """What a stage has beyond DESCO and one switch.

    `institutions` are the simulators that one sandbox process serves. `prepare_database` runs between the
    migrations and the start of the switch. `environ` are settings of the switch alone and override ours; they
    are read after `prepare_database`, which may add to them. `command` starts the switch. `home_folder` is a
    folder that is kept: its server is stopped at the end, nothing is removed, and its partners are reused.
    """

    institutions: Sequence[InstitutionName] = (InstitutionName.DESCO,)
    prepare_database: Callable[[Database], Awaitable[None]] | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    command: Sequence[str] | None = None
    home_folder: Path | None = None


PLAIN_STAGING = Staging()


@asynccontextmanager
async def open_stage(partners: int, accounts: int, staging: Staging = PLAIN_STAGING) -> AsyncIterator[Stage]:
    """Start everything, log every partner in, and take it all down again whatever happens.

    Raises:
        StageError: a process did not come up.
    """
    home_folder = staging.home_folder or Path(tempfile.mkdtemp(prefix="ekpay-bench-"))
    settings = Settings(home=home_folder, database_url=None)
    try:
        database = open_database(settings)
        await migrate(database)
        if staging.prepare_database is not None:
            await staging.prepare_database(database)
        ports = [argument for name in staging.institutions for argument in ("--port", f"{name}=0")]
        with served_sandbox(home_folder, [*ports, "--accounts", str(accounts)]) as (addresses, sandbox):
            environ = {**settings_of(addresses), **staging.environ}
            with served_switch(home_folder, command=staging.command, **environ) as (url, switch):
                await until_ready(url, switch, home_folder)
                connection = await database.connect("owner")
                try:
                    known = await _partners(partners, settings, database)
                    logged_in = tuple(
                        [await _log_in(name, credentials, url) for name, credentials in known.items()]
                    )
                    pids = {
                        "switch": switch.pid,
                        "sandbox": sandbox,
                        "postgres": _postmaster_pid(home_folder),
                    }
                    yield Stage(home_folder, database, connection, url, logged_in, pids, addresses, environ)
                finally:
                    await connection.close()
    finally:
        if staging.home_folder is None:
            EmbeddedPostgres(home_folder).destroy()
            shutil.rmtree(home_folder)
        else:
            EmbeddedPostgres(home_folder).stop()


def settings_of(addresses: Mapping[str, str]) -> dict[str, str]:
    """The switch's settings for the billers of the institutions at these addresses."""
    families = tuple(BILLER_FAMILIES.values())
    origins = {
        family.family: addresses[family.name].removesuffix(family.base_path)
        for family in families
        if family.name in addresses
    }
    environ = settings_for_switch(families, origins, _COUNTER_PASSWORD)
    return environ | ({"EKPAY_DESCO_URL": addresses["DESCO"]} if "DESCO" in addresses else {})


def ekpay_command(*arguments: str) -> list[str]:
    """The command line of `ekpay` with these arguments."""
    return [str(Path(sys.executable).with_name("ekpay")), *arguments]


def environment(home_folder: Path, **more: str) -> dict[str, str]:
    """Our environment without database settings; other settings may be tried and are reported."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("EKPAY_DATABASE_")}
    return inherited | {"EKPAY_HOME": str(home_folder), "EKPAY_DESCO_PASSWORD": _SANDBOX_PASSWORD} | more


@contextmanager
def served_sandbox(home_folder: Path, arguments: Sequence[str]) -> Iterator[tuple[dict[str, str], int]]:
    """A sandbox process with these arguments: the addresses by institution, and its process id.

    Raises:
        StageError: it did not start.
    """
    command = [sys.executable, "-m", "sandbox", "serve", *arguments, "--home", str(home_folder / "sandbox")]
    with subprocess.Popen(  # noqa: S603 - our own module, no shell
        command, cwd=_REPOSITORY, env=environment(home_folder), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            announcements = [
                (process.stdout.readline() if process.stdout else "").split()
                for _ in _port_options(arguments)
            ]
            if not all(announcements):
                raise StageError("the sandbox did not start")
            yield {announcement[0]: announcement[-1] for announcement in announcements}, process.pid
        finally:
            process.terminate()


def _port_options(arguments: Sequence[str]) -> list[str]:
    """One option for each institution that announces its address."""
    return [argument for argument in arguments if argument == "--port"]


@contextmanager
def served_switch(
    home_folder: Path, *, command: Sequence[str] | None = None, **environ: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """One process of the switch with these settings: its address and the process.

    Another `command` finds its port in `EKPAY_PORT` as well, and answers `/health/ready`.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process_environ = environment(
        home_folder,
        EKPAY_PORT=str(port),
        EKPAY_PUBLIC_URL=url,
        EKPAY_OPERATIONS_PORT="0",
        EKPAY_REHEARSAL="true",
        **environ,
    )
    command_line = ekpay_command("serve") if command is None else list(command)
    # Its log goes to a file as in production: log lines are part of the cost of the hot path.
    with (
        _log_path(home_folder, url).open("wb") as log,
        subprocess.Popen(command_line, cwd=_REPOSITORY, env=process_environ, stderr=log) as process,  # noqa: S603 - no shell
    ):
        try:
            yield url, process
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


async def until_ready(url: str, switch: subprocess.Popen[bytes], home_folder: Path) -> None:
    """Wait until the switch takes calls.

    Raises:
        StageError: it ended before.
    """
    async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as session:
        while switch.poll() is None:
            try:
                async with session.get(f"{url}/health/ready") as answer:
                    if answer.status == _HTTP_OK:
                        return
            except aiohttp.ClientError:
                pass  # not listening yet
            await asyncio.sleep(_POLL_SECONDS)
    raise StageError(
        f"the switch did not start: {_log_path(home_folder, url).read_text(errors='replace')[-500:]}"
    )


def operations_url(home_folder: Path, url: str) -> str:
    """Where the switch at this address serves its metrics, as its log says.

    Raises:
        StageError: its log does not say so.
    """
    for line in _log_path(home_folder, url).read_text(errors="replace").splitlines():
        if '"operations_served"' in line:
            return f"http://127.0.0.1:{json.loads(line)['port']}"
    raise StageError(f"the switch at {url} serves no metrics")


def _log_path(home_folder: Path, url: str) -> Path:
    """The log file of the switch at this address; each process has its own."""
    return home_folder / f"switch-{urlsplit(url).port}.log"


async def _partners(count: int, settings: Settings, database: Database) -> dict[str, Partner]:
    """The partners of the stage by name; added unless its folder has them already."""
    file = settings.home / "bench-partners.json"
    if file.exists():
        return {name: Partner(**credentials) for name, credentials in json.loads(file.read_text()).items()}
    added = dict([await _add_partner(number, settings, database) for number in range(1, count + 1)])
    file.touch(mode=0o600)
    file.write_text(json.dumps({name: asdict(partner) for name, partner in added.items()}))
    return added


async def _add_partner(number: int, settings: Settings, database: Database) -> tuple[str, Partner]:
    """Add a partner with a full prefund; partners get different lanes as long as there are lanes."""
    name = f"bench{number:02d}"
    engine, connection = database.engine(), await database.connect()
    try:
        partners = Partners(engine, KeyRing.open(settings.home))
        credentials = await partners.add(NewPartner(name, name, f"{name}-user"))
        await partners.set_fetch_terms(name, _FETCH_TERMS)
        await connection.execute(_NEW_ACCOUNTS)
        entry = topped_up_entry(prefund_account(name, "postpaid"), _PREFUND)
        await write_batch(connection, [PostEntry(uuid7(), 0, entry)])
    finally:
        await connection.close()
        await engine.dispose()
    return name, Partner(
        credentials.nd_id,
        credentials.syndct_id,
        credentials.user_id,
        credentials.pass_key,
        credentials.shared_secret,
    )


async def _log_in(name: str, partner: Partner, url: str) -> BenchPartner:
    async with PartnerClient(url, partner) as client:
        return BenchPartner(name, partner, await client.get_token())


def _postmaster_pid(home_folder: Path) -> int:
    return int((home_folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
