"""Carts of bills in PostgreSQL."""
