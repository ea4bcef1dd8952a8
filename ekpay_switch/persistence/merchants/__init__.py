"""Merchants in PostgreSQL: who sells, under which agreement, and their payments."""
