"""Every table of the switch with its triggers; importing this module registers all with one metadata.

Migrations compare a database with that metadata, so a table that is not imported here would be missing; a
test checks that every module of this folder is imported. `metadata.create_all` makes the triggers too.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, MetaData, Table, event

from ekpay_switch.persistence.schema import (  # noqa: F401 - each registers its tables
    access,
    agents,
    alarms,
    bill_files,
    billers,
    books,
    carts,
    challans,
    citizens,
    collections,
    decisions,
    disputes,
    far_sides,
    health,
    host_links,
    ledger_lines,
    limits,
    logins,
    lost_sends,
    merchants,
    notifications,
    restores,
    routing,
    scrolls,
    transfers,
    triggers,
    upkeep,
)
from ekpay_switch.persistence.schema.books import APPEND_ONLY, metadata

__all__ = ["TRIGGERS", "append_only_tables", "metadata"]

# Each trigger with the statements that make it: its function, then itself.
TRIGGERS: Mapping[str, tuple[str, str]] = {
    **triggers.LEDGER_TRIGGERS,
    **triggers.SCROLL_TRIGGERS,
    **host_links.HOST_TRIGGERS,
    **collections.MOVEMENT_TRIGGERS,
    **merchants.MERCHANT_TRIGGERS,
    **carts.CART_TRIGGERS,
    **challans.CHALLAN_TRIGGERS,
    **access.ACCESS_TRIGGERS,
    **disputes.DISPUTE_TRIGGERS,
}


def append_only_tables() -> list[Table]:
    """The tables whose rows the application may add and read, and neither change nor remove."""
    return [table for table in metadata.sorted_tables if table.info == APPEND_ONLY]


@event.listens_for(metadata, "after_create")
def _create_triggers(_target: MetaData, connection: Connection, **_kept: object) -> None:
    for statements in TRIGGERS.values():
        for statement in statements:
            connection.exec_driver_sql(statement)
