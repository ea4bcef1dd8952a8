"""Collected payments in PostgreSQL: openings, findings, deliveries, and the entries of each."""
