"""Receipts of payments that we collected."""
