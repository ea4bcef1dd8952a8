"""Payments in PostgreSQL: the port `Payments`, locks on bills, receipts, and one payment's story."""
