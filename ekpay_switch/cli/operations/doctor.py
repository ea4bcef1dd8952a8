"""`ekpay doctor`: what is wrong with this installation, and what to do about it."""

import asyncio
import sys
from collections.abc import Callable

import typer
from rich.text import Text

from ekpay_switch.cli.operations.safety import find_unsafe
from ekpay_switch.cli.session import Session, keys_of
from ekpay_switch.cli.terminal import screen
from ekpay_switch.composition.positions import divergence_of, positions_folder
from ekpay_switch.config_files.config_folder import check_config_folder
from ekpay_switch.persistence.database_guards import changeable_tables, missing_tables, missing_triggers
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.security.masking import printable
from ekpay_switch.settings import Settings, read_settings

PYTHON_MIN = (3, 11)
POSTGRES_MIN = 16
_NAMED_MAX = 3
_VERSION = "SELECT current_setting('server_version_num')::integer / 10000"


class InstallationError(Exception):
    """A check has failed; the text says what is wrong, and what to do."""


def doctor() -> None:
    """Look at Python, settings, config, key and database; exits 1 if anything is wrong."""
    is_well = _run_check("Python", check_python)
    settings: list[Settings] = []
    is_well &= _run_check("settings", lambda: _read_settings(settings))
    checks = (
        ("config", check_config),
        ("master key", check_key),
        ("database", check_database),
        ("position", check_position),
        ("safety", check_safety),
    )
    for name, check in checks:
        if settings:
            is_well &= _run_check(name, lambda check=check: check(settings[0]))  # type: ignore[misc]
    if not is_well:
        raise typer.Exit(1)


def check_python() -> str:
    """The version, if it is new enough and keeps assertions."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < PYTHON_MIN:
        raise InstallationError(f"{version} is too old: 3.11 or later is needed")
    if sys.flags.optimize:
        raise InstallationError("assertions are off: start without -O and PYTHONOPTIMIZE")
    return version


def check_config(settings: Settings) -> str:
    """How many biller manifests there are."""
    check_config_folder(settings.config)
    manifest_count = len(list((settings.config / "billers").glob("*.toml")))
    return f"{manifest_count} biller manifests in {settings.config}"


def check_key(settings: Settings) -> str:
    """Where the master key comes from; one is made if there is none yet."""
    keys_of(settings)
    return "from EKPAY_MASTER_KEY" if settings.master_key else f"the key file in {settings.home}"


def check_position(settings: Settings) -> str:
    """Where the position is kept, if the database continues it."""
    found = asyncio.run(divergence_of(settings, open_database(settings), keys_of(settings)))
    if found is not None:
        raise InstallationError(f"{found.text}: it was restored or cut; ekpay restore status says what to do")
    return f"the database continues what {positions_folder(settings)} says"


def check_safety(settings: Settings) -> str:
    """Whether anything is unsafe where real money moves; a rehearsal may be."""
    session = Session(settings, open_database(settings))
    faults = find_unsafe(session)
    if faults and not settings.rehearsal:
        raise InstallationError("; ".join(faults))
    return f"a rehearsal: {'; '.join(faults)}" if faults else "nothing unsafe was found"


def check_database(settings: Settings) -> str:
    """The server's version, if it is new enough and holds the books with their guards."""
    return asyncio.run(_ask_database(open_database(settings)))


async def _ask_database(database: Database) -> str:
    connection = await database.connect()
    try:
        version = int(await connection.fetchval(_VERSION))
        if version < POSTGRES_MIN:
            raise InstallationError(f"PostgreSQL {version} is too old: {POSTGRES_MIN} or later is needed")
        if missing := await missing_tables(connection):
            more = " and more" if len(missing) > _NAMED_MAX else ""
            raise InstallationError(f"it lacks {', '.join(missing[:_NAMED_MAX])}{more}: run ekpay migrate")
        if changeable := await changeable_tables(connection):
            raise InstallationError(
                f"the application may change {', '.join(changeable)}: give it a role of its own, and let "
                "ekpay migrate grant it its rights (docs/how-to/use-a-real-postgresql.md)"
            )
        if off := await missing_triggers(connection):
            raise InstallationError(f"no trigger {', '.join(off)}: make or enable it as the owner")
    finally:
        await connection.close()
    return f"PostgreSQL {version}"


def _read_settings(settings: list[Settings]) -> str:
    settings.append(read_settings())
    return f"EKPAY_HOME is {settings[0].home.resolve()}"


def _run_check(name: str, check: Callable[[], str]) -> bool:
    try:
        text, is_well = check(), True
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is the diagnosis
        text, is_well = str(problem).strip() or type(problem).__name__, False
    mark = Text(" ok " if is_well else " no ", style="black on green" if is_well else "white on red")
    screen().print(mark, Text(f"{name}: {printable(text.splitlines()[0])}"), soft_wrap=True)
    return is_well
