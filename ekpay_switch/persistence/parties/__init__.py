"""Partners, API keys and staff in PostgreSQL, with top-ups of prefunds."""
