"""Limits that all processes share: on failures, on a partner's tokens and on the bills that it fetches."""

from sqlalchemy import Column, ForeignKey, Table, Text

from ekpay_switch.persistence.schema.books import instant, metadata

# `caller` is a hash of the address, or of the address and the name that it tried. A caller that fails evenly
# would be at `free_at` by now; one that is too far ahead of the clock waits.
failed_logins = Table(
    "failed_logins",
    metadata,
    Column("caller", Text, primary_key=True),
    instant("free_at", index=True),
)

# A partner that takes tokens evenly would be at `free_at` by now; a second ahead of the clock it waits.
token_permits = Table(
    "token_permits",
    metadata,
    Column("partner_id", Text, ForeignKey("partners.id"), primary_key=True),
    instant("free_at"),
)

# The same for fetches of bills; `holder` is the door and the partner, since a partner may have both, or the
# portal and a hash of the address from which its forms come.
fetch_permits = Table(
    "fetch_permits",
    metadata,
    Column("holder", Text, primary_key=True),
    instant("free_at"),
)
