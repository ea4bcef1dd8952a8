"""Refunds in PostgreSQL: their rows under locks, their steps, and what staff decides."""
