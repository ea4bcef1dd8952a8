"""Refunds in PostgreSQL: their rows under locks, their steps, and decisions of staff."""
