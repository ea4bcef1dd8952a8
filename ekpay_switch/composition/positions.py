"""Keeping the position of the database while a process serves it, and refusing one that was restored."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ekpay_switch import telemetry
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.positions import Divergence
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.positions.keeper import (
    PositionKeeper,
    PositionRules,
    RestoredDatabaseError,
    inspect,
    read_file,
)
from ekpay_switch.persistence.positions.position_file import POSITION_KEY, PositionFile, path_of
from ekpay_switch.persistence.positions.restores import is_released
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.settings import Settings

KEEP_SECONDS = 1.0


class PositionsFolderError(SwitchError):
    """The folder of the positions is no place for them."""


def positions_folder(settings: Settings) -> Path:
    """The folder of the recorded positions; never within the database, nor in a backup of it.

    Raises:
        PositionsFolderError: the settings name one within the database.
    """
    folder = (settings.positions or settings.home / "positions").resolve()
    if folder.is_relative_to((settings.home / "data").resolve()):
        raise PositionsFolderError("EKPAY_POSITIONS lies within the database: a restore would restore it too")
    return folder


def position_path(settings: Settings, database_name: str) -> Path:
    """The file of the position of a database of this name."""
    return path_of(positions_folder(settings), database_name)


def place_of(settings: Settings) -> str:
    """The name of this host with its folder of positions: what a restore is told of and checked at."""
    return f"{socket.gethostname()}:{positions_folder(settings)}"


def position_rules(settings: Settings, database: Database, keys: KeyRing) -> PositionRules:
    """Where the position of this database is kept, and how it is judged."""
    file = PositionFile(positions_folder(settings), database.name, keys.sub_key(POSITION_KEY))
    return PositionRules(file, place_of(settings), settings.standby_synchronous)


def position_keeper(settings: Settings, database: Database, keys: KeyRing) -> PositionKeeper:
    """What keeps the position of this database in one process."""
    return PositionKeeper(database.connect, position_rules(settings, database, keys))


def kept_database(settings: Settings, database: Database, keys: KeyRing) -> tuple[Database, PositionKeeper]:
    """The database of a process that serves, which never opens a connection to one that was replaced."""
    keeper = position_keeper(settings, database, keys)
    return database.admitted_by(keeper.admit), keeper


@asynccontextmanager
async def position_kept(keeper: PositionKeeper) -> AsyncIterator[None]:
    """Record the position while the block runs; over a database that was restored it does not begin.

    A process whose database is replaced under it is told to leave, as by its process manager.

    Raises:
        RestoredDatabaseError: the database does not hold the recorded position.
    """
    await keeper.start()
    stop = asyncio.Event()
    keeping = asyncio.create_task(_keep(keeper, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(keeping, return_exceptions=True)
        await _end(keeper)
    if keeper.lost is not None:
        raise keeper.lost


async def divergence_of(settings: Settings, database: Database, keys: KeyRing) -> Divergence | None:
    """How the database differs from its recorded position; None if it continues it, or was released."""
    rules = position_rules(settings, database, keys)
    recorded = read_file(rules)
    connection = await database.connect()
    try:
        seen = await inspect(connection, rules, recorded)
        is_served = seen.divergence is None or await is_released(connection, rules.place, seen.digest)
        return None if is_served else seen.divergence
    finally:
        await connection.close()


async def refuse_if_restored(keeper: PositionKeeper) -> None:
    """Compare once, before anything else is built.

    Raises:
        RestoredDatabaseError: the database does not hold the recorded position.
    """
    try:
        await keeper.start()
    finally:
        await keeper.close()


async def _keep(keeper: PositionKeeper, stop: asyncio.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), KEEP_SECONDS)
        try:
            await keeper.keep()
        except RestoredDatabaseError:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        except Exception as error:  # noqa: BLE001 - counted, and tried again in the next round
            telemetry.count_error("position_not_recorded", error=error)


async def _end(keeper: PositionKeeper) -> None:
    try:
        await keeper.keep_last()
    except RestoredDatabaseError:
        return  # the caller raises it
    except Exception as error:  # noqa: BLE001 - the position before it stands, and is in the database
        telemetry.count_error("position_not_recorded", error=error)
    finally:
        await keeper.close()
