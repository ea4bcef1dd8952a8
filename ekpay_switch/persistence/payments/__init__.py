"""Payments in PostgreSQL: the port `Payments`, bill locks, receipts, and everything about one payment."""
