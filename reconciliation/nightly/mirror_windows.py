"""Mirrors of the lines that were frozen with a night's windows, for later checks.

No nightly run reads them. What a process that dies did not make, the next night makes.
"""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Final

from adbc_driver_manager import Error
from asyncpg import PostgresError

from ekpay_switch.ports.finance import Finance
from reconciliation.mirror.make_mirrors import make_missing, required_mirrors
from reconciliation.mirror.mirror_folder import MirrorFolder
from reconciliation.postgres_arrow import Database
from reconciliation.results.table_values import Connection

# How far back a night looks for mirrors that an earlier one did not make; the command `mirror` goes further.
_BACK: Final = timedelta(days=7)


async def mirror_windows(
    connection: Connection, finance: Finance, institutions: Collection[str], night: date
) -> str:
    """Make the mirrors of a night's windows and of seven days before; the failure's reason, else empty."""
    try:
        required = await required_mirrors(connection, institutions, night - _BACK)
        with Database(finance.url("audit")) as books:
            await make_missing(connection, books, MirrorFolder.of(finance.home_folder), required)
    except (OSError, Error, PostgresError) as problem:
        return str(problem)
    return ""
