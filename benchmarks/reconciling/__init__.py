"""Benchmarks of reconciliation: one million payments against a settlement file of one million rows."""
