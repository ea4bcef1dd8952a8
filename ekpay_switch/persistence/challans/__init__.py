"""Treasury challans in PostgreSQL, and the merchants that may raise them."""
