"""Every table of the switch; importing this package registers all of them with one metadata.

Migrations compare a database with that metadata, so a table that is not imported here would be missing; a
test checks that every module of this folder is imported.
"""

from ekpay_switch.persistence.schema import (
    bill_files,
    billers,
    books,
    challans,
    collections,
    far_sides,
    host_links,
    ledger_lines,
    merchants,
    notifications,
    routing,
    scrolls,
    triggers,
    upkeep,
)

__all__ = [
    "bill_files",
    "billers",
    "books",
    "challans",
    "collections",
    "far_sides",
    "host_links",
    "ledger_lines",
    "merchants",
    "notifications",
    "routing",
    "scrolls",
    "triggers",
    "upkeep",
]
