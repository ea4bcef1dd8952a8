"""The table of failed logins, which all processes share: no guessing faster than it allows."""

from sqlalchemy import Column, Table, Text

from ekpay_switch.persistence.schema.books import instant, metadata

# `caller` is a hash of the address, or of the address and the name that it tried. A caller that fails evenly
# would be at `free_at` by now; one that is too far ahead of the clock waits.
failed_logins = Table(
    "failed_logins",
    metadata,
    Column("caller", Text, primary_key=True),
    instant("free_at", index=True),
)
