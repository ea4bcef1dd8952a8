"""Positions kept outside the database, and what becomes of a database that does not hold them."""
