"""Disputes in PostgreSQL: their rows, the postings of their steps, and the desk that people work at."""
