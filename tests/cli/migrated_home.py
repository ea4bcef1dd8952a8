"""A home with an embedded database, as `ekpay migrate` leaves it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import open_database
from ekpay_switch.persistence.migrate import migrate
from ekpay_switch.settings import Settings
from tests.database import home_of_a_server, relax_durability


@contextmanager
def a_home() -> Iterator[Path]:
    """The home; its server is stopped and deleted at the end."""
    with home_of_a_server() as home:
        asyncio.run(relax_durability(EmbeddedPostgres(home).start()))
        asyncio.run(migrate(open_database(Settings(home=home, database_url=None))))
        yield home
        EmbeddedPostgres(home).destroy()
