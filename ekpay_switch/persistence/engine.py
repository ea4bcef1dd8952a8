"""Connecting to PostgreSQL: which server, as which role, through which driver.

The hot path uses asyncpg directly (group commit), everything else SQLAlchemy Core over the same driver.
`EKPAY_DATABASE_URL` names an external server; without it the embedded one is started when it is needed.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.settings import Settings

# "reconcile run", but not what a command is about.
_COMMAND_WORDS = 2

# No statement of ours runs for minutes; a stuck one must not hold locks that payments wait for.
SESSION_GUARDS = {
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
}

# The hot path only looks rows up by key. Its plans are made once, when tables may be empty, so scans are
# switched off: they would be slow once the tables have grown. Planning each time would cost more than the
# work.
KEYED_ONLY = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

# The database answers and cannot write: its disk or memory is full, its connections are spent, it only reads.
# Where a statement fails like this its transaction has come to nothing.
REFUSES = (asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError)
_REASONS = {
    "53100": "disk_full",
    "53200": "out_of_memory",
    "53300": "too_many_connections",
    "53400": "configuration_limit",
    "25006": "read_only",
}

# The errors of driver, pool and network while the database cannot be reached; it may be back any moment.
_DRIVER_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # its protocol has failed: the server died between two messages
    asyncpg.OperatorInterventionError,
    *REFUSES,
    OSError,
)
DATABASE_AWAY: tuple[type[Exception], ...] = (*_DRIVER_AWAY, DBAPIError, PoolTimeoutError)


def is_away(error: Exception) -> bool:
    """Whether an error of DATABASE_AWAY means that the database cannot be reached, not a wrong statement.

    SQLAlchemy has a class for a lost connection, but none for a server that starts or shuts down.
    """
    if not isinstance(error, DBAPIError) or isinstance(error, InterfaceError | OperationalError):
        return isinstance(error, DATABASE_AWAY)
    cause = error.orig.__cause__ if error.orig is not None else None
    return (
        error.connection_invalidated
        or isinstance(error.orig, _DRIVER_AWAY)
        or isinstance(cause, _DRIVER_AWAY)
    )


def refusal_reason(error: BaseException) -> str:
    """Why the database refuses to write, as the driver or SQLAlchemy says it; empty for any other error."""
    cause = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig.__cause__ or error.orig
    if not isinstance(cause, REFUSES):
        return ""
    return _REASONS.get(cause.sqlstate or "", "insufficient_resources")


def is_passing(error: Exception) -> bool:
    """`is_away` for the edge, which counts a database that refuses to write."""
    reason = refusal_reason(error)
    if reason:
        from ekpay_switch import trouble  # noqa: PLC0415 - metrics and logs, of which a command has no need

        trouble.count_database_refusal(reason)
    return is_away(error)


# Raises an error of DATABASE_AWAY where a new connection must not be used.
Admit = Callable[[asyncpg.Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Database:
    """The libpq URLs of the database for its three roles; they contain passwords, so the repr hides them."""

    _app: str
    _owner: str
    _audit: str
    _admit: Admit | None = None

    def __repr__(self) -> str:
        return "Database(…)"

    def admitted_by(self, admit: Admit) -> "Database":
        """The same database, with every new connection shown to `admit` before it is used."""
        return replace(self, _admit=admit)

    @property
    def name(self) -> str:
        """The name of the database in the application's URL."""
        return unquote(urlsplit(self._app).path.removeprefix("/"))

    def url(self, role: str = "app") -> str:
        """The libpq URL of one role: app, owner or audit."""
        return {"app": self._app, "owner": self._owner, "audit": self._audit}[role]

    async def connect(self, role: str = "app") -> asyncpg.Connection:
        """One asyncpg connection with the session guards on."""
        return await self._connect(self.url(role), SESSION_GUARDS)

    async def connect_hot(self) -> asyncpg.Connection:
        """One asyncpg connection for the group commit: the app role, with plans that use keys only."""
        return await self._connect(self._app, SESSION_GUARDS | KEYED_ONLY)

    async def _connect(self, url: str, settings: Mapping[str, str]) -> asyncpg.Connection:
        connection = await asyncpg.connect(url, server_settings=dict(settings), timeout=10)
        if self._admit is not None:
            try:
                await self._admit(connection)
            except BaseException:
                connection.terminate()
                raise
        return connection

    def engine(self, role: str = "app", *, pool_size: int = 4) -> AsyncEngine:
        """A SQLAlchemy engine with a small pool, so that overload shows early."""
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: self.connect(role),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=True,
        )


def open_database(settings: Settings) -> Database:
    """The database that the settings name, started first where it is the embedded one.

    This process counts as a user of the embedded one until it ends.
    """
    if settings.database_url is not None:
        app = settings.database_url.get_secret_value()
        owner, audit = settings.database_owner_url, settings.database_audit_url
        return Database(
            app,
            owner.get_secret_value() if owner else app,
            audit.get_secret_value() if audit else app,
        )
    endpoint = EmbeddedPostgres(settings.home).start(used_by=_command())
    return Database(endpoint.dsn("ekpay_app"), endpoint.dsn("ekpay_owner"), endpoint.dsn("ekpay_audit"))


def _command() -> str:
    """The command that this process runs, without its options: they may hold a secret."""
    program, *words = sys.argv
    names = takewhile(lambda word: not word.startswith("-"), words)
    return " ".join((Path(program).name, *islice(names, _COMMAND_WORDS)))
