"""Links to banks' hosts in PostgreSQL: leases, and requests as their owner moves them on."""
