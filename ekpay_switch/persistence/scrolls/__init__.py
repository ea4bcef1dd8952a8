"""Files exchanged with batch billers, in PostgreSQL: bill files in, scrolls out."""
