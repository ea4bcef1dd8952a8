"""Receipts for people: the page, its PDF and its QR code (docs/adr/0049)."""
