"""Host links in PostgreSQL: leases of links, and the states of host messages."""
