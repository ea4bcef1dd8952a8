"""An embedded PostgreSQL of our own: its server, the account it runs as, its roles."""
