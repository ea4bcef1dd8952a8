"""What runs found, in PostgreSQL: the schema `reconciliation`, which nobody but this wing writes."""
