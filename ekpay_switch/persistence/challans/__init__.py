"""Treasury challans in PostgreSQL, and the merchants with access to them."""
