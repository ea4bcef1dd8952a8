"""Collected payments in PostgreSQL: openings, findings, deliveries, and what each posts."""
