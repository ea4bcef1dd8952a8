"""The session of a command: settings, database and keys, opened once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.settings import Settings, read_settings

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Session:
    """Settings, and a running database."""

    settings: Settings
    database: Database

    def keys(self) -> KeyRing:
        """The keys of this installation."""
        return keys_of(self.settings)

    def run(self, work: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
        """Do one piece of work with an engine of its own, closed after."""

        async def _with_engine() -> Result:
            engine = self.database.engine(pool_size=2)
            try:
                return await work(engine)
            finally:
                await engine.dispose()

        return asyncio.run(_with_engine())


def keys_of(settings: Settings) -> KeyRing:
    """The keys of the configured master key, or of the key file."""
    configured = settings.master_key
    return KeyRing.open(settings.home, configured.get_secret_value() if configured else None)


def open_session() -> Session:
    """Read the settings and make sure that the database runs; the embedded one is started if it does not."""
    settings = read_settings()
    is_cold = settings.database_url is None and not EmbeddedPostgres(settings.home).is_running()
    if not is_cold:
        return Session(settings, open_database(settings))
    with Console(stderr=True).status("starting the embedded PostgreSQL …"):
        return Session(settings, open_database(settings))
