"""Lines, sheets, instructions and bank outcomes of settlement in PostgreSQL (migration 0015)."""
