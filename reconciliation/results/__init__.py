"""Results of runs in PostgreSQL: the schema `reconciliation`, which only this wing writes."""
