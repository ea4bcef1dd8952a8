"""The callers: partners and shops with clients of their own, payers at pages, and a web shop."""
